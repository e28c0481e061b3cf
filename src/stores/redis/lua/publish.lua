-- Remembers and publishes the events of several channels of one partition, as one step.
-- KEYS 1 generation, then for each channel: history, position, last event
-- ARGV 1 publish command 2 epoch for channels that have none 3 number of channels
--      then for each: bus channel, events to keep, milliseconds to keep them, milliseconds to keep the last event as such, number of events, the events as one text

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

local generation = redis.call('HGET', KEYS[1], 'generation') or '0'
local at = 4
for channel = 1, tonumber(ARGV[3]) do
  local history, position, last_event = KEYS[channel * 3 - 1], KEYS[channel * 3], KEYS[channel * 3 + 1]
  local bus, keep, ttl, last_ttl = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local count, text = tonumber(ARGV[at + 4]), ARGV[at + 5]
  at = at + 6
  local head = '- - 0'
  if keep > 0 then
    local epoch = redis.call('HGET', position, 'epoch')
    if not epoch then
      epoch = ARGV[2]
      redis.call('HSET', position, 'epoch', epoch)
      redis.call('DEL', history)
    end
    local last = redis.call('HINCRBY', position, 'offset', count)
    -- Where each generation of the data began: offsets behind that point may have been given twice.
    if redis.call('HGET', position, 'generation') ~= generation then
      redis.call('HSET', position, 'generation', generation, 'base:' .. generation, last - count)
    end
    redis.call('RPUSH', history, unpack(latest(text, count, keep)))
    redis.call('LTRIM', history, -keep, -1)
    redis.call('PEXPIRE', history, ttl)
    redis.call('PEXPIRE', position, math.max(ttl * 2, 3600000))
    head = epoch .. ' ' .. generation .. ' ' .. (last - count + 1)
  end
  if last_ttl > 0 then redis.call('SET', last_event, latest(text, count, 1)[1], 'PX', last_ttl) end
  redis.call(ARGV[1], bus, 'e ' .. head .. ' ' .. count .. '\n' .. text)
end
return 'OK'
