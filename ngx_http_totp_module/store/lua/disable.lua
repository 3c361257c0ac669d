-- Secret and backup codes are gone; the epoch stays, or old sessions would be
-- good again.
--
-- KEYS  store, record, stream, events, pending secret, codes on show,
--       mark of a spent session
-- ARGV  id, the session's epoch, keep (s), name in the stream, address

local record, epoch = KEYS[2], tonumber(ARGV[2])
local f = redis.call('HMGET', record, 'epoch', 'secret')

if redis.call('EXISTS', KEYS[7]) == 1 or number(f[1]) ~= epoch then
    return {'stale'}
end

if not f[2] then
    return {'none'}
end

revoke_user(KEYS[3], tonumber(ARGV[3]), ARGV[4], epoch + 1)
redis.call('DEL', record, KEYS[5], KEYS[6])
redis.call('HSET', record, 'epoch', epoch + 1)
event(KEYS[4], 'disabled', now, ARGV[5])

return {'ok', now, epoch + 1}
