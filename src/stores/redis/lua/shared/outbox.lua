-- Follows the checks in each script that writes to an outbox of webhooks.
-- An outbox is { stream, waiting, attempts, most, smoothing, now, settlingUntil }: names of keys, numbers, times in milliseconds.
-- What ends waits in the sorted set `waiting`; what begins again within that time takes it back, so that neither is told. While a
-- partition is settling, what begins waits too: a node that had it told before data was lost may come and say so.
-- A waiting transition is the channel's key, a newline, its kind and its user. Kinds sort as those of one moment are told.
local OCCUPIED, ADDED, REMOVED, VACATED, COUNTED = '1', '2', '3', '4', '5'
local MOST_COUNTED_AT_ONCE, COUNT_PAUSE_MS = 100, 5000

local function drop(outbox, number)
  if number > 0 then redis.call('HINCRBY', outbox.attempts, 'dropped', number) end
end

-- Lists the groups of a stream, one for each endpoint that any node has; none without a stream.
local function groups_of(stream)
  local answer, groups = redis.pcall('XINFO', 'GROUPS', stream), {}
  for _, fields in ipairs(answer.err and {} or answer) do
    local group = {}
    for at = 1, #fields, 2 do group[fields[at]] = fields[at + 1] end
    groups[#groups + 1] = group
  end
  return groups
end

local function is_before(a, b)
  local aTime, aNumber = string.match(a, '^(%d+)-(%d+)$')
  local bTime, bNumber = string.match(b, '^(%d+)-(%d+)$')
  if aTime ~= bTime then return tonumber(aTime) < tonumber(bTime) end
  return tonumber(aNumber) < tonumber(bNumber)
end

local function after(id)
  local time, number = string.match(id, '^(%d+)-(%d+)$')
  return time .. '-' .. string.format('%.0f', number + 1)
end

-- Removes what every endpoint has finished.
local function trim_finished(stream)
  if redis.call('XLEN', stream) == 0 then return end
  local oldest
  for _, group in ipairs(groups_of(stream)) do
    local first = group.pending > 0 and redis.call('XPENDING', stream, group.name)[2] or after(group['last-delivered-id'])
    if not oldest or is_before(first, oldest) then oldest = first end
  end
  if oldest then redis.call('XTRIM', stream, 'MINID', '=', oldest) end
end

-- Adds an event with these fields; beyond the bound the oldest is dropped and counted.
local function write(outbox, ...)
  redis.call('XADD', outbox.stream, '*', ...)
  outbox.hasNews = true
  if redis.call('XLEN', outbox.stream) > outbox.most then trim_finished(outbox.stream) end
  local over = redis.call('XLEN', outbox.stream) - outbox.most
  if over > 0 then drop(outbox, redis.call('XTRIM', outbox.stream, 'MAXLEN', '=', outbox.most)) end
end

local function write_transition(outbox, channelKey, kind, value)
  write(outbox, 'channel', channelKey, 'kind', kind, 'value', value)
end

local function wait(outbox, transition, dueMs)
  redis.call('ZADD', outbox.waiting, dueMs, transition)
  if redis.call('ZCARD', outbox.waiting) <= outbox.most then return end
  redis.call('ZPOPMIN', outbox.waiting)
  drop(outbox, 1)
end

local function cancel(outbox, transition) return redis.call('ZREM', outbox.waiting, transition) == 1 end

-- A member does not overtake the first subscriber of its channel.
local function begin(outbox, channelKey, kind, opposite, value, isKnown)
  local start = channelKey .. '\n'
  if cancel(outbox, start .. opposite .. value) or isKnown then return end
  local due = outbox.settlingUntil > outbox.now and outbox.settlingUntil
    or redis.call('ZSCORE', outbox.waiting, start .. OCCUPIED)
  if due then wait(outbox, start .. kind .. value, due) else write_transition(outbox, channelKey, kind, value) end
end

-- What was not told needs no end.
local function finish(outbox, channelKey, kind, opposite, value)
  local start = channelKey .. '\n'
  if cancel(outbox, start .. opposite .. value) then return end
  local due = math.max(outbox.now + outbox.smoothing, outbox.settlingUntil)
  if due > outbox.now then wait(outbox, start .. kind .. value, due) else write_transition(outbox, channelKey, kind, value) end
end

-- Takes a transition as scripts return them. `wishes` has an o for the occupancy of channels, an m for their members. `known` are
-- those that were told before data was lost.
local function tell(outbox, channelKey, wishes, change, known)
  local sign, user = string.sub(change, 1, 1), string.sub(change, 2)
  local tellsMembers, tellsOccupancy = string.find(wishes, 'm', 1, true), string.find(wishes, 'o', 1, true)
  if sign == '+' and tellsMembers then begin(outbox, channelKey, ADDED, REMOVED, user, known['+' .. user])
  elseif sign == '-' and tellsMembers then finish(outbox, channelKey, REMOVED, ADDED, user)
  elseif change == 'occupied' and tellsOccupancy then begin(outbox, channelKey, OCCUPIED, VACATED, '', known.occupied)
  elseif change == 'vacated' and tellsOccupancy then finish(outbox, channelKey, VACATED, OCCUPIED, '') end
end

-- Numbers of subscriptions above the bound are told at most once in a while, with their newest value.
local function tell_count(outbox, channelKey, count)
  local transition = channelKey .. '\n' .. COUNTED
  local isSettling = outbox.settlingUntil > outbox.now
  if count == 0 then cancel(outbox, transition)
  elseif count <= MOST_COUNTED_AT_ONCE and not isSettling then
    cancel(outbox, transition)
    write_transition(outbox, channelKey, COUNTED, tostring(count))
  elseif not redis.call('ZSCORE', outbox.waiting, transition) then
    wait(outbox, transition, isSettling and outbox.settlingUntil or outbox.now + COUNT_PAUSE_MS)
  end
end

local function sum_of(values)
  local sum = 0
  for _, value in ipairs(values) do sum = sum + (tonumber(value) or 0) end
  return sum
end
