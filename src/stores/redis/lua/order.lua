-- Tells all nodes to do something, unless it is too late.
-- KEYS 1 marker ; ARGV 1 earliest 2 deadline 3 id of this script 4 milliseconds to keep the marker 5 publish command
--      6 bus channel 7 order
-- Returns OK, or LATE when nothing was done; and the time.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now < tonumber(ARGV[1]) or now > tonumber(ARGV[2]) then return { 'LATE', now } end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
redis.call(ARGV[5], ARGV[6], ARGV[7])
return { 'OK', now }
