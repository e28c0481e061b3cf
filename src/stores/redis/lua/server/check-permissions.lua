-- Lists the commands that this Redis user may not run. Tries each one that the scripts and the node use, on keys of its own.
-- KEYS 1 to 5 scratch: hash, set, sorted set, list, number; with webhooks 6 stream
-- ARGV 1 publish command 2 a channel without subscribers
-- Returns the names of the refused commands.
local hash, set, zset, list, number = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local refused = {}
local function try(name, ...)
  local answer = redis.pcall(name, ...)
  local why = type(answer) == 'table' and answer.err or ''
  if string.find(why, "can't run this command", 1, true) or string.find(why, 'NOPERM', 1, true) then
    refused[#refused + 1] = name
  end
end
try('TIME')
try('INFO', 'server')
try('HSET', hash, 'f', 1)
try('HGET', hash, 'f')
try('HGETALL', hash)
try('HMGET', hash, 'f')
try('HEXISTS', hash, 'f')
try('HKEYS', hash)
try('HINCRBY', hash, 'f', 1)
try('HLEN', hash)
try('HVALS', hash)
try('HDEL', hash, 'f')
try('SADD', set, 'm')
try('SCARD', set)
try('SISMEMBER', set, 'm')
try('SMEMBERS', set)
try('SRANDMEMBER', set, 1)
try('SREM', set, 'm')
try('ZADD', zset, 1, 'm')
try('ZSCORE', zset, 'm')
try('ZRANGEBYSCORE', zset, '-inf', 0, 'LIMIT', 0, 1)
try('ZCARD', zset)
try('ZPOPMIN', zset)
try('ZREMRANGEBYSCORE', zset, '-inf', 0)
try('ZREM', zset, 'm')
try('RPUSH', list, 'e')
try('LPOP', list, 1)
try('LRANGE', list, -1, -1)
try('LINDEX', list, -1)
try('LLEN', list)
try('PEXPIRE', list, 1000)
try('PTTL', list)
try('SET', number, 1)
try('INCR', number)
try('GET', number)
try('EXISTS', number)
if KEYS[6] then
  local stream = KEYS[6]
  try('XGROUP', 'CREATE', stream, 'g', '$', 'MKSTREAM')
  try('XADD', stream, '*', 'f', 'v')
  try('XLEN', stream)
  try('XRANGE', stream, '-', '+')
  try('XREVRANGE', stream, '+', '-')
  try('XINFO', 'GROUPS', stream)
  try('XINFO', 'STREAM', stream)
  try('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', stream, '>')
  try('XAUTOCLAIM', stream, 'g', 'c', 0, '0-0')
  try('XPENDING', stream, 'g')
  try('XACK', stream, 'g', '0-1')
  try('XDEL', stream, '0-1')
  try('XTRIM', stream, 'MAXLEN', '=', 0)
  try('DEL', stream)
end
try('DEL', hash, set, zset, list, number)
try(ARGV[1], ARGV[2], '')
return refused
