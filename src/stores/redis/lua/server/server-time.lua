-- Returns the time of the server that has this key, in milliseconds. KEYS 1 any key of the partition
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000)
