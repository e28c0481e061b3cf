-- Lists the occupied channels of an app in this partition, with their counts, and '0' where a count is invalid.
-- KEYS 1 occupied ; ARGV 1 start of the channels' keys with the app 2 prefix
local found = {}
for _, channel in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if string.sub(channel, 1, #ARGV[2]) == ARGV[2] then
    local counts = redis.pcall('HVALS', ARGV[1] .. channel .. ':o')
    local users = redis.pcall('HLEN', ARGV[1] .. channel .. ':u')
    local sockets, is_valid = 0, not counts.err and type(users) == 'number'
    for _, count in ipairs(counts) do
      local is_count = is_whole(count, 15)
      is_valid = is_valid and is_count
      sockets = sockets + (is_count and tonumber(count) or 0)
    end
    found[#found + 1] = channel
    found[#found + 1] = string.format('%.0f', sockets)
    found[#found + 1] = tostring(type(users) == 'number' and users or 0)
    found[#found + 1] = tostring(#counts)
    found[#found + 1] = is_valid and '1' or '0'
  end
end
return found
