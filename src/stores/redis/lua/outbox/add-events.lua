-- Adds events that a node made. KEYS 1 stream 2 attempts, then for some events the key that stands while it is not added again
-- ARGV 1 most events 2 number of events, then for each: the event as JSON, milliseconds in which it is added once ('0': always)
check_stream(KEYS[1])
redis.call('HLEN', KEYS[2])
local outbox = { stream = KEYS[1], attempts = KEYS[2], most = tonumber(ARGV[1]) }
local key = 3
for at = 3, 1 + 2 * ARGV[2], 2 do
  local isNew = true
  if ARGV[at + 1] ~= '0' then
    isNew = redis.call('SET', KEYS[key], '1', 'NX', 'PX', ARGV[at + 1])
    -- Invalid data of another program would stand for ever.
    if not isNew and redis.call('PTTL', KEYS[key]) == -1 then isNew = redis.call('SET', KEYS[key], '1', 'PX', ARGV[at + 1]) end
    key = key + 1
  end
  if isNew then write(outbox, 'record', ARGV[at]) end
end
