-- A new set of backup codes; the old ones are void from now on.
--
-- KEYS  store, record, stream, events, codes on show, mark of a spent session
-- ARGV  id, the session's epoch, keep (s), name in the stream, address, the
--       sealed set, time on show (ms), tags ...

local record, epoch = KEYS[2], tonumber(ARGV[2])
local f = redis.call('HMGET', record, 'epoch', 'secret')

if redis.call('EXISTS', KEYS[6]) == 1 or number(f[1]) ~= epoch then
    return {'stale'}
end

if not f[2] then
    return {'none'}
end

revoke_user(KEYS[3], tonumber(ARGV[3]), ARGV[4], epoch + 1)
redis.call('HSET', record, 'epoch', epoch + 1)
new_backup_codes(record, KEYS[5], 6)
event(KEYS[4], 'codes_renewed', now, ARGV[5])

return {'ok', now, epoch + 1}
