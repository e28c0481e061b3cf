-- A node comes (back) to a partition: it learns the generation of the data and gets or renews its lease.
-- KEYS 1 generation 2 nodes
-- ARGV 1 run id of the server 2 node 3 lease ms 4 generation that the node knew, '' if none 5 quiet ms 6 its new token
-- Tokens are numbers that grow. Only scripts with the newest one of the node are obeyed: what an earlier connection
-- still sends is not.
-- A node that knew another generation gets nothing but the answer: what is said of it here may be old, so it comes anew.
-- Returns the generation, milliseconds of quiet that are left.
local now = now_ms()
local run = redis.call('HGET', KEYS[1], 'run')
local generation = redis.call('HGET', KEYS[1], 'generation')
local isOther = false
for _, field in ipairs({ 'generation', 'quiet' }) do
  local value = redis.call('HGET', KEYS[1], field)
  check(not value or is_time(value))
end
if not generation then
  -- Empty: never used, or lost. The time makes it differ from every generation before.
  generation = tostring(now)
elseif run ~= ARGV[1] then
  -- Another server process holds this data now: what it had acknowledged before may be missing.
  generation = tostring(math.max(now, tonumber(generation) + 1))
  isOther = true
end
local isKnown = ARGV[4] == '' or ARGV[4] == generation
local quiet = tonumber(redis.call('HGET', KEYS[1], 'quiet') or '0')
local newest = redis.call('HGET', KEYS[1], 'node:' .. ARGV[2]) or '0'
check(is_whole(newest, 15))
newest = tonumber(newest)
local lease = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[2]) or '0')
-- Its lease has ended and nobody buried it: nobody could, and the leases of the others say nothing either.
local isOverdue = newest > 0 and lease <= now
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'generation', generation)
if isOther or isOverdue or not isKnown then
  -- Others who were here before will tell again what they hold; until then nobody may conclude that a member left.
  quiet = math.max(quiet, now + tonumber(ARGV[5]))
  redis.call('HSET', KEYS[1], 'quiet', quiet)
end
if isKnown and tonumber(ARGV[6]) >= newest then
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), ARGV[2])
  redis.call('HSET', KEYS[1], 'node:' .. ARGV[2], ARGV[6])
end
return { generation, math.max(0, quiet - now) }
