-- For a time nobody may conclude that a member left: a part of the data is gone, and its owners say it again.
-- KEYS 1 generation ; ARGV 1 generation 2 quiet ms
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
local now = now_ms()
local quiet = redis.call('HGET', KEYS[1], 'quiet') or '0'
check(is_time(quiet))
redis.call('HSET', KEYS[1], 'quiet', math.max(tonumber(quiet), now + tonumber(ARGV[2])))
return 1
