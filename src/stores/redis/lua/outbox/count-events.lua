-- Counts the events that an endpoint has not finished. KEYS 1 stream ; ARGV 1 endpoint
-- Returns their number and the id of the oldest, '' without one.
for _, group in ipairs(groups_of(KEYS[1])) do
  if group.name == ARGV[1] then
    local start = '(' .. group['last-delivered-id']
    local first = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', 1)[1]
    -- Redis knows the number of new ones since version 7, and not after some were removed.
    local new = type(group.lag) == 'number' and group.lag or #redis.call('XRANGE', KEYS[1], start, '+')
    local oldest = group.pending > 0 and redis.call('XPENDING', KEYS[1], ARGV[1])[2] or first and first[1] or ''
    return { group.pending + new, oldest }
  end
end
return { 0, '' }
