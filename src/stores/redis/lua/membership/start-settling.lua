-- Starts or prolongs the settling of a partition: no member counts as gone while the nodes write lost data again.
-- KEYS 1 generation ; ARGV 1 generation 2 settling ms
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
local now = now_ms()
local settlingUntil = redis.call('HGET', KEYS[1], 'settling') or '0'
check(is_time(settlingUntil))
redis.call('HSET', KEYS[1], 'settling', math.max(tonumber(settlingUntil), now + tonumber(ARGV[2])))
return 1
