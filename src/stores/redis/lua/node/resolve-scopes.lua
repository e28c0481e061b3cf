-- Finds the scope of each app's names in Redis by any of the app's credentials, and stores all of them under that scope.
-- A stored credential decides, the oldest first, so that the nodes of one installation agree while its credentials are
-- rotated. Running it twice changes nothing.
-- KEYS 1 scopes, a hash without an expiry: digest of a credential -> scope, app, time of the last use in seconds
-- ARGV 1 seconds after which a credential that no node uses is forgotten 2 number of apps, then for each:
--      app, scope that the caller has used so far ('' for none), number of digests, the digests from the newest to the oldest
-- Returns for each app its scope, and 1 when an app of the same id is here under another scope; then the number of
-- invalid entries that were removed.
local now = tonumber(redis.call('TIME')[1])
local known, invalid = {}, 0
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local scope, seen, app = string.match(all[at + 1], '^([%w_-]+) (%d+) (.*)$')
  local is_valid = scope and is_name(scope) and is_whole(seen, 11) and tonumber(seen) < now + TOO_FAR_MS
  if not is_valid then invalid = invalid + 1 end
  if not is_valid or tonumber(seen) + tonumber(ARGV[1]) < now then redis.call('HDEL', KEYS[1], all[at])
  else known[all[at]] = { scope = scope, seen = tonumber(seen), app = app } end
end
local named, at = {}, 3
for each = 1, tonumber(ARGV[2]) do
  local app, scope, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  if scope == '' then scope = ARGV[at + 2 + count] end
  for digest = at + 2 + count, at + 3, -1 do
    local found = known[ARGV[digest]]
    if found then
      scope = found.scope
      break
    end
  end
  for digest = at + 3, at + 2 + count do
    redis.call('HSET', KEYS[1], ARGV[digest], scope .. ' ' .. now .. ' ' .. app)
    known[ARGV[digest]] = { scope = scope, seen = now, app = app }
  end
  named[each] = { app = app, scope = scope }
  at = at + 3 + count
end

local scopesOf = {}
for _, each in pairs(known) do
  if each.seen + 60 > now then
    scopesOf[each.app] = scopesOf[each.app] or {}
    scopesOf[each.app][each.scope] = true
  end
end
local answer = {}
for _, each in ipairs(named) do
  answer[#answer + 1] = each.scope
  local isShared = 0
  for scope in pairs(scopesOf[each.app]) do
    if scope ~= each.scope then isShared = 1 end
  end
  answer[#answer + 1] = isShared
end
answer[#answer + 1] = invalid
return answer
