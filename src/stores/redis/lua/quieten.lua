-- For a time nobody may conclude that a member left: a part of the data is gone, and its owners say it again.
-- KEYS 1 generation ; ARGV 1 generation 2 quiet ms
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local quiet = tonumber(redis.call('HGET', KEYS[1], 'quiet') or '0')
redis.call('HSET', KEYS[1], 'quiet', math.max(quiet, now + tonumber(ARGV[2])))
return 1
