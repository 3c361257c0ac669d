-- The password was right.
--
-- KEYS  store, record, pair of user and address, user, addresses known, events,
--       stream
-- ARGV  id, network, keep (s), a session that ends with this sign-in ('' for
--       none), when it would have ended, address

local record, pair, user, known = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local f = redis.call('HMGET', record, 'epoch', 'secret')
local enabled = f[2] and 1 or 0

if ARGV[4] ~= '' then
    revoke_session(KEYS[7], tonumber(ARGV[3]), ARGV[4], ARGV[5])
end

refund(pair)

if not redis.call('ZSCORE', known, ARGV[2]) then
    refund(user)
end

if enabled == 0 then
    remember(known, ARGV[2])
    event(KEYS[6], 'signed_in', now, ARGV[6])
end

return {'ok', now, number(f[1]), enabled}
