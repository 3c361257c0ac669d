-- A code is about to be checked: count the failure before it happens, and give
-- what is needed for the check.
--
-- KEYS  store, record, mark of a spent session, pending secret ('' unless a
--       set-up is to be confirmed), events
-- ARGV  id, the session's epoch, n, window (s), address, set-up (0 or 1)

local record = KEYS[2]
local limit, window = tonumber(ARGV[3]), tonumber(ARGV[4])

if redis.call('EXISTS', KEYS[3]) == 1 then
    return {'stale'}
end

local f = redis.call('HMGET', record, 'epoch', 'secret', 'last_step', 'fails',
                     'fails_from', 'locks', 'locked_until', 'row')

if number(f[1]) ~= tonumber(ARGV[2]) then
    return {'stale'}
end

local sealed = f[2]

if ARGV[6] == '1' then
    sealed = redis.call('GET', KEYS[4])
end

if not sealed then
    return {'none'}
end

local fails, from, locks = number(f[4]), number(f[5]), number(f[6])
local locked, row = number(f[7]), number(f[8])

-- NIST SP 800-63B-4, 3.2.2: a hundred in a row, then only an operator
if row >= 100 then
    return {'locked', -1}
end

if locked > now then
    return {'locked', locked - now}
end

if from + window <= now then
    fails, from = 0, now
end

fails, row = fails + 1, row + 1
-- (fewer than none where another location allows fewer attempts)
local left = math.max(0, math.min(limit - fails, 100 - row))

-- this one is still looked at, the next is not
if fails >= limit then
    locked = now + math.min(86400, window * 2 ^ locks)
    locks, fails = locks + 1, 0
end

redis.call('HSET', record, 'fails', fails, 'fails_from', from, 'locks', locks,
           'locked_until', string.format('%.0f', locked), 'row', row)

event(KEYS[5], 'code_failed', now, ARGV[5])

return {'ok', now, sealed, left, number(f[3])}
