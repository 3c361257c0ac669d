-- The end of a session, or of all of a user's.
--
-- KEYS  store, record, stream, events, mark of a spent session
-- ARGV  id, the session's epoch, keep (s), name in the stream, address,
--       session, when it ends, what: 'full', 'password' or 'everywhere'

local ttl = tonumber(ARGV[7]) - now

-- Every change of the user asks for this mark: a node that has not heard of the
-- sign-out yet could else let the session turn itself into another.
local function spend()
    redis.call('SET', KEYS[5], 1, 'EX', ttl)

    return {'ok'}
end

-- it has ended already, as all nodes know or are told: who signs out again and
-- again writes nothing
if ttl <= 0 or redis.call('EXISTS', KEYS[5]) == 1 then
    return {'none'}
end

-- such a session opens no door, and needs no revocation
if ARGV[8] == 'password' then
    return spend()
end

local epoch, own = number(redis.call('HGET', KEYS[2], 'epoch')), tonumber(ARGV[2])

if epoch > own then
    return {'none'}
end

-- where the record is lost, it ends no others
if ARGV[8] == 'full' or epoch ~= own then
    revoke_session(KEYS[3], tonumber(ARGV[3]), ARGV[6], ARGV[7])
    return spend()
end

revoke_user(KEYS[3], tonumber(ARGV[3]), ARGV[4], epoch + 1)
redis.call('HSET', KEYS[2], 'epoch', epoch + 1)
event(KEYS[4], 'signed_out_everywhere', now, ARGV[5])
spend()

return {'ok', now, epoch + 1}
