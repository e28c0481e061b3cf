-- Keeps the answer of a request with an idempotency key, unless one is kept.
-- KEYS 1 as 2 of claim-key
-- ARGV 1 key 2 request, a digest 3 answer 4 most bytes of the app's answers
-- Returns the answer that counts.
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record or string.sub(record, 1, #ARGV[2]) ~= ARGV[2] then return ARGV[3] end
if #record > #ARGV[2] then return string.sub(record, #ARGV[2] + 1) end
local bytes = tonumber(redis.call('HGET', KEYS[1], 'bytes') or 0) or 0
if math.max(0, bytes) + #ARGV[3] > tonumber(ARGV[4]) then return ARGV[3] end
redis.call('HSET', KEYS[1], ARGV[1], record .. ARGV[3], 'bytes', string.format('%.0f', math.max(0, bytes) + #ARGV[3]))
return ARGV[3]
