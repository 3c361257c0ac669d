-- A new secret was confirmed by a code: it takes the place of the old one.
--
-- KEYS  store, record, stream, pending secret, events, codes on show, addresses
--       known, mark of a spent session
-- ARGV  id, the session's epoch, keep (s), name in the stream, the pending
--       secret that was checked, the step of the code, time of the attempt,
--       address, network, the sealed set of backup codes, time on show (ms), tags ...
--       (the set is taken only when there was no second factor before)

local record, epoch = KEYS[2], tonumber(ARGV[2])
local f = redis.call('HMGET', record, 'epoch', 'secret', 'burnt')

if redis.call('EXISTS', KEYS[8]) == 1 or number(f[1]) ~= epoch
   or redis.call('GET', KEYS[4]) ~= ARGV[5]
then
    return {'stale'}
end

for burnt in string.gmatch(f[3] or '', '%d+') do
    if burnt == ARGV[6] then
        return {'used'}
    end
end

revoke_user(KEYS[3], tonumber(ARGV[3]), ARGV[4], epoch + 1)

redis.call('HSET', record, 'epoch', epoch + 1, 'secret', ARGV[5],
           'last_step', ARGV[6], 'last_used_at', now)
redis.call('DEL', KEYS[4])
clear_failures(record)

redis.call('LREM', KEYS[5], 1, 'code_failed\t' .. ARGV[7] .. '\t' .. ARGV[8])
remember(KEYS[7], ARGV[9])

if f[2] then
    event(KEYS[5], 'new_phone', now, ARGV[8])
    return {'ok', now, epoch + 1, 1}
end

redis.call('HSET', record, 'enabled_at', now)
new_backup_codes(record, KEYS[6], 10)
event(KEYS[5], 'enabled', now, ARGV[8])

return {'ok', now, epoch + 1, 0}
