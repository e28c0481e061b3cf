-- Reads the roster of a channel. KEYS 1 generation 2 version 3 members 4 nodes per user 5 counts ; ARGV 1 start of the users' keys
-- Returns generation, version, members, for how many more milliseconds some of them may be missing (at least 1 when Redis has
-- evicted a part of the channel that no node has written again yet), and whether the channel is whole.
local now = now_ms()
check_version(KEYS[2])
local settlingUntil = tonumber(redis.call('HGET', KEYS[1], 'settling') or '0')
local held, counted = 0, 0
for _, node in ipairs(redis.call('HKEYS', KEYS[5])) do
  local users = redis.pcall('SCARD', ARGV[1] .. node)
  held = held + (tonumber(users) or 0)
end
for _, count in ipairs(redis.call('HVALS', KEYS[4])) do
  check(is_whole(count, 15))
  counted = counted + tonumber(count)
end
local isWhole = held == counted and redis.call('HLEN', KEYS[3]) == redis.call('HLEN', KEYS[4])
return {
  redis.call('HGET', KEYS[1], 'generation') or '0',
  redis.call('GET', KEYS[2]) or '0',
  redis.call('HGETALL', KEYS[3]),
  math.max(isWhole and 0 or 1, settlingUntil - now),
  isWhole and 1 or 0,
}
