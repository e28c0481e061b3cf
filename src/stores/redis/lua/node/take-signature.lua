-- Takes a signature, once: a second time is refused until it expires.
-- KEYS 1 signatures of the app by the time at which they expire. The key itself has no expiry, so that no volatile-* policy
--        evicts it
-- ARGV 1 signature 2 milliseconds until it expires, 0: never 3 most signatures
-- Returns 1 when it is taken, and how many others were forgotten for it, the first to expire first.
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
-- An entry that expires later than any signature can is invalid, and would never make room for one.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now + 2 * 3155760000000), '+inf')
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 0, 0 } end
local ttl = tonumber(ARGV[2])
if ttl == 0 then ttl = 3155760000000 end -- A hundred years, so that the oldest are still known as such.
redis.call('ZADD', KEYS[1], now + ttl, ARGV[1])
local forgotten = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
if forgotten <= 0 then return { 1, 0 } end
redis.call('ZPOPMIN', KEYS[1], forgotten)
return { 1, forgotten }
