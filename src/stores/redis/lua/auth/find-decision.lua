-- Finds a decision of the auth gateway that has not ended and was not forgotten.
-- KEYS 1 decisions of the owner 2 what was forgotten, by the time at which it was
-- ARGV 1 key of the decision
-- Returns the time, and the decision's text and age; '' and 0 without one.
local now = now_ms()
local function read(field)
  local is_json, entry = pcall(cjson.decode, redis.call('HGET', KEYS[1], field) or '')
  local is_entry = is_json and type(entry) == 'table' and type(entry.asked) == 'number' and type(entry.ends) == 'number'
  -- One from a later time was kept before the clock of Redis went back: nothing tells its age.
  if is_entry and entry.asked <= now + 1000 and entry.ends > now then return entry end
end
local entry = read('d:' .. ARGV[1])
if not entry or type(entry.text) ~= 'string' or type(entry.tags) ~= 'table' then return { now, '', 0 } end
-- The app may have named the user of these credentials in another decision.
local named = entry.user and entry or read('user')
local tags = { 'all', named and named.user or 'user?', unpack(entry.tags) }
for _, tag in ipairs(tags) do
  local forgotten = redis.call('ZSCORE', KEYS[2], tag)
  if forgotten and tonumber(forgotten) >= entry.asked then return { now, '', 0 } end
end
return { now, entry.text, math.max(0, now - entry.asked) }
