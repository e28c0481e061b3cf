-- Begins each script that must have no effect after its sender gave up on it.
-- KEYS 1 marker ; ARGV 1 earliest 2 deadline 3 id of this script 4 milliseconds to keep the marker
-- Returns LATE and the time in milliseconds when nothing is done; else the script continues, and `now` is the time.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A clock that is behind its earlier time is another server's, or was set: the deadline means nothing on it.
if now < tonumber(ARGV[1]) or now > tonumber(ARGV[2]) then return { 'LATE', now } end
-- Comes first: a sender that lost the answer reads in the marker that this ran, and a Redis that refuses writes fails here, before any effect.
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])

