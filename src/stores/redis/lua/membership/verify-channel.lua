-- Tells whether everything that a node wrote of one channel is still there: Redis may have evicted a part of it.
-- KEYS 1 index of the node 2 counts 3 users of the node 4 nodes per user 5 members 6 version 7 occupied
-- ARGV 1 node 2 channel key in the index 3 channel 4 number of users of the node, then their ids
-- Returns 1 when it is whole. Reading counts as a use: with an LRU or LFU policy what is in use is evicted last.
check_version(KEYS[6])
local whole = redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1
  and redis.call('SISMEMBER', KEYS[1], ARGV[2]) == 1
  and redis.call('SISMEMBER', KEYS[7], ARGV[3]) == 1
  and redis.call('SCARD', KEYS[3]) == tonumber(ARGV[4])
if not whole then return 0 end
for at = 5, 4 + tonumber(ARGV[4]) do
  if redis.call('SISMEMBER', KEYS[3], ARGV[at]) == 0 or redis.call('HEXISTS', KEYS[4], ARGV[at]) == 0
    or redis.call('HEXISTS', KEYS[5], ARGV[at]) == 0 then return 0 end
end
local usersOf = string.sub(KEYS[3], 1, -#ARGV[1] - 1)
local held, counted = 0, 0
for _, node in ipairs(redis.call('HKEYS', KEYS[2])) do
  local users = redis.pcall('SCARD', usersOf .. node)
  held = held + (tonumber(users) or 0)
end
for _, count in ipairs(redis.call('HVALS', KEYS[4])) do
  check(is_whole(count, 15))
  counted = counted + tonumber(count)
end
-- A user of another node whose member is missing is for that node to write again.
if held ~= counted or redis.call('HLEN', KEYS[4]) < redis.call('HLEN', KEYS[5]) then return 0 end
if held > 0 and redis.call('EXISTS', KEYS[6]) == 0 then return 0 end
return 1
