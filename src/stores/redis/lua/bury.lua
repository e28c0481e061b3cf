-- Removes what a node with an expired lease held, a part of it at a time. Any number of nodes may run it at once.
-- KEYS 1 generation 2 nodes 3 index of the dead node
-- ARGV 1 dead node 2 how much at a time, rows and their users 3 start of the channels' keys 4 start of the occupied sets 5 publish command 6 start of the bus channels
--      7 '1': the node itself takes its leave
-- Returns status, rows left, and a list of the transitions as `row change`.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('ZSCORE', KEYS[2], ARGV[1])
if lease and tonumber(lease) > now then return { 'ALIVE', 0 } end
local isQuiet = tonumber(redis.call('HGET', KEYS[1], 'quiet') or '0') > now
-- After an outage every lease has ended: those who live are about to come back.
if isQuiet and ARGV[7] ~= '1' then return { 'QUIET', 0 } end
redis.call('HDEL', KEYS[1], 'node:' .. ARGV[1]) -- From here on the node is fenced.
local generation = redis.call('HGET', KEYS[1], 'generation') or '0'
local changes = {}
local budget = tonumber(ARGV[2])
for _, row in ipairs(redis.call('SRANDMEMBER', KEYS[3], ARGV[2])) do
  if budget <= 0 then break end
  local base = ARGV[3] .. row
  local own = base .. ':m:' .. ARGV[1]
  -- What another program wrote there is nobody's.
  local held = redis.pcall('SRANDMEMBER', own, budget)
  if held.err then redis.call('DEL', own) end
  for _, id in ipairs(held) do
    budget = budget - 1
    redis.call('SREM', own, id)
    local left = redis.call('HINCRBY', base .. ':r', id, -1)
    -- Redis may have evicted a part of the count: whom another node holds has not left.
    if left <= 0 then
      for _, node in ipairs(redis.call('HKEYS', base .. ':o')) do
        if redis.call('SISMEMBER', base .. ':m:' .. node, id) == 1 then left = 1 end
      end
      if left == 1 then redis.call('HSET', base .. ':r', id, 1) end
    end
    if left <= 0 then
      redis.call('HDEL', base .. ':r', id)
      redis.call('HDEL', base .. ':u', id)
      local version = string.format('%.0f', redis.call('INCR', base .. ':v'))
      changes[#changes + 1] = row .. '\n-' .. id
      if not isQuiet then
        redis.call(ARGV[5], ARGV[6] .. row, 'm ' .. generation .. ' ' .. version .. ' - - ' .. #id .. '\n' .. id)
      end
    end
  end
  if redis.call('SCARD', own) > 0 then break end
  budget = budget - 1
  if redis.call('HDEL', base .. ':o', ARGV[1]) == 1 and redis.call('HLEN', base .. ':o') == 0 then
    redis.call('DEL', base .. ':r', base .. ':u', base .. ':v')
    local colon = string.find(row, ':', 1, true)
    local length = tonumber(string.sub(row, 1, colon - 1))
    local app = string.sub(row, colon + 1, colon + length)
    redis.call('SREM', ARGV[4] .. app, string.sub(row, colon + length + 2))
    changes[#changes + 1] = row .. '\nvacated'
  end
  redis.call('SREM', KEYS[3], row)
end
local left = redis.call('SCARD', KEYS[3])
-- It stays on the list until nothing of it is left, so that somebody goes on when the one who buries it ends.
if left == 0 then redis.call('ZREM', KEYS[2], ARGV[1]) end
return { 'OK', left, changes }
