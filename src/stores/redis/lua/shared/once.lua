-- Follows `deadline` where an event is published at most once in a time: a second time, nothing is done.
-- KEYS last: marks of the app's published events in this partition, by the time at which they expire; it has no expiry, so that
--      no volatile-* policy evicts it ; ARGV last: mark, milliseconds, most marks
-- Returns OK, the time and -1 when it was published before; else the script continues with the keys and arguments before these.
local most, ttl, mark = tonumber(table.remove(ARGV)), tonumber(table.remove(ARGV)), table.remove(ARGV)
local marks = table.remove(KEYS)
local until_ms = redis.pcall('ZSCORE', marks, mark)
if type(until_ms) == 'table' and string.find(until_ms.err, 'WRONGTYPE', 1, true) then
  -- Of another program. A script that failed after its marker would count as one that ran.
  redis.call('DEL', marks)
  until_ms = redis.call('ZSCORE', marks, mark)
end
if type(until_ms) == 'table' then return until_ms end
if until_ms and tonumber(until_ms) > now then return { 'OK', now, -1 } end
redis.call('ZREMRANGEBYSCORE', marks, '-inf', now)
redis.call('ZADD', marks, now + ttl, mark)
local surplus = redis.call('ZCARD', marks) - most
if surplus > 0 then redis.call('ZPOPMIN', marks, surplus) end
