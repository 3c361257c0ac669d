-- The secret of a set-up that is not confirmed yet; it belongs to one session.
--
-- KEYS  store, record, pending secret, mark of a spent session
-- ARGV  id, the session's epoch, a new sealed secret ('' to make none), how
--       long it lives (s)

local f = redis.call('HMGET', KEYS[2], 'epoch', 'secret')

if redis.call('EXISTS', KEYS[4]) == 1
   or number(f[1]) ~= tonumber(ARGV[2])
then
    return {'stale'}
end

if ARGV[3] ~= '' then
    redis.call('SET', KEYS[3], ARGV[3], 'NX', 'EX', ARGV[4])
end

return {'ok', now, redis.call('GET', KEYS[3]) or '', f[2] and 1 or 0}
