-- Tells whether a script with a deadline ran, after its answer was lost.
-- KEYS 1 generation 2 marker ; ARGV 1 id of the script 2 its deadline
-- Returns RAN, NEVER (it did not run and will not), EARLY (it did not run yet) or UNKNOWN (this server evicts keys, and may
-- have evicted the marker); and INFO of this server.
local server = redis.call('INFO', 'server')
if redis.call('GET', KEYS[2]) == ARGV[1] then return { 'RAN', server } end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now <= tonumber(ARGV[2]) then return { 'EARLY', server } end
local evicts = not string.find(redis.call('INFO', 'stats'), 'evicted_keys:0', 1, true)
return { evicts and 'UNKNOWN' or 'NEVER', server }
