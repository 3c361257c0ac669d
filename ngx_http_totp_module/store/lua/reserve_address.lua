-- The same for the address alone, over all users.
--
-- KEYS  store, address
-- ARGV  id, n, window (s)

local window = tonumber(ARGV[3])

if number(redis.call('GET', KEYS[2])) >= tonumber(ARGV[2]) then
    return {'locked', wait(KEYS[2], window)}
end

count(KEYS[2], window)

return {'ok'}
