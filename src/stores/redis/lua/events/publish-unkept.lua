-- Publishes messages that are not kept in a history, as one step, unless it is too late.
-- KEYS 1 marker ; ARGV 1 earliest 2 deadline 3 id of this script 4 milliseconds to keep the marker 5 publish command
--      then for each message: pub/sub channel, message
-- Returns OK, or LATE when nothing was done; and the time.
for at = 6, #ARGV, 2 do redis.call(ARGV[5], ARGV[at], ARGV[at + 1]) end
return { 'OK', now }
