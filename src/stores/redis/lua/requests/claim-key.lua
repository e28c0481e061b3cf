-- Binds an idempotency key to the first request that has it.
-- KEYS 1 keys of the app by the time at which they expire 2 of each key its request, and after it the answer if it is kept;
--        in the field `bytes` the bytes of all answers. They have no expiry, so that no volatile-* policy evicts them
-- ARGV 1 key 2 request, a digest 3 milliseconds 4 most keys
-- Returns first, repeated or other; how many keys were forgotten before their time; and the answer that is kept.
local MOST_AT_ONCE = 100
local now = now_ms()
local function forget(keys)
  if #keys == 0 then return end
  local bytes = 0
  for _, record in ipairs(redis.call('HMGET', KEYS[2], unpack(keys))) do
    bytes = bytes + math.max(0, #(record or '') - #ARGV[2])
  end
  redis.call('HDEL', KEYS[2], unpack(keys))
  if bytes > 0 then redis.call('HINCRBY', KEYS[2], 'bytes', -bytes) end
end
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, MOST_AT_ONCE)
if #expired > 0 then redis.call('ZREM', KEYS[1], unpack(expired)) end
forget(expired)
-- Whatever is left without a key was left by an eviction.
if redis.call('ZCARD', KEYS[1]) == 0 then redis.call('DEL', KEYS[2]) end
local until_ms = redis.call('ZSCORE', KEYS[1], ARGV[1])
local record = redis.call('HGET', KEYS[2], ARGV[1])
if until_ms and tonumber(until_ms) > now and record and #record >= #ARGV[2] then
  if string.sub(record, 1, #ARGV[2]) ~= ARGV[2] then return { 'other', 0 } end
  return { 'repeated', 0, string.sub(record, #ARGV[2] + 1) }
end
forget({ ARGV[1] })
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local forgotten = 0
while redis.call('ZCARD', KEYS[1]) > tonumber(ARGV[4]) do
  local first = redis.call('ZPOPMIN', KEYS[1])
  forget({ first[1] })
  if tonumber(first[2]) > now then forgotten = forgotten + 1 end
end
return { 'first', forgotten }
