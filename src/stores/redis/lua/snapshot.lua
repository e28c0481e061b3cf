-- The roster of a channel. KEYS 1 generation 2 version 3 members
-- Returns generation, version, members, and milliseconds for which some of them may be missing.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local quiet = tonumber(redis.call('HGET', KEYS[1], 'quiet') or '0')
return {
  redis.call('HGET', KEYS[1], 'generation') or '0',
  redis.call('GET', KEYS[2]) or '0',
  redis.call('HGETALL', KEYS[3]),
  math.max(0, quiet - now),
}
