-- Gives the owner of an outbox the next events for an endpoint, and no other node until it has finished them. Another node gets
-- nothing: what it took late, the owner would not take over.
-- KEYS 1 stream 2 attempts 3 owner
-- ARGV 1 endpoint 2 node 3 most events 4 id from which it takes over what other nodes have not finished, '' for new events
-- Returns the id from which it has to continue taking over ('' when there is no more), the number of events that were read, and
-- for each that is for this endpoint: id, failed attempts, fields.
if redis.call('GET', KEYS[3]) ~= ARGV[2] then return { '', 0, {} } end
-- What is read below is not read again: nothing may fail after that.
check_stream(KEYS[1])
redis.call('HLEN', KEYS[2])
local entries, continueAt = {}, ''
if ARGV[4] == '' then
  local answer = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
  if answer then entries = answer[1][2] end
else
  local answer = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[4], 'COUNT', ARGV[3])
  if answer[1] ~= '0-0' then continueAt = answer[1] end
  entries = answer[2]
end
local events = {}
local function take(id, fields)
  for at = 1, #fields, 2 do
    if fields[at] == 'only' and fields[at + 1] ~= ARGV[1] then return redis.call('XACK', KEYS[1], ARGV[1], id) end
  end
  local attempts = redis.call('HGET', KEYS[2], ARGV[1] .. ' ' .. id)
  events[#events + 1] = { id, tonumber(attempts) or 0, fields }
end
-- Of an event that was dropped, an older Redis gives nothing.
for _, entry in ipairs(entries) do
  if entry and entry[2] then take(entry[1], entry[2]) end
end
return { continueAt, #entries, events }
