-- Removes from keys what no script of ours writes there: another program may have used their names, or spoilt them.
-- KEYS any of a partition ; ARGV for each what it is: hash, set, zset, list, string, number, numbers, position or generation
-- Returns the keys of which something was removed.
local LOOK = { set = 'SCARD', zset = 'ZCARD', list = 'LLEN', string = 'GET', number = 'GET' }
local mended = {}
local is_position_gone = false

local function is_sound(kind, field, value)
  if kind == 'numbers' then return tonumber(value) end
  if kind == 'position' then return field == 'epoch' and string.find(value, '^[%w_-]+$') or field ~= 'epoch' and tonumber(value) end
  if kind == 'generation' then return field == 'run' or tonumber(value) end
  return true
end

local function has_unsound_fields(kind, key)
  local all, found = redis.call('HGETALL', key), false
  for at = 1, #all, 2 do
    if not is_sound(kind, all[at], all[at + 1]) then
      redis.call('HDEL', key, all[at])
      found = true
    end
  end
  -- One part of a position says nothing without the others.
  if found and kind == 'position' then
    redis.call('DEL', key)
    is_position_gone = true
  end
  return found
end

for at, key in ipairs(KEYS) do
  local kind = ARGV[at]
  local answer = redis.pcall(LOOK[kind] or 'HLEN', key)
  if type(answer) == 'table' and answer.err and string.find(answer.err, 'WRONGTYPE', 1, true)
    or kind == 'number' and type(answer) == 'string' and not tonumber(answer) then
    redis.call('DEL', key)
    mended[#mended + 1] = key
    is_position_gone = is_position_gone or kind == 'position'
  elseif not LOOK[kind] and has_unsound_fields(kind, key) then mended[#mended + 1] = key end
end
-- As `publish.lua` notes it where a position is dropped: who missed something cannot learn any more how much it was.
if is_position_gone then
  local time = redis.call('TIME')
  for at, kind in ipairs(ARGV) do
    if kind == 'numbers' then redis.call('HSET', KEYS[at], 'forgotten', time[1] * 1000 + math.floor(time[2] / 1000)) end
  end
end
return mended
