-- What was published on a channel after a position.
-- KEYS 1 history 2 position ; ARGV 1 epoch, '' for none 2 generation 3 offset 4 '1': the position alone is asked
-- Returns the epoch ('' when nothing is remembered), the generation, the last offset, how many events came after the
-- position, and those of them that are still remembered.
local known = redis.call('HGETALL', KEYS[2])
local epoch, generation, last = '', '0', 0
local from = tonumber(ARGV[3])
for at = 1, #known, 2 do
  local name, value = known[at], known[at + 1]
  if name == 'epoch' then epoch = value
  elseif name == 'generation' then generation = value
  elseif name == 'offset' then last = tonumber(value)
  -- A generation that the asker has not seen: from its begin on, all is new to him.
  elseif tonumber(string.sub(name, 6)) > tonumber(ARGV[2]) then from = math.min(from, tonumber(value)) end
end
if ARGV[4] == '1' then return { epoch, generation, last, 0 } end
if epoch ~= ARGV[1] then from = 0 end
local missing = math.max(0, last - from)
if missing == 0 then return { epoch, generation, last, 0 } end
return { epoch, generation, last, missing, unpack(redis.call('LRANGE', KEYS[1], -missing, -1)) }
