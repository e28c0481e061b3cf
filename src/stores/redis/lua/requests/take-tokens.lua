-- Takes tokens of an app's bucket of requests: as many as are wanted, or those that are there.
-- KEYS 1 the microsecond at which the bucket is full again; it expires then 2 nodes
-- ARGV 1 tokens that are wanted 2 tokens a second 3 most tokens 4 tokens of a portion
-- Returns how many were taken, how many are left, milliseconds until a portion is there, and the number of nodes.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local token_us, most = 1000000 / ARGV[2], tonumber(ARGV[3])
local full_at, owed = redis.call('GET', KEYS[1]), 0
if full_at then
  -- A moment beyond that of an empty bucket is of a clock that was set back, of a lower limit, or of another program: the bucket
  -- counts as empty, never as closed.
  owed = most * token_us
  if #full_at <= 17 and string.find(full_at, '^%d+$') then owed = math.max(0, math.min(owed, full_at - now)) end
end
local tokens = math.floor(most - owed / token_us + 0.000001)
local taken = math.min(tonumber(ARGV[1]), tokens)
owed = owed + taken * token_us
if owed > 0 then redis.call('SET', KEYS[1], string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000)) end
local missing = math.min(tonumber(ARGV[4]), most) - (most - owed / token_us)
return { taken, tokens - taken, math.max(1, math.ceil(missing * token_us / 1000)), redis.call('ZCARD', KEYS[2]) }
