-- A password is about to be checked: count the failure before it happens.
--
-- KEYS  store, pair of user and address, user, addresses known
-- ARGV  id, network, n, window (s), n for the user, window for the user

local pair, user, known = KEYS[2], KEYS[3], KEYS[4]
local window, user_window = tonumber(ARGV[4]), tonumber(ARGV[6])

if number(redis.call('GET', pair)) >= tonumber(ARGV[3]) then
    return {'locked', wait(pair, window)}
end

-- an address that signed in lately is not locked out by strangers' guesses
if not redis.call('ZSCORE', known, ARGV[2]) then
    if number(redis.call('GET', user)) >= tonumber(ARGV[5]) then
        return {'locked', wait(user, user_window)}
    end

    count(user, user_window)
end

count(pair, window)

return {'ok'}
