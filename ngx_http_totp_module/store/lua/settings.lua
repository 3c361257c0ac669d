-- What the settings page shows.
--
-- KEYS  store, record, events, mark of a spent session
-- ARGV  id, the session's epoch

local f = redis.call('HMGET', KEYS[2], 'epoch', 'secret', 'enabled_at',
                     'last_used_at', 'failed_before')

if redis.call('EXISTS', KEYS[4]) == 1
   or number(f[1]) ~= tonumber(ARGV[2])
then
    return {'stale'}
end

return {'ok', now, f[2] and 1 or 0, number(f[3]), number(f[4]),
        number(f[5]), #backup_codes(KEYS[2]),
        redis.call('LRANGE', KEYS[3], 0, 9)}
