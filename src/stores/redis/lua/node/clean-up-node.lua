-- Removes what a node with an expired lease held, a part of it at a time. Any number of nodes may run it at once.
-- KEYS 1 generation 2 nodes 3 index of the ended node 4 registry of the outboxes
-- ARGV 1 ended node 2 how many channels and users to remove at most 3 start of the channels' keys 4 start of the occupied sets
--      5 publish command 6 start of the pub/sub channels 7 '1': the node itself leaves
--      8 start of the outboxes' keys
-- Returns status, number of channels left, the list of transitions as `channel key, newline, -id or vacated`, and the keys from
-- which invalid data was removed. The caller counts the transitions for its log; they also go to the outbox of the app's
-- installation, whichever installation the caller belongs to.
local now = now_ms()
local lease = redis.call('ZSCORE', KEYS[2], ARGV[1])
if lease and tonumber(lease) > now then return { 'ALIVE', 0 } end
local settlingUntil = tonumber(redis.call('HGET', KEYS[1], 'settling') or '0')
local isSettling = settlingUntil > now
-- After an outage every lease has ended: the nodes that live are about to come back.
if isSettling and ARGV[7] ~= '1' then return { 'SETTLING', 0 } end
redis.call('HDEL', KEYS[1], 'node:' .. ARGV[1]) -- From here on the node is fenced.
local generation = redis.call('HGET', KEYS[1], 'generation') or '0'
local changes, repaired = {}, {}
-- Runs a command on a key of a channel. Invalid data of another program is removed first: the other nodes rely on the key.
local function on(key, name, ...)
  local answer = redis.pcall(name, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE', 1, true) then redis.call('DEL', key)
  elseif name == 'HINCRBY' then redis.call('HDEL', key, (...)) end
  repaired[#repaired + 1] = key
  return redis.call(name, key, ...)
end
local function nextVersion(key)
  local version = on(key, 'GET')
  if not version or not is_version(version) then
    if version then repaired[#repaired + 1] = key end
    redis.call('SET', key, string.format('%.0f', now * 100))
  end
  return string.format('%.0f', redis.call('INCR', key))
end

-- By app, as keys name it: the outbox, and what webhooks tell of the app's channels.
local outboxes = {}
-- An outbox must take what is told: by then the node's part of a channel is removed.
local function use_outbox(base, entry)
  on(base .. ':s', 'XLEN')
  on(base .. ':t', 'ZCARD')
  on(base .. ':a', 'HLEN')
  return {
    stream = base .. ':s', waiting = base .. ':t', attempts = base .. ':a', now = now, settlingUntil = settlingUntil,
    smoothing = tonumber(entry.smoothingMs) or 0, most = math.max(1, math.floor(tonumber(entry.most) or 1)),
  }
end
local registry = redis.call('HGETALL', KEYS[4])
for at = 1, #registry, 2 do
  local isEntry, entry = pcall(cjson.decode, registry[at + 1])
  if isEntry and type(entry) == 'table' and type(entry.apps) == 'table' then
    local outbox = use_outbox(ARGV[8] .. registry[at], entry)
    for app, wishes in pairs(entry.apps) do outboxes[app] = { outbox = outbox, wishes = tostring(wishes) } end
  end
end
local function tellOf(app, channelKey, channel, change)
  local of = outboxes[app]
  local isInternal = string.sub(channel, 1, 1) == '#'
  if not of or isInternal and change == 'vacated' then return end
  if change ~= 'counted' then return tell(of.outbox, channelKey, of.wishes, change, {}) end
  local hasCount = not isInternal and string.sub(channel, 1, 9) ~= 'presence-' and string.find(of.wishes, 'c', 1, true)
  local transition = channelKey .. '\n' .. COUNTED
  if hasCount and not redis.call('ZSCORE', of.outbox.waiting, transition) then wait(of.outbox, transition, now) end
end

local budget = tonumber(ARGV[2])
for _, channelKey in ipairs(redis.call('SRANDMEMBER', KEYS[3], ARGV[2])) do
  if budget <= 0 then break end
  local digits, app = string.match(channelKey, '^(%d+):()')
  local length = digits and is_whole(digits, 6) and tonumber(digits) or #channelKey
  local channel = app and app + length + 1
  if not channel or string.sub(channelKey, channel - 1, channel - 1) ~= ':' then
    repaired[#repaired + 1] = KEYS[3]
    channel = nil
  end
  local appName = channel and string.sub(channelKey, app, app + length - 1)
  local channelName = channel and string.sub(channelKey, channel)
  local base = ARGV[3] .. channelKey
  local own = base .. ':m:' .. ARGV[1]
  for _, id in ipairs(channel and on(own, 'SRANDMEMBER', budget) or {}) do
    budget = budget - 1
    redis.call('SREM', own, id)
    local left = on(base .. ':r', 'HINCRBY', id, -1)
    -- Redis may have evicted a part of the count: a user that another node holds has not left.
    if left <= 0 then
      for _, node in ipairs(on(base .. ':o', 'HKEYS')) do
        if redis.pcall('SISMEMBER', base .. ':m:' .. node, id) == 1 then left = 1 end
      end
      if left == 1 then redis.call('HSET', base .. ':r', id, 1) end
    end
    if left <= 0 then
      redis.call('HDEL', base .. ':r', id)
      on(base .. ':u', 'HDEL', id)
      local version = nextVersion(base .. ':v')
      changes[#changes + 1] = channelKey .. '\n-' .. id
      tellOf(appName, channelKey, channelName, '-' .. id)
      if not isSettling then
        redis.call(ARGV[5], ARGV[6] .. channelKey, 'm ' .. generation .. ' ' .. version .. ' - - ' .. #id .. '\n' .. id)
      end
    end
  end
  if channel and redis.call('SCARD', own) > 0 then break end
  budget = budget - 1
  if channel and on(base .. ':o', 'HDEL', ARGV[1]) == 1 then
    if redis.call('HLEN', base .. ':o') == 0 then
      redis.call('DEL', base .. ':r', base .. ':u', base .. ':v')
      on(ARGV[4] .. appName, 'SREM', channelName)
      changes[#changes + 1] = channelKey .. '\nvacated'
      tellOf(appName, channelKey, channelName, 'vacated')
    else tellOf(appName, channelKey, channelName, 'counted') end
  end
  redis.call('SREM', KEYS[3], channelKey)
end
local left = redis.call('SCARD', KEYS[3])
-- The node stays on the list until nothing of it is left, so that another node continues when the one that cleans up ends.
if left == 0 then redis.call('ZREM', KEYS[2], ARGV[1]) end
return { 'OK', left, changes, repaired }
