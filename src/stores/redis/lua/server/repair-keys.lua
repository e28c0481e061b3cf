-- Removes invalid data from keys: another program may have written to them.
-- KEYS any of a partition ; ARGV for each its kind: hash, set, zset, leases, list, stream, string, event, version, numbers, sizes,
--      position or generation
-- Returns the keys from which something was removed.
local LOOK = { set = 'SCARD', zset = 'ZCARD', leases = 'ZCARD', list = 'LLEN', stream = 'XLEN', string = 'GET', event = 'GET', version = 'GET' }
local repaired = {}
local is_position_gone = false

local IS_VALID = {
  numbers = function(_, value) return is_whole(value, 15) end,
  sizes = function(field, value)
    if field == 'forgotten' then return is_time(value) end
    local digits = string.gsub(value, '^%-', '', 1)
    return is_whole(digits, 15)
  end,
  position = is_position_field,
  generation = function(field, value)
    if field == 'run' then return is_name(value) end
    if field == 'generation' or field == 'settling' then return is_time(value) end
    return string.sub(field, 1, 5) == 'node:' and is_name(string.sub(field, 6)) and is_whole(value, 15)
  end,
}

local function is_event(text)
  local length, body = string.match(text, '^(%d+) [01] [%d.-]+\n()')
  return length and #length <= 9 and #text == body + tonumber(length) - 1
end

local function is_invalid_text(kind, text)
  return kind == 'version' and not is_version(text) or kind == 'event' and not is_event(text)
end

local function is_invalid_stream(kind, key) return kind == 'stream' and not has_times(key) end

local function has_invalid_fields(kind, key)
  local is_valid = IS_VALID[kind]
  if not is_valid then return false end
  local all, found = redis.call('HGETALL', key), false
  for at = 1, #all, 2 do
    if not is_valid(all[at], all[at + 1]) then
      redis.call('HDEL', key, all[at])
      found = true
    end
  end
  -- One part of a position is useless without the others.
  if kind == 'position' and #all > 0 then
    local parts = redis.call('HMGET', key, 'epoch', 'offset', 'generation')
    found = found or not (parts[1] and parts[2] and parts[3])
  end
  if found and kind == 'position' then
    redis.call('DEL', key)
    is_position_gone = true
  end
  return found
end

-- Removes leases that no script grants. A living node gets its lease again with its next beat.
local function has_invalid_leases(key)
  local latest, found = now_ms() + TOO_FAR_MS, false
  local all = redis.call('ZRANGEBYSCORE', key, '-inf', '+inf', 'WITHSCORES')
  for at = 1, #all, 2 do
    if not is_name(all[at]) or tonumber(all[at + 1]) > latest then
      redis.call('ZREM', key, all[at])
      found = true
    end
  end
  return found
end

for at, key in ipairs(KEYS) do
  local kind = ARGV[at]
  local answer = redis.pcall(LOOK[kind] or 'HLEN', key)
  local is_other_type = type(answer) == 'table' and answer.err and string.find(answer.err, 'WRONGTYPE', 1, true)
  if is_other_type or type(answer) == 'string' and is_invalid_text(kind, answer) or is_invalid_stream(kind, key) then
    redis.call('DEL', key)
    repaired[#repaired + 1] = key
    is_position_gone = is_position_gone or kind == 'position'
  elseif kind == 'leases' and has_invalid_leases(key) or not LOOK[kind] and has_invalid_fields(kind, key) then
    repaired[#repaired + 1] = key
  end
end
-- As `publish.lua` does where a position is dropped: a node that missed events can no longer find out how many.
if is_position_gone then
  for at, kind in ipairs(ARGV) do
    if kind == 'sizes' then redis.call('HSET', KEYS[at], 'forgotten', now_ms()) end
  end
end
return repaired
