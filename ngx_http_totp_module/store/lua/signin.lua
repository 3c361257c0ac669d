-- The password was right.
--
-- KEYS  store, record, pair of user and address, user, addresses known, events,
--       stream, mark of the session that ends
-- ARGV  id, network, keep (s), a session that ends with this sign-in ('' for
--       none), when it would have ended, address

local record, pair, user, known = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local f = redis.call('HMGET', record, 'epoch', 'secret')
local epoch, enabled = f[1], f[2] and 1 or 0

-- Epochs begin at the clock, not at nought: should a record be lost, what comes
-- after it is still later than all that was revoked before.
if not epoch then
    epoch = now
    redis.call('HSET', record, 'epoch', epoch)
end

if ARGV[4] ~= '' then
    revoke_session(KEYS[7], tonumber(ARGV[3]), ARGV[4], ARGV[5])

    -- as at a sign-out (another user's record knows another mark)
    local ttl = tonumber(ARGV[5]) - now

    if ttl > 0 then
        redis.call('SET', KEYS[8], 1, 'EX', ttl)
    end
end

refund(pair)

if not redis.call('ZSCORE', known, ARGV[2]) then
    refund(user)
end

if enabled == 0 then
    remember(known, ARGV[2])
    event(KEYS[6], 'signed_in', now, ARGV[6])
end

return {'ok', now, number(epoch), enabled}
