-- Remembers and publishes the events of several channels of one partition, as one step, unless it is too late.
-- KEYS 1 marker 2 generation, then for each channel: history, position, last event
-- ARGV 1 earliest 2 deadline 3 id of this script 4 milliseconds to keep the marker
--      5 publish command 6 epoch for channels that have none 7 number of channels
--      then for each: bus channel, events to keep, milliseconds to keep them, milliseconds to keep the last event as such, number of events, the events as one text
-- Returns OK, or LATE when nothing was done; and the time in milliseconds.

-- The last events of a text, at most so many. Each begins with the length of what follows its first line.
local function latest(text, count, most)
  local events, from = {}, 1
  for event = 1, count do
    local length, body = string.match(text, '^(%d+)[^\n]*\n()', from)
    local after = body + length
    if count - event < most then events[#events + 1] = string.sub(text, from, after - 1) end
    from = after
  end
  return events
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A clock that is behind what it was is another server's, or was set: nothing is known of the deadline then.
if now < tonumber(ARGV[1]) or now > tonumber(ARGV[2]) then return { 'LATE', now } end
-- First: whoever lost the answer finds by it that this was carried out, and when Redis takes no writes, nothing is.
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])

local generation = redis.call('HGET', KEYS[2], 'generation') or '0'
local at = 8
for channel = 1, tonumber(ARGV[7]) do
  local history, position, last_event = KEYS[channel * 3], KEYS[channel * 3 + 1], KEYS[channel * 3 + 2]
  local bus, keep, ttl, last_ttl = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local count, text = tonumber(ARGV[at + 4]), ARGV[at + 5]
  at = at + 6
  local head = '- - 0'
  if keep > 0 then
    local epoch = redis.call('HGET', position, 'epoch')
    if not epoch then
      epoch = ARGV[6]
      redis.call('HSET', position, 'epoch', epoch)
      redis.call('DEL', history)
    end
    local last = redis.call('HINCRBY', position, 'offset', count)
    -- Where each generation of the data began: offsets behind that point may have been given twice.
    if redis.call('HGET', position, 'generation') ~= generation then
      redis.call('HSET', position, 'generation', generation, 'base:' .. generation, last - count)
    end
    head = epoch .. ' ' .. generation .. ' ' .. (last - count + 1)
  end
  redis.call(ARGV[5], bus, 'e ' .. head .. ' ' .. count .. '\n' .. text)
  if keep > 0 then
    redis.call('RPUSH', history, unpack(latest(text, count, keep)))
    redis.call('LTRIM', history, -keep, -1)
    redis.call('PEXPIRE', history, ttl)
    redis.call('PEXPIRE', position, math.max(ttl * 2, 3600000))
  end
  if last_ttl > 0 then redis.call('SET', last_event, latest(text, count, 1)[1], 'PX', last_ttl) end
end
return { 'OK', now }
