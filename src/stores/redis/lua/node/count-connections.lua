-- Stores a node's number of sockets of an app, unless the app would exceed its limit. KEYS 1 nodes 2 connections
-- ARGV 1 node 2 sockets 3 limit (0: none)
-- Returns 1 when the app may have them, else 0 and nothing is written; and the app's total. Ended nodes no longer count.
local total = tonumber(ARGV[2])
local all = redis.call('HGETALL', KEYS[2])
for at = 1, #all, 2 do
  if all[at] ~= ARGV[1] then
    check(is_whole(all[at + 1], 15))
    if redis.call('ZSCORE', KEYS[1], all[at]) then total = total + tonumber(all[at + 1])
    else redis.call('HDEL', KEYS[2], all[at]) end
  end
end
if tonumber(ARGV[3]) > 0 and total > tonumber(ARGV[3]) then return { 0, total } end
if ARGV[2] == '0' then redis.call('HDEL', KEYS[2], ARGV[1]) else redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
return { 1, total }
