-- Renews a lease that still stands, and names nodes whose lease has ended.
-- KEYS 1 generation 2 nodes ; ARGV 1 generation 2 node 3 token 4 lease ms 5 settling ms
-- Returns status, for how many more milliseconds the partition is settling, and the nodes.
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return { 'LOST' } end
if redis.call('HGET', KEYS[1], 'node:' .. ARGV[2]) ~= ARGV[3] then return { 'FENCED' } end
local now = now_ms()
local settlingUntil = redis.call('HGET', KEYS[1], 'settling') or '0'
check(is_time(settlingUntil))
settlingUntil = tonumber(settlingUntil)
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 16)
for _, node in ipairs(ended) do check(is_name(node)) end
-- A lease that never ends is not one of ours.
check(#redis.call('ZRANGEBYSCORE', KEYS[2], now + TOO_FAR_MS, '+inf', 'LIMIT', 0, 1) == 0)
if tonumber(redis.call('ZSCORE', KEYS[2], ARGV[2]) or '0') <= now then
  -- Its lease has ended and no node cleaned up: none could, for Redis accepted nothing. The leases of the others prove
  -- nothing either.
  settlingUntil = math.max(settlingUntil, now + tonumber(ARGV[5]))
  redis.call('HSET', KEYS[1], 'settling', settlingUntil)
end
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[4]), ARGV[2])
return { 'OK', math.max(0, settlingUntil - now), unpack(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 16)) }
