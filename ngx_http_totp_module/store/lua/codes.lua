-- The set of backup codes on show, and more time for it.
--
-- KEYS  store, record, codes on show, mark of a spent session
-- ARGV  id, the session's epoch, more time (ms, 0: none)

local record, show = KEYS[2], KEYS[3]
local f = redis.call('HMGET', record, 'epoch', 'secret', 'backup_set')

if redis.call('EXISTS', KEYS[4]) == 1
   or number(f[1]) ~= tonumber(ARGV[2])
then
    return {'stale'}
end

if not f[2] then
    return {'none'}
end

local left = #backup_codes(record)
local s = redis.call('HMGET', show, 'sealed', 'set', 'more')
local ttl = redis.call('PTTL', show)
local more = number(s[3])

-- a set that was renewed by another session is void, and not shown
if not s[1] or s[2] ~= f[3] or ttl <= 0 then
    return {'ok', now, left, '', 0, 0}
end

if tonumber(ARGV[3]) > 0 and more < 10 then
    ttl, more = ttl + tonumber(ARGV[3]), more + 1
    redis.call('HSET', show, 'more', more)
    redis.call('PEXPIRE', show, ttl)
end

return {'ok', now, left, s[1], ttl, 10 - more}
