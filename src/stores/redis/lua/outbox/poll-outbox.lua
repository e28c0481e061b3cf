-- Gives the outbox of a partition an owner, which delivers, and moves what is due to the stream.
-- KEYS 1 stream 2 waiting 3 attempts 4 owner 5 candidates 6 dead letters 7 registry 8 generation
-- ARGV 1 node 2 what it does: `own` (takes or keeps the outbox), `watch` or `leave` 3 milliseconds for which it owns
--      4 scope of the installation 5 its entry in the registry 6 start of the channels' keys 7 most events
--      8 most transitions to move 9 milliseconds for which dead letters are kept 10 milliseconds for which a candidate counts
--      then the names of the endpoints
-- Returns the owner, the number of candidates, the number of events that were ever dropped, milliseconds until the next transition
-- is due (-1: none waits), and the names of the endpoints for which there is something new.
local REGISTRY_TTL_MS = 86400000
-- Time for which events wait for an endpoint that no node has any more: a renamed one may come back.
local ENDPOINT_TTL_MS = 3600000
local now = now_ms()
local node, task = ARGV[1], ARGV[2]
check_stream(KEYS[1])
check_stream(KEYS[6])
local owner = redis.call('GET', KEYS[4])
-- An owner that never ends is none of ours.
if owner and redis.call('PTTL', KEYS[4]) == -1 then owner = false end
if task == 'leave' then
  redis.call('ZREM', KEYS[5], node)
  if owner == node then redis.call('DEL', KEYS[4]) end
  return { '', 0, 0, -1 }
end
redis.call('ZADD', KEYS[5], now, node)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - ARGV[10])
redis.call('ZREMRANGEBYSCORE', KEYS[5], string.format('(%.0f', now), '+inf')
redis.call('HSET', KEYS[7], ARGV[4], ARGV[5])
redis.call('PEXPIRE', KEYS[7], REGISTRY_TTL_MS)
local candidates = redis.call('ZCARD', KEYS[5])

-- The first endpoints of an outbox get all that it has: it is new, or data was lost. Later ones get what is added from then on.
local known = groups_of(KEYS[1])
local lastIds, isFirst = {}, #known == 0
for _, group in ipairs(known) do lastIds[group.name] = group['last-delivered-id'] end
-- The name of an endpoint contains no @: this is no number of attempts.
local function seen_field(endpoint) return '@' .. endpoint end
for at = 11, #ARGV do
  redis.call('HSET', KEYS[3], seen_field(ARGV[at]), now)
  if not lastIds[ARGV[at]] then
    redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[at], isFirst and '0' or '$', 'MKSTREAM')
    lastIds[ARGV[at]] = isFirst and '0-0' or redis.call('XINFO', 'STREAM', KEYS[1])[8]
  end
end

if not owner and task == 'own' then owner = node end
local function dropped()
  local total = redis.call('HGET', KEYS[3], 'dropped') or '0'
  return is_whole(total, 15) and tonumber(total) or 0
end
if owner ~= node then return { owner or '', candidates, dropped(), -1 } end
redis.call('SET', KEYS[4], node, 'PX', ARGV[3])

local settlingUntil = tonumber(redis.call('HGET', KEYS[8], 'settling') or '0')
local outbox = { stream = KEYS[1], waiting = KEYS[2], attempts = KEYS[3], most = tonumber(ARGV[7]) }
local function move(transition)
  redis.call('ZREM', KEYS[2], transition)
  local channelKey, kind, value = string.match(transition, '^([^\n]*)\n(%d)(.*)$')
  if kind == COUNTED then
    local sum = sum_of(redis.call('HVALS', ARGV[6] .. channelKey .. ':o'))
    if sum > 0 then write_transition(outbox, channelKey, kind, tostring(sum)) end
  elseif kind then write_transition(outbox, channelKey, kind, value) end
end
-- Settling may have begun after these began to wait.
if settlingUntil <= now then
  for _, transition in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[8])) do move(transition) end
end

local function forget(endpoint)
  redis.call('XGROUP', 'DESTROY', KEYS[1], endpoint)
  redis.call('HDEL', KEYS[3], seen_field(endpoint))
  local start = endpoint .. ' '
  for _, field in ipairs(redis.call('HKEYS', KEYS[3])) do
    if string.sub(field, 1, #start) == start then redis.call('HDEL', KEYS[3], field) end
  end
end
for _, group in ipairs(known) do
  local seen = redis.call('HGET', KEYS[3], seen_field(group.name))
  if not seen then redis.call('HSET', KEYS[3], seen_field(group.name), now)
  elseif now - (tonumber(seen) or 0) > ENDPOINT_TTL_MS then forget(group.name) end
end

local news = {}
for at = 11, #ARGV do
  if #redis.call('XRANGE', KEYS[1], '(' .. lastIds[ARGV[at]], '+', 'COUNT', 1) > 0 then news[#news + 1] = ARGV[at] end
end
trim_finished(KEYS[1])
redis.call('XTRIM', KEYS[6], 'MINID', '=', string.format('%.0f', now - ARGV[9]))

local next = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local dueMs = next[2] and math.max(0, math.max(tonumber(next[2]), settlingUntil) - now) or -1
return { owner, candidates, dropped(), dueMs, unpack(news) }
