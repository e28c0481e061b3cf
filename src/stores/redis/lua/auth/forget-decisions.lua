-- Forgets decisions of the auth gateway: those for which the app was asked until now and that have one of the tags.
-- KEYS 1 what was forgotten, by the time at which it was
-- ARGV 1 milliseconds after which no earlier decision is left 2 most tags of the partition 3 and more: the tags
local now, kept = now_ms(), tonumber(ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - kept)
for at = 3, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[at]) end
-- Rather all than one too few.
if redis.call('ZCARD', KEYS[1]) > tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
  redis.call('ZADD', KEYS[1], now, 'all')
end
redis.call('PEXPIRE', KEYS[1], kept)
return 1
