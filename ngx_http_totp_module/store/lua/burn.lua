-- A code of a wrong clock was shown: its step is never accepted later.
--
-- KEYS  store, record
-- ARGV  id, step, the oldest step that could still be accepted

local burnt = {ARGV[2]}

for step in string.gmatch(redis.call('HGET', KEYS[2], 'burnt') or '', '%d+') do
    if tonumber(step) >= tonumber(ARGV[3]) and step ~= ARGV[2] then
        burnt[#burnt + 1] = step
    end
end

redis.call('HSET', KEYS[2], 'burnt', table.concat(burnt, ' '))

return {'ok'}
