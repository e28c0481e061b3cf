-- Ends deliveries to an endpoint, or keeps the number of attempts that failed.
-- KEYS 1 stream 2 attempts 3 dead letters
-- ARGV 1 endpoint 2 `done`, then ids; `failed`, an id, the number of attempts; or `dead`, an id, the letter as JSON, most letters
if ARGV[2] == 'failed' then return redis.call('HSET', KEYS[2], ARGV[1] .. ' ' .. ARGV[3], ARGV[4]) end
if ARGV[2] == 'dead' then
  check_stream(KEYS[3])
  -- Of a letter that was written already, the answer was lost.
  if redis.call('XACK', KEYS[1], ARGV[1], ARGV[3]) == 1 then
    redis.call('XADD', KEYS[3], 'MAXLEN', '=', ARGV[5], '*', 'letter', ARGV[4])
  end
  return redis.call('HDEL', KEYS[2], ARGV[1] .. ' ' .. ARGV[3])
end
for at = 3, #ARGV do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[at])
  redis.call('HDEL', KEYS[2], ARGV[1] .. ' ' .. ARGV[at])
end
