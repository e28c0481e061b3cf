-- Stores what a node holds of one channel. Takes absolute values, gated by sets: running it twice changes nothing.
-- The step that adds a user to the cluster or removes it also publishes that.
-- KEYS 1 generation 2 nodes 3 index of the node 4 counts 5 users of the node 6 nodes per user 7 members 8 version 9 occupied; with
--      webhooks also those of the outbox: 10 stream 11 waiting 12 attempts
-- ARGV 1 generation 2 node 3 its token 4 channel key in the index 5 channel 6 sockets 7 publish command 8 pub/sub channel
--      9 '1': the users given are all that there are; '2': and a part of the channel's keys is lost, so that all is counted anew
--      10 number of users that are here, then for each: id, member, socket to leave out
--      then number of users that are gone, then their ids
--      then, with webhooks: smoothing ms, most events of the outbox, and what the node had told before data was lost: number of
--      transitions that still hold, these as occupied or +id; number of those that ended meanwhile, these as vacated or -id
--      last: what webhooks tell of the channel: an o for its occupancy, an m for members, a c for counts, '' without any
-- Returns status, the list of transitions: occupied, vacated, +id, -id, and with webhooks for how many more milliseconds the
-- partition is settling, and '1' when the stream has something new. The node takes from the list whom it added; all of them go to
-- the outbox, as far as webhooks tell them.
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return { 'LOST' } end
if redis.call('HGET', KEYS[1], 'node:' .. ARGV[2]) ~= ARGV[3] then return { 'FENCED' } end
local now = now_ms()
check_version(KEYS[8])
local wishes = ARGV[#ARGV]
if wishes ~= '' then
  check_stream(KEYS[10])
  redis.call('ZCARD', KEYS[11])
  redis.call('HLEN', KEYS[12])
end
local settlingUntil = tonumber(redis.call('HGET', KEYS[1], 'settling') or '0')
local isSettling = settlingUntil > now
local tellsCount = string.find(wishes, 'c', 1, true)
local countBefore = tellsCount and sum_of(redis.call('HVALS', KEYS[4]))
local sockets = tonumber(ARGV[6])
local changes = {}

-- Begins at the time, so that a channel that was empty continues above every version that a node may remember.
local function nextVersion()
  redis.call('SET', KEYS[8], string.format('%.0f', now * 100), 'NX')
  return string.format('%.0f', redis.call('INCR', KEYS[8]))
end

local function publish(sign, version, except, body)
  redis.call(ARGV[7], ARGV[8], 'm ' .. ARGV[1] .. ' ' .. version .. ' ' .. sign .. ' ' .. except .. ' ' .. #body .. '\n' .. body)
end

if sockets > 0 then
  redis.call('SADD', KEYS[3], ARGV[4])
  if redis.call('HLEN', KEYS[4]) == 0 then changes[#changes + 1] = 'occupied' end
  redis.call('HSET', KEYS[4], ARGV[2], ARGV[6])
  redis.call('SADD', KEYS[9], ARGV[5])
end

-- Counts what the other nodes hold from their own sets, as far as those are left; each node adds its part by this script.
local isDamaged = ARGV[9] == '2'
if isDamaged then
  redis.call('DEL', KEYS[5], KEYS[6])
  local usersOf = string.sub(KEYS[5], 1, -#ARGV[2] - 1)
  for _, node in ipairs(redis.call('HKEYS', KEYS[4])) do
    for _, id in ipairs(redis.pcall('SMEMBERS', usersOf .. node)) do redis.call('HINCRBY', KEYS[6], id, 1) end
  end
  nextVersion()
end

local at = 11
local here = {}
for _ = 1, tonumber(ARGV[10]) do
  local id, member, except = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  at = at + 3
  here[id] = true
  local isNew = redis.call('SADD', KEYS[5], id) == 1 and redis.call('HINCRBY', KEYS[6], id, 1) == 1
  if isDamaged then isNew = redis.call('HEXISTS', KEYS[7], id) == 0 end
  if isNew then
    local version = nextVersion()
    redis.call('HSET', KEYS[7], id, version .. ' ' .. member)
    changes[#changes + 1] = '+' .. id
    publish('+', version, except, member)
  end
end

local function remove(id)
  redis.call('HDEL', KEYS[7], id)
  local version = nextVersion()
  changes[#changes + 1] = '-' .. id
  -- While the partition is settling, and in a count made anew, users of other nodes may be missing until those nodes write
  -- them again. The nodes read the roster when that is over.
  if not isSettling and not isDamaged then publish('-', version, '-', id) end
end

if isDamaged then
  for _, id in ipairs(redis.call('HKEYS', KEYS[7])) do
    if redis.call('HEXISTS', KEYS[6], id) == 0 then remove(id) end
  end
end

local function countOnOtherNodes(id)
  local usersOf, count = string.sub(KEYS[5], 1, -#ARGV[2] - 1), 0
  for _, node in ipairs(redis.call('HKEYS', KEYS[4])) do
    if node ~= ARGV[2] and redis.pcall('SISMEMBER', usersOf .. node, id) == 1 then count = count + 1 end
  end
  return count
end

local gone = {}
for _ = 1, tonumber(ARGV[at]) do
  at = at + 1
  gone[#gone + 1] = ARGV[at]
end
if ARGV[9] == '1' then
  for _, id in ipairs(redis.call('SMEMBERS', KEYS[5])) do
    if not here[id] then gone[#gone + 1] = id end
  end
end
for _, id in ipairs(gone) do
  if redis.call('SREM', KEYS[5], id) == 1 then
    local left = redis.call('HINCRBY', KEYS[6], id, -1)
    -- A count below zero lacks those of other nodes: a user that another node holds has not left.
    if left < 0 then left = countOnOtherNodes(id) end
    if left <= 0 then
      redis.call('HDEL', KEYS[6], id)
      remove(id)
    else redis.call('HSET', KEYS[6], id, left) end
  end
end

-- The caller's zero is not trusted while users of this node are still there.
if sockets == 0 and redis.call('SCARD', KEYS[5]) == 0 then
  redis.call('SREM', KEYS[3], ARGV[4])
  if redis.call('HDEL', KEYS[4], ARGV[2]) == 1 and redis.call('HLEN', KEYS[4]) == 0 then
    redis.call('DEL', KEYS[6], KEYS[7], KEYS[8])
    redis.call('SREM', KEYS[9], ARGV[5])
    changes[#changes + 1] = 'vacated'
  end
end

local outbox
if wishes ~= '' then
  outbox = {
    stream = KEYS[10], waiting = KEYS[11], attempts = KEYS[12],
    smoothing = tonumber(ARGV[at + 1]), most = tonumber(ARGV[at + 2]), now = now, settlingUntil = settlingUntil,
  }
  local function listAt(start)
    local list = {}
    for place = start + 1, start + tonumber(ARGV[start]) do list[#list + 1] = ARGV[place] end
    return list, start + #list + 1
  end
  local holding, next = listAt(at + 3)
  local known = {}
  for _, each in ipairs(holding) do
    if isSettling then
      known[each] = true
      cancel(outbox, ARGV[4] .. '\n' .. (each == 'occupied' and OCCUPIED or ADDED .. string.sub(each, 2)))
    end
  end
  for _, change in ipairs(changes) do tell(outbox, ARGV[4], wishes, change, known) end
  for _, change in ipairs((listAt(next))) do
    local holds, begun
    if change == 'vacated' then holds, begun = redis.call('HLEN', KEYS[4]) > 0, OCCUPIED
    else holds, begun = redis.call('HEXISTS', KEYS[6], string.sub(change, 2)) == 1, ADDED .. string.sub(change, 2) end
    -- Another node has it still, or again: of the two, neither is told.
    if holds then cancel(outbox, ARGV[4] .. '\n' .. begun) else tell(outbox, ARGV[4], wishes, change, known) end
  end
  local count = tellsCount and sum_of(redis.call('HVALS', KEYS[4]))
  if count ~= countBefore then tell_count(outbox, ARGV[4], count) end
end
return { 'OK', changes, math.max(0, settlingUntil - now), outbox and outbox.hasNews and '1' or '' }
