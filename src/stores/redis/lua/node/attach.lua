-- Attaches a node to a partition, again after an outage: returns the generation of the data and grants or renews the lease.
-- KEYS 1 generation 2 nodes
-- ARGV 1 run id of the server 2 node 3 lease ms 4 generation that the node had, '' if none 5 settling ms 6 its new token
-- Tokens are numbers that grow. Scripts are accepted with the node's newest token only, so that what an earlier
-- connection still sends has no effect.
-- A node that had another generation gets the answer and no lease: what it wrote here may be old, so it attaches anew.
-- Field `settling` of the generation: until when the partition is settling. Until then no member counts as gone, for the
-- nodes that own the members are about to write them again.
-- Returns the generation, and for how many more milliseconds the partition is settling.
local now = now_ms()
local run = redis.call('HGET', KEYS[1], 'run')
local generation = redis.call('HGET', KEYS[1], 'generation')
local isOther = false
for _, field in ipairs({ 'generation', 'settling' }) do
  local value = redis.call('HGET', KEYS[1], field)
  check(not value or is_time(value))
end
if not generation then
  -- Empty: never used, or lost. The time makes it differ from every generation before.
  generation = tostring(now)
elseif run ~= ARGV[1] then
  -- Another server process holds this data now: writes that the one before acknowledged may be missing.
  generation = tostring(math.max(now, tonumber(generation) + 1))
  isOther = true
end
local isKnown = ARGV[4] == '' or ARGV[4] == generation
local settlingUntil = tonumber(redis.call('HGET', KEYS[1], 'settling') or '0')
local newest = redis.call('HGET', KEYS[1], 'node:' .. ARGV[2]) or '0'
check(is_whole(newest, 15))
newest = tonumber(newest)
local lease = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[2]) or '0')
-- The lease has ended and no node cleaned up: none could, so the leases of the others prove nothing either.
local isOverdue = newest > 0 and lease <= now
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'generation', generation)
if isOther or isOverdue or not isKnown then
  settlingUntil = math.max(settlingUntil, now + tonumber(ARGV[5]))
  redis.call('HSET', KEYS[1], 'settling', settlingUntil)
end
if isKnown and tonumber(ARGV[6]) >= newest then
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), ARGV[2])
  redis.call('HSET', KEYS[1], 'node:' .. ARGV[2], ARGV[6])
end
return { generation, math.max(0, settlingUntil - now) }
