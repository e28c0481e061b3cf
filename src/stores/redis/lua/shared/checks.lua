-- Begins each script whose keys `repair-keys` can repair, and `repair-keys` itself: which values are valid. A script checks
-- before it writes; on a failed check `repair-keys` removes the invalid data, and the script runs once more.
local TOO_FAR_MS, TEN_YEARS_MS = 30 * 86400000, 3653 * 86400000
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function is_whole(value, digits) return #value <= digits and string.find(value, '^%d+$') ~= nil end
local function is_name(value) return #value <= 64 and string.find(value, '^[%w_-]+$') ~= nil end
-- Fourteen digits: with one more, a number that is made a text becomes `1e+14`.
local function is_time(value) return is_whole(value, 14) and tonumber(value) <= now_ms() + TOO_FAR_MS end
-- Versions begin at the time, in hundredths of milliseconds.
local function is_version(value) return is_whole(value, 15) and math.abs(tonumber(value) / 100 - now_ms()) < TEN_YEARS_MS end
-- True for a field of a position.
local function is_position_field(field, value)
  if field == 'epoch' then return is_name(value) end
  local is_known = field == 'offset' or field == 'generation' or field == 'until'
    or string.sub(field, 1, 5) == 'base:' and is_whole(string.sub(field, 6), 15)
  return is_known and is_whole(value, 15)
end
local function check(is_valid)
  if not is_valid then error('a key holds invalid data') end
end
-- The ids of a stream are times: after one that is too far away, no new one can be told from it.
local function has_times(stream)
  local info = redis.call('EXISTS', stream) == 1 and redis.call('XINFO', 'STREAM', stream) or {}
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then return is_time(string.match(info[at + 1], '^%d+')) end
  end
  return true
end
local function check_stream(key) check(has_times(key)) end
local function check_version(key)
  local version = redis.call('GET', key)
  check(not version or is_version(version))
end
