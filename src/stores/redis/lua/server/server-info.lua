-- Returns INFO of the server that has this key. KEYS 1 any key of the partition
return redis.call('INFO', 'server')
