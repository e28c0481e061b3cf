-- Renews a lease that still stands, and names nodes whose lease has ended.
-- KEYS 1 generation 2 nodes ; ARGV 1 generation 2 node 3 token 4 lease ms 5 quiet ms
-- Returns status, milliseconds of quiet that are left, and the nodes.
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return { 'LOST' } end
if redis.call('HGET', KEYS[1], 'node:' .. ARGV[2]) ~= ARGV[3] then return { 'FENCED' } end
local now = now_ms()
local quiet = redis.call('HGET', KEYS[1], 'quiet') or '0'
check(is_time(quiet))
quiet = tonumber(quiet)
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 16)
for _, node in ipairs(ended) do check(is_name(node)) end
-- A lease that never ends is one that nobody gave.
check(#redis.call('ZRANGEBYSCORE', KEYS[2], now + TOO_FAR_MS, '+inf', 'LIMIT', 0, 1) == 0)
if tonumber(redis.call('ZSCORE', KEYS[2], ARGV[2]) or '0') <= now then
  -- Its lease has ended and nobody buried it: nobody could, for Redis took nothing. The leases of the others say nothing either.
  quiet = math.max(quiet, now + tonumber(ARGV[5]))
  redis.call('HSET', KEYS[1], 'quiet', quiet)
end
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[4]), ARGV[2])
return { 'OK', math.max(0, quiet - now), unpack(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 16)) }
