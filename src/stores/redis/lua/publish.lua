-- Remembers and publishes the events of several channels of one partition, as one step, unless it is too late.
-- KEYS 1 marker 2 generation, then for each channel: history, position, last event
--      then for each app: its histories by the time at which they expire, their bytes, its last events likewise, their bytes
-- ARGV 1 earliest 2 deadline 3 id of this script 4 milliseconds to keep the marker
--      5 publish command 6 epoch for channels that have none 7 number of channels
--      then for each: bus channel, events to keep, milliseconds to keep them, milliseconds to keep the last event as such, number of events, the events as one text,
--      number of its app, bytes that its app may keep of histories, and of last events, in this partition (0: no limit)
-- Returns OK, or LATE when nothing was done; the time in milliseconds; and for each app how many histories and last events
-- had to be dropped before their time, then the keys that held what no node wrote.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A clock that is behind what it was is another server's, or was set: nothing is known of the deadline then.
if now < tonumber(ARGV[1]) or now > tonumber(ARGV[2]) then return { 'LATE', now } end
-- First: whoever lost the answer finds by it that this was carried out, and when Redis takes no writes, nothing is.
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])

-- The last events of a text, at most so many. Each begins with the length of what follows its first line.
local function latest(text, count, most)
  local events, from = {}, 1
  for event = 1, count do
    local length, body = string.match(text, '^(%d+)[^\n]*\n()', from)
    local after = body + length
    if count - event < most then events[#events + 1] = string.sub(text, from, after - 1) end
    from = after
  end
  return events
end

-- What is remembered is accounted for by entries: the key without what all keys of the partition begin with. Bytes are
-- those of the events and, by measurement, those that Redis needs besides: for each event, key and entry.
local EVENT_BYTES, ENTRY_BYTES, POSITION_MS = 16, 400, 60000
local names = string.sub(KEYS[2], 1, -2)
local accounts = {}

-- Runs a command on a key. What another program wrote there is removed first, for a script that failed here would have
-- published a part.
local mended = {}
local function on(key, name, ...)
  local answer = redis.pcall(name, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE', 1, true) or string.find(answer.err, 'not an integer', 1, true) then
    redis.call('DEL', key)
    mended[#mended + 1] = key
  end
  return redis.call(name, key, ...)
end

local function account(at)
  local known = accounts[at]
  if known then return known end
  known = { order = KEYS[at], sizes = KEYS[at + 1], change = 0, most = 0, ttl = 0, dropped = 0 }
  accounts[at] = known
  return known
end

local function set(of, entry, bytes, expiry)
  on(of.sizes, 'HSET', entry, bytes)
  on(of.order, 'ZADD', expiry, entry)
  of.change = of.change + bytes
end

-- The entry itself is in `order` no more.
local function clear(of, entry)
  local bytes = tonumber(on(of.sizes, 'HGET', entry) or '')
  if not bytes then return false end
  of.change = of.change - bytes
  redis.call('HDEL', of.sizes, entry)
  return true
end

-- A history goes before its position does, so that who missed it learns how much it was.
local function drop(of, entry, expiry)
  clear(of, entry)
  local kind, row = string.sub(entry, 1, 1), string.sub(entry, 2)
  local is_early = expiry > now
  if is_early then redis.call('DEL', names .. entry) end
  if is_early and kind ~= 'p' then of.dropped = of.dropped + 1 end
  -- Of whom asks later it is unknown what he missed.
  if is_early and kind == 'p' then on(of.sizes, 'HSET', 'forgotten', now) end
  if kind ~= 'h' then return end
  local last = is_early and now + POSITION_MS or expiry + POSITION_MS
  if is_early then redis.call('PEXPIRE', names .. 'p' .. row, POSITION_MS) end
  if last > now then set(of, 'p' .. row, ENTRY_BYTES + 3 * #entry, last) end
end

-- Leaves no more than the app may keep, and forgets what has expired: the first to expire goes first.
local function settle(of)
  local all = of.change == 0 and 0 or on(of.sizes, 'HINCRBY', 'all', of.change)
  local life = of.ttl + POSITION_MS
  if (all == of.change and all ~= 0) or redis.call('PTTL', of.order) < life then
    redis.call('PEXPIRE', of.order, life * 2)
    redis.call('PEXPIRE', of.sizes, life * 2)
  end
  of.change = 0
  for _ = 1, 5000 do
    if of.most == 0 or all <= of.most then break end
    local first = on(of.order, 'ZPOPMIN')
    if #first == 0 then
      -- Redis has evicted the one without the other.
      redis.call('DEL', of.sizes)
      break
    end
    drop(of, first[1], tonumber(first[2]))
    all = all + of.change
    if of.change ~= 0 then on(of.sizes, 'HINCRBY', 'all', of.change) end
    of.change = 0
  end
  -- Now and then is often enough.
  if not of.is_new and now % 16 ~= 0 then return end
  local expired = on(of.order, 'ZRANGEBYSCORE', '-inf', now, 'WITHSCORES', 'LIMIT', 0, 16)
  for at = 1, #expired, 2 do
    on(of.order, 'ZREM', expired[at])
    drop(of, expired[at], tonumber(expired[at + 1]))
  end
  if of.change ~= 0 then on(of.sizes, 'HINCRBY', 'all', of.change) end
end

local function weigh(events)
  local bytes = 0
  for at = 1, #events do bytes = bytes + #events[at] + EVENT_BYTES end
  return bytes
end

-- Adds events to a history. Those that are too many, or too large for the app, go from its begin.
local function remember(of, history, events, keep, ttl)
  local entry = string.sub(history, #names + 1)
  local fixed = 2 * ENTRY_BYTES + 5 * #entry
  local length = on(history, 'RPUSH', unpack(events))
  local is_new = length == #events
  local change = weigh(events)
  if length > keep then
    change = change - weigh(redis.call('LPOP', history, length - keep))
    length = keep
  end
  local bytes = 0
  if is_new then
    of.is_new = true
    clear(of, entry)
    local position = 'p' .. string.sub(entry, 2)
    if on(of.order, 'ZREM', position) == 1 then clear(of, position) end
    bytes = fixed + change
    on(of.sizes, 'HSET', entry, bytes)
    change = bytes
  elseif change ~= 0 then
    bytes = on(of.sizes, 'HINCRBY', entry, change)
    if bytes < fixed then
      -- Nobody has counted what was there before.
      local whole = fixed + weigh(redis.call('LRANGE', history, 0, -1))
      on(of.sizes, 'HSET', entry, whole)
      change = change + whole - bytes
      bytes = whole
    end
  end
  of.change = of.change + change
  on(of.order, 'ZADD', now + ttl, entry)
  while of.most > 0 and bytes > of.most and length > 0 do
    -- A part at a time: a long history is not looked at event by event.
    local part = math.ceil(length / 16)
    local less = weigh(redis.call('LPOP', history, part))
    length = length - part
    bytes = bytes - less
    of.change = of.change - less
    on(of.sizes, 'HINCRBY', entry, -less)
    of.dropped = of.dropped + 1
  end
  redis.call('PEXPIRE', history, ttl)
end

-- The last event of a cache channel. One that is larger than all that the app may keep leaves none.
local function remember_last(of, key, event, ttl)
  local entry = string.sub(key, #names + 1)
  local bytes = ENTRY_BYTES + 4 * #entry + #event
  if not clear(of, entry) then of.is_new = true end
  if of.most > 0 and bytes > of.most then
    redis.call('DEL', key)
    on(of.order, 'ZREM', entry)
    of.dropped = of.dropped + 1
    return
  end
  redis.call('SET', key, event, 'PX', ttl)
  set(of, entry, bytes, now + ttl)
end

-- Gives events their place in the channel. Returns the first as it is told on the bus.
local function place(position, history, generation, count, ttl)
  local known = on(position, 'HMGET', 'epoch', 'generation', 'offset')
  local epoch, last = known[1], (tonumber(known[3] or '') or 0) + count
  if epoch and not tonumber(known[3] or '') then mended[#mended + 1] = position end
  if not epoch or not tonumber(known[3] or '') then
    epoch = ARGV[6]
    redis.call('DEL', history, position)
    redis.call('HSET', position, 'epoch', epoch, 'offset', count, 'generation', generation, 'base:' .. generation, 0)
    last = count
  elseif known[2] ~= generation then
    -- Where each generation of the data began: offsets behind that point may have been given twice.
    redis.call('HSET', position, 'offset', last, 'generation', generation, 'base:' .. generation, last - count)
  else redis.call('HSET', position, 'offset', last) end
  redis.call('PEXPIRE', position, ttl + POSITION_MS)
  return epoch .. ' ' .. generation .. ' ' .. string.format('%.0f', last - count + 1)
end

local generation = on(KEYS[2], 'HGET', 'generation')
if not tonumber(generation or '') then generation = '0' end
local channels = tonumber(ARGV[7])
local first_account = channels * 3 + 3
local at = 8
for channel = 1, channels do
  local history, position, last_event = KEYS[channel * 3], KEYS[channel * 3 + 1], KEYS[channel * 3 + 2]
  local bus, keep, ttl, last_ttl = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local count, text = tonumber(ARGV[at + 4]), ARGV[at + 5]
  local app, most = first_account + 4 * tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7])
  at = at + 8
  local head = '- - 0'
  local before = #mended
  if keep > 0 then head = place(position, history, generation, count, ttl) end
  local is_displaced = #mended > before
  redis.call(ARGV[5], bus, 'e ' .. head .. ' ' .. count .. '\n' .. text)
  if keep > 0 then
    local of = account(app)
    of.most, of.ttl = most, math.max(of.ttl, ttl)
    -- Who missed something cannot learn from the new position how much it was.
    if is_displaced then on(of.sizes, 'HSET', 'forgotten', now) end
    remember(of, history, latest(text, count, keep), keep, ttl)
  end
  if last_ttl > 0 then
    local of = account(app + 2)
    of.most, of.ttl = most, math.max(of.ttl, last_ttl)
    remember_last(of, last_event, latest(text, count, 1)[1], last_ttl)
  end
end
local answer = { 'OK', now }
for _ = first_account, #KEYS, 4 do answer[#answer + 1] = 0 end
for at, of in pairs(accounts) do
  settle(of)
  local app = 3 + math.floor((at - first_account) / 4)
  answer[app] = answer[app] + of.dropped
end
for _, key in ipairs(mended) do answer[#answer + 1] = key end
return answer
