-- Removes what a node with an expired lease held, a part of it at a time. Any number of nodes may run it at once.
-- KEYS 1 generation 2 nodes 3 index of the dead node
-- ARGV 1 dead node 2 how much at a time, rows and their users 3 start of the channels' keys 4 start of the occupied sets 5 publish command 6 start of the bus channels
--      7 '1': the node itself takes its leave
-- Returns status, rows left, a list of the transitions as `row change`, and the keys that held what no node wrote.
local now = now_ms()
local lease = redis.call('ZSCORE', KEYS[2], ARGV[1])
if lease and tonumber(lease) > now then return { 'ALIVE', 0 } end
local isQuiet = tonumber(redis.call('HGET', KEYS[1], 'quiet') or '0') > now
-- After an outage every lease has ended: those who live are about to come back.
if isQuiet and ARGV[7] ~= '1' then return { 'QUIET', 0 } end
redis.call('HDEL', KEYS[1], 'node:' .. ARGV[1]) -- From here on the node is fenced.
local generation = redis.call('HGET', KEYS[1], 'generation') or '0'
local changes, mended = {}, {}
-- Runs a command on a key of a channel. What another program wrote there is removed first: the others count on it.
local function on(key, name, ...)
  local answer = redis.pcall(name, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE', 1, true) then redis.call('DEL', key)
  elseif name == 'HINCRBY' then redis.call('HDEL', key, (...)) end
  mended[#mended + 1] = key
  return redis.call(name, key, ...)
end
local function nextVersion(key)
  local version = on(key, 'GET')
  if not version or not is_version(version) then
    if version then mended[#mended + 1] = key end
    redis.call('SET', key, string.format('%.0f', now * 100))
  end
  return string.format('%.0f', redis.call('INCR', key))
end
local budget = tonumber(ARGV[2])
for _, row in ipairs(redis.call('SRANDMEMBER', KEYS[3], ARGV[2])) do
  if budget <= 0 then break end
  local digits, app = string.match(row, '^(%d+):()')
  local length = digits and is_whole(digits, 6) and tonumber(digits) or #row
  local channel = app and app + length + 1
  if not channel or string.sub(row, channel - 1, channel - 1) ~= ':' then
    mended[#mended + 1] = KEYS[3]
    channel = nil
  end
  local base = ARGV[3] .. row
  local own = base .. ':m:' .. ARGV[1]
  for _, id in ipairs(channel and on(own, 'SRANDMEMBER', budget) or {}) do
    budget = budget - 1
    redis.call('SREM', own, id)
    local left = on(base .. ':r', 'HINCRBY', id, -1)
    -- Redis may have evicted a part of the count: whom another node holds has not left.
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
      changes[#changes + 1] = row .. '\n-' .. id
      if not isQuiet then
        redis.call(ARGV[5], ARGV[6] .. row, 'm ' .. generation .. ' ' .. version .. ' - - ' .. #id .. '\n' .. id)
      end
    end
  end
  if channel and redis.call('SCARD', own) > 0 then break end
  budget = budget - 1
  if channel and on(base .. ':o', 'HDEL', ARGV[1]) == 1 and redis.call('HLEN', base .. ':o') == 0 then
    redis.call('DEL', base .. ':r', base .. ':u', base .. ':v')
    on(ARGV[4] .. string.sub(row, app, app + length - 1), 'SREM', string.sub(row, channel))
    changes[#changes + 1] = row .. '\nvacated'
  end
  redis.call('SREM', KEYS[3], row)
end
local left = redis.call('SCARD', KEYS[3])
-- It stays on the list until nothing of it is left, so that somebody goes on when the one who buries it ends.
if left == 0 then redis.call('ZREM', KEYS[2], ARGV[1]) end
return { 'OK', left, changes, mended }
