-- Reads the oldest part of what was published on a channel after a position.
-- KEYS 1 history 2 position 3 bytes of the app's histories 4 generation ; ARGV 1 epoch, '' for none 2 generation 3 offset
--      4 events at most; 0: only the position of the channel is read 5 bytes after which the part ends, with the event that reaches them
-- Returns the epoch ('' when nothing is kept), the generation of the data, the last offset, how many events after the position are no
-- longer kept, the offset of the last event of this part, the events, how many milliseconds ago a position of the app was
-- last dropped early (-1: none was), and for how many milliseconds the data of the partition has been the same (0: not known).
local known = redis.call('HGETALL', KEYS[2])
local epoch, generation, last = '', nil, nil
local from, most, most_bytes = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
for at = 1, #known, 2 do
  local name, value = known[at], known[at + 1]
  check(is_position_field(name, value))
  if name == 'epoch' then epoch = value
  elseif name == 'generation' then generation = value
  elseif name == 'offset' then last = tonumber(value)
  -- A generation that the caller has not seen: from its start on, all is new to the caller.
  elseif name ~= 'until' and tonumber(string.sub(name, 6)) > tonumber(ARGV[2]) then from = math.min(from, tonumber(value)) end
end
if #known > 0 then check(epoch ~= '' and generation and last) end
generation, last = generation or '0', last or 0
local now = now_ms()
local dropped, dropped_ago = redis.call('HGET', KEYS[3], 'forgotten'), -1
if dropped then
  check(is_time(dropped))
  dropped_ago = math.max(0, now - tonumber(dropped))
end
-- A generation is the time at which it began. One in which nothing was published on the channel begins behind the last event.
local data, same_for = redis.call('HGET', KEYS[4], 'generation'), 0
if data then
  check(is_time(data))
  same_for = math.max(0, now - tonumber(data))
  if tonumber(data) > tonumber(generation) then generation = data end
  if tonumber(data) > tonumber(ARGV[2]) then from = math.min(from, last) end
end
if epoch ~= ARGV[1] then from = 0 end
if most == 0 or from >= last then return { epoch, generation, last, 0, last, {}, dropped_ago, same_for } end

local first = math.max(from, last - redis.call('LLEN', KEYS[1])) + 1
local events, bytes = {}, 0
-- Reads a few at a time, so that what one call of Redis copies is bounded too. Counts from the end: -1 is the event at `last`.
for begin = first - last - 1, -1, 20 do
  if #events >= most or bytes >= most_bytes then break end
  for _, event in ipairs(redis.call('LRANGE', KEYS[1], begin, math.min(begin + 19, -1))) do
    if #events >= most or bytes >= most_bytes then break end
    events[#events + 1] = event
    bytes = bytes + #event
  end
end
return { epoch, generation, last, first - 1 - from, first - 1 + #events, events, dropped_ago, same_for }
