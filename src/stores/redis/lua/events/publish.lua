-- Keeps and publishes the events of several channels of one partition, as one step, unless it is too late.
-- KEYS 1 marker 2 generation, then for each channel: history, position, last event
--      then for each app: its histories by the time at which they expire, their bytes, its last events likewise, their bytes
-- ARGV 1 earliest 2 deadline 3 id of this script 4 milliseconds to keep the marker
--      5 publish command 6 epoch for channels that have none 7 number of channels
--      then for each: pub/sub channel, events to keep, milliseconds to keep them, milliseconds to keep the last event as such, number of events, the events as one text,
--      number of its app, bytes that its app may keep of histories, and of last events, in this partition (0: no limit)
-- Returns OK, or LATE when nothing was done; the time in milliseconds; and for each app how many histories and last events
-- were dropped early, then the keys from which invalid data was removed.

-- The bytes of an app are accounted by entries; an entry is the key without the prefix of the partition. Counted are the
-- bytes of the events and, by measurement, the overhead of Redis for each event, key and entry.
-- Defining a function costs time in every run: those that are seldom needed are defined where they are called.
-- POSITION_MS is POSITION_EXTRA_MS of missed-events.ts.
local EVENT_BYTES, ENTRY_BYTES, POSITION_MS = 16, 400, 60000
local names = string.sub(KEYS[2], 1, -2)
local repaired = {}

-- Runs a command on a key. Invalid data of another program is removed first: a script that failed here would have published
-- a part.
local function on(key, name, ...)
  local answer = redis.pcall(name, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE', 1, true) then
    redis.call('DEL', key)
    repaired[#repaired + 1] = key
  end
  return redis.call(name, key, ...)
end

-- Returns the number that a text is, within the digits of a message head. Removes the key that holds another text.
local function whole(text, key)
  if text and #text <= 14 and string.find(text, '^%d+$') then return tonumber(text) end
  if not text or not key then return end
  redis.call('DEL', key)
  repaired[#repaired + 1] = key
end

local function weigh(events)
  local bytes = 0
  for at = 1, #events do bytes = bytes + #events[at] + EVENT_BYTES end
  return bytes
end

-- Returns the last events of a text, `most` at most. Each begins with the length of what follows its first line.
local function latest(text, count, most)
  if count == 1 then return { text } end
  local events, from = {}, 1
  for event = 1, count do
    local length, body = string.match(text, '^(%d+)[^\n]*\n()', from)
    local after = body + length
    if count - event < most then events[#events + 1] = string.sub(text, from, after - 1) end
    from = after
  end
  return events
end

-- Drops what has expired, then as much as exceeds the app's limit, the first to expire first. Returns the bytes that are left.
local function shrink(of, all)
  -- Expects that the entry is no longer in `order`. A history goes before its position, so that a node that missed events can
  -- still learn how many.
  local function drop(entry, expiry)
    local kind, channel_key = string.sub(entry, 1, 1), string.sub(entry, 2)
    all = all - (whole(on(of.sizes, 'HGET', entry), of.sizes) or 0)
    redis.call('HDEL', of.sizes, entry)
    if kind == 'p' then
      -- A node that asks later cannot learn what it missed.
      if redis.call('DEL', names .. entry) == 1 then on(of.sizes, 'HSET', 'forgotten', now) end
      return
    end
    local is_early = expiry > now
    if is_early then
      redis.call('DEL', names .. entry)
      of.dropped = of.dropped + 1
    end
    if kind ~= 'h' then return end
    -- After an early drop the position lives on as if it were a new history.
    local last = is_early and now + of.ttl or expiry + POSITION_MS
    if last <= now then return end
    local bytes = ENTRY_BYTES + 3 * #entry
    on(of.sizes, 'HSET', 'p' .. channel_key, bytes)
    on(of.order, 'ZADD', last, 'p' .. channel_key)
    all = all + bytes
    of.life = math.max(of.life, last - now)
  end
  local expired = on(of.order, 'ZRANGEBYSCORE', '-inf', now, 'WITHSCORES', 'LIMIT', 0, 32)
  for at = 1, #expired, 2 do
    on(of.order, 'ZREM', expired[at])
    drop(expired[at], tonumber(expired[at + 1]))
  end
  for _ = 1, 5000 do
    if of.most == 0 or all <= of.most then break end
    local first = on(of.order, 'ZPOPMIN')
    if #first == 0 then
      -- Redis has evicted one of the two keys.
      redis.call('DEL', of.sizes)
      of.life = math.max(of.life, 1)
      return 0
    end
    drop(first[1], tonumber(first[2]))
  end
  return all
end

-- Finishes the accounting of an app: adds up what has changed.
local function settle(of)
  local all
  -- One run in eight looks for what has expired, on average.
  local is_due = now % 8 == 0
  if of.change ~= 0 or is_due then
    local before = whole(on(of.sizes, 'HGET', 'all'), of.sizes)
    all = (before or 0) + of.change
    if is_due or of.most > 0 and all > of.most then all = shrink(of, all) end
    if all ~= before then on(of.sizes, 'HSET', 'all', math.max(0, all)) end
    if not before then of.life = math.max(of.life, 1) of.is_new = true end
  end
  local life = of.life + POSITION_MS
  if of.life > 0 and (of.is_new or redis.call('PTTL', of.order) < life) then
    redis.call('PEXPIRE', of.order, life * 2)
    redis.call('PEXPIRE', of.sizes, life * 2)
  end
end

-- Gives events their offsets in the channel. Returns the first as the head of the message has it, and for how long the channel
-- is kept: an eighth longer than asked for, so that not each event has to prolong it.
local function place(position, history, generation, count, ttl)
  local known = on(position, 'HMGET', 'epoch', 'generation', 'offset', 'until')
  local epoch, offset, life = known[1], whole(known[3]), (whole(known[4]) or 0) - now
  local is_prolonged = life < ttl or life > ttl * 9 / 8
  if is_prolonged then life = math.floor(ttl * 9 / 8) end
  if not (epoch and offset and #epoch <= 64 and string.find(epoch, '^[%w_-]+$')) then
    if epoch or known[3] then repaired[#repaired + 1] = position end
    epoch, offset = ARGV[6], 0
    redis.call('DEL', history, position)
    redis.call('HSET', position, 'epoch', epoch, 'offset', count, 'generation', generation, 'base:' .. generation, 0, 'until', now + life)
  elseif is_prolonged or known[2] ~= generation then
    -- Stores where each generation of the data began: offsets behind that point may have been given twice.
    if known[2] ~= generation then redis.call('HSET', position, 'generation', generation, 'base:' .. generation, offset) end
    redis.call('HSET', position, 'offset', offset + count, 'until', now + life)
  else redis.call('HSET', position, 'offset', offset + count) end
  return epoch .. ' ' .. generation .. ' ' .. string.format('%.0f', offset + 1), life, is_prolonged
end

-- Appends events to a history. Removes the oldest where they are too many, or too large for the app.
local function keep_events(of, history, position, events, keep, life, is_prolonged)
  local entry = string.sub(history, #names + 1)
  of.ttl = math.max(of.ttl, life)
  local length, change = on(history, 'RPUSH', unpack(events)), weigh(events)
  local is_new = length == #events
  if length > keep then
    change = change - weigh(redis.call('LPOP', history, length - keep))
    length = keep
  end
  if is_new or is_prolonged then
    redis.call('PEXPIRE', history, life)
    redis.call('PEXPIRE', position, life + POSITION_MS)
    on(of.order, 'ZADD', now + life, entry)
    of.life = math.max(of.life, life)
  end
  if not is_new and change == 0 then return end
  local before, fixed = whole(on(of.sizes, 'HGET', entry), of.sizes), 2 * ENTRY_BYTES + 5 * #entry
  local bytes = before and before + change
  if is_new then bytes = fixed + change
  -- What was there before was not counted: Redis has evicted that number.
  elseif not before then bytes = fixed + weigh(redis.call('LRANGE', history, 0, -1)) end
  while of.most > 0 and bytes > of.most and length > 0 do
    -- Drops a part at a time, so that a long history is not shortened event by event.
    local part = math.ceil(length / 16)
    bytes = bytes - weigh(redis.call('LPOP', history, part))
    length = length - part
    of.dropped = of.dropped + 1
  end
  on(of.sizes, 'HSET', entry, bytes)
  of.change = of.change + bytes - (before or 0)
  if not is_new then return end
  local old = 'p' .. string.sub(entry, 2)
  if on(of.order, 'ZREM', old) == 0 then return end
  of.change = of.change - (whole(on(of.sizes, 'HGET', old), of.sizes) or 0)
  redis.call('HDEL', of.sizes, old)
end

-- Keeps the last event of a cache channel. One that is larger than the app's whole limit is not kept, and none is left.
local function keep_last(of, key, event, ttl)
  local entry = string.sub(key, #names + 1)
  local before, bytes = whole(on(of.sizes, 'HGET', entry), of.sizes) or 0, ENTRY_BYTES + 4 * #entry + #event
  if of.most > 0 and bytes > of.most then
    redis.call('DEL', key)
    on(of.order, 'ZREM', entry)
    redis.call('HDEL', of.sizes, entry)
    of.change = of.change - before
    of.dropped = of.dropped + 1
    return
  end
  redis.call('SET', key, event, 'PX', ttl)
  on(of.order, 'ZADD', now + ttl, entry)
  of.life = math.max(of.life, ttl)
  if bytes ~= before then on(of.sizes, 'HSET', entry, bytes) end
  of.change = of.change + bytes - before
end

local generation = on(KEYS[2], 'HGET', 'generation')
if not whole(generation) then generation = '0' end
local channels = tonumber(ARGV[7])
local first_account = channels * 3 + 3
local accounts = {}
local at = 8
for channel = 1, channels do
  local history, position, last_event = KEYS[channel * 3], KEYS[channel * 3 + 1], KEYS[channel * 3 + 2]
  local pubsub_channel, keep, ttl, last_ttl = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local count, text = tonumber(ARGV[at + 4]), ARGV[at + 5]
  local app, most = first_account + 4 * tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7])
  at = at + 8
  local head, life, is_prolonged = '- - 0', 0, false
  local before = #repaired
  if keep > 0 then head, life, is_prolonged = place(position, history, generation, count, ttl) end
  local is_displaced = #repaired > before
  redis.call(ARGV[5], pubsub_channel, 'e ' .. head .. ' ' .. count .. '\n' .. text)
  for part = keep > 0 and 0 or 2, last_ttl > 0 and 2 or 0, 2 do
    accounts[app + part] = accounts[app + part]
      or { order = KEYS[app + part], sizes = KEYS[app + part + 1], change = 0, most = most, ttl = 0, life = 0, dropped = 0 }
  end
  -- A node that missed events cannot learn from the new position how many.
  if is_displaced then on(accounts[app].sizes, 'HSET', 'forgotten', now) end
  if keep > 0 then keep_events(accounts[app], history, position, latest(text, count, keep), keep, life, is_prolonged) end
  if last_ttl > 0 then keep_last(accounts[app + 2], last_event, latest(text, count, 1)[1], last_ttl) end
end
local answer = { 'OK', now }
for _ = first_account, #KEYS, 4 do answer[#answer + 1] = 0 end
for at, of in pairs(accounts) do
  settle(of)
  local app = 3 + math.floor((at - first_account) / 4)
  answer[app] = answer[app] + of.dropped
end
for _, key in ipairs(repaired) do answer[#answer + 1] = key end
return answer
