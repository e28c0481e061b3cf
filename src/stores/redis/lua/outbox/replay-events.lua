-- Takes dead letters back to the outbox, each for its endpoint alone. KEYS 1 stream 2 attempts 3 dead letters
-- ARGV 1 most events, then ids. Returns how many there were.
check_stream(KEYS[1])
redis.call('HLEN', KEYS[2])
local outbox = { stream = KEYS[1], attempts = KEYS[2], most = tonumber(ARGV[1]) }
local found = 0
for at = 2, #ARGV do
  local entry = redis.call('XRANGE', KEYS[3], ARGV[at], ARGV[at])[1]
  local is_letter, letter = pcall(cjson.decode, entry and entry[2][2] or '')
  is_letter = is_letter and type(letter) == 'table'
  if entry and is_letter and type(letter.endpoint) == 'string' and type(letter.record) == 'string' then
    write(outbox, 'record', letter.record, 'only', letter.endpoint)
    found = found + 1
  end
  redis.call('XDEL', KEYS[3], ARGV[at])
end
return found
