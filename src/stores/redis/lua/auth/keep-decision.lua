-- Keeps a decision of the auth gateway, and the user whom the app named for its owner.
-- KEYS 1 decisions of the owner 2 the owners of the partition, by the time at which their last decision ends
-- ARGV 1 key of the decision 2 its text 3 time at which the app was asked 4 milliseconds for which it is kept from then on
--      5 most owners of the partition 6 most decisions of an owner 7 user, '' when the app named none 8 and more: its tags
local now, asked = now_ms(), tonumber(ARGV[3])
local ends = asked + tonumber(ARGV[4])
if ends <= now or ends > now + TEN_YEARS_MS then return 0 end
local function keep(field, entry)
  entry.asked, entry.ends = asked, ends
  redis.call('HSET', KEYS[1], field, cjson.encode(entry))
end
local user = ARGV[7] ~= '' and ARGV[7] or nil
if user then keep('user', { user = user }) end
keep('d:' .. ARGV[1], { text = ARGV[2], user = user, tags = { unpack(ARGV, 8) } })
-- Above the limit those that end first go; the last one is not among them.
local surplus = redis.call('HLEN', KEYS[1]) - tonumber(ARGV[6]) - 1
if surplus > 0 then
  local found, all = {}, redis.call('HGETALL', KEYS[1])
  for at = 1, #all, 2 do
    local is_json, entry = pcall(cjson.decode, all[at + 1])
    local known = is_json and type(entry) == 'table' and tonumber(entry.ends) or 0
    if string.sub(all[at], 1, 2) == 'd:' and all[at] ~= 'd:' .. ARGV[1] then table.insert(found, { known, all[at] }) end
  end
  table.sort(found, function(one, other) return one[1] < other[1] end)
  for at = 1, math.min(surplus, #found) do redis.call('HDEL', KEYS[1], found[at][2]) end
end
-- Leaves a key as long as its last entry.
local function prolong(key, ms)
  local left = math.max(ms, redis.call('PTTL', key))
  redis.call('PEXPIRE', key, left)
  return now + left
end
local last = prolong(KEYS[1], ends - now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], last, KEYS[1])
local owners = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[5])
for _ = 1, math.min(owners, 100) do redis.call('DEL', redis.call('ZPOPMIN', KEYS[2])[1]) end
prolong(KEYS[2], last - now)
return 1
