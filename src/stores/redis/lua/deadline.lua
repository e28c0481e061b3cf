-- Begins each script that must not be carried out after it was given up.
-- KEYS 1 marker ; ARGV 1 earliest 2 deadline 3 id of this script 4 milliseconds to keep the marker
-- Returns LATE and the time in milliseconds when nothing is done; else the script goes on, and `now` is the time.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A clock that is behind what it was is another server's, or was set: nothing is known of the deadline then.
if now < tonumber(ARGV[1]) or now > tonumber(ARGV[2]) then return { 'LATE', now } end
-- First: whoever lost the answer finds by it that this was carried out, and when Redis takes no writes, nothing is.
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])

