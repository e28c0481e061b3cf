-- Finds channels of nodes that have no lease, so that no node would clean them up: Redis may have evicted the lease.
-- KEYS 1 occupied 2 nodes
-- ARGV 1 start of the channels' keys with the app 2 start of the channel keys with the app 3 start of the indexes
--      4 number of suspects, then each as `node channel`
-- A living node may be without a lease until its next beat. So a node on a channel is a suspect when it is found first; when
-- it is found again, it gets a lease that has ended, and is cleaned up like any other. Returns the new suspects.
local isSuspect, suspects, ended = {}, {}, {}
for at = 5, 4 + tonumber(ARGV[4]) do isSuspect[ARGV[at]] = true end
for _, channel in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  -- Invalid data of another program belongs to no node.
  local counts = ARGV[1] .. channel .. ':o'
  local nodes = redis.pcall('HKEYS', counts)
  if nodes.err then redis.call('DEL', counts) end
  for _, node in ipairs(nodes) do
    if not is_name(node) then redis.call('HDEL', counts, node)
    elseif not redis.call('ZSCORE', KEYS[2], node) then
      local suspect = node .. ' ' .. channel
      if isSuspect[suspect] then
        local index = ARGV[3] .. node
        if type(redis.pcall('SADD', index, ARGV[2] .. channel)) == 'table' then
          redis.call('DEL', index)
          redis.call('SADD', index, ARGV[2] .. channel)
        end
        ended[node] = true
      else
        suspects[#suspects + 1] = suspect
      end
    end
  end
end
for node in pairs(ended) do redis.call('ZADD', KEYS[2], 0, node) end
return suspects
