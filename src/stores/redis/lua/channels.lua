-- The occupied channels of an app in this partition, with their counts.
-- KEYS 1 occupied ; ARGV 1 start of the channels' keys with the app 2 prefix
local found = {}
for _, channel in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if string.sub(channel, 1, #ARGV[2]) == ARGV[2] then
    local sockets = 0
    local nodes = redis.call('HVALS', ARGV[1] .. channel .. ':o')
    for _, count in ipairs(nodes) do sockets = sockets + tonumber(count) end
    found[#found + 1] = channel
    found[#found + 1] = tostring(sockets)
    found[#found + 1] = tostring(redis.call('HLEN', ARGV[1] .. channel .. ':u'))
    found[#found + 1] = tostring(#nodes)
  end
end
return found
