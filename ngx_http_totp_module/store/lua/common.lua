-- In front of every script.
--
-- KEYS[1]  the set of ids that this store is known by
-- ARGV[1]  the id that the calling node remembers
--
-- A script answers an array whose first element is a word.  An error (a key of
-- the wrong type, a field that is not what it should be) is never an answer:
-- the caller then knows nothing, and lets nobody in.

if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 then
    return {'store'}
end

local now = tonumber(redis.call('TIME')[1])

local function number(value)
    if not value then
        return 0
    end

    -- assert() would give its message, too
    return (assert(tonumber(value), 'a field is not a number'))
end

local function event(key, what, time, address)
    redis.call('LPUSH', key, what .. '\t' .. time .. '\t' .. address)
    redis.call('LTRIM', key, 0, 9)
end

-- One failure more or less in a counter that begins to count at the first one.
local function count(key, window)
    if redis.call('INCR', key) == 1 or redis.call('TTL', key) < 0 then
        redis.call('EXPIRE', key, window)
    end
end

local function refund(key)
    if number(redis.call('GET', key)) > 0 then
        redis.call('DECR', key)
    end
end

local function wait(key, window)
    local ttl = redis.call('TTL', key)

    return ttl > 0 and ttl or window
end

-- The revocation is written before what it belongs to: Redis does not roll
-- back.  keep is the longest life of a session, in seconds.
local function revoke_user(stream, keep, name, epoch)
    redis.call('XADD', stream, 'MINID', '~', (now - keep) * 1000, '*',
               'user', name, 'epoch', epoch)
end

local function revoke_session(stream, keep, sid, ends)
    redis.call('XADD', stream, 'MINID', '~', (now - keep) * 1000, '*',
               'sid', sid, 'until', ends)
end

-- Addresses that signed in during the last month, twenty at most.
local function remember(known, address)
    redis.call('ZADD', known, now, address)
    redis.call('ZREMRANGEBYSCORE', known, '-inf', now - 2592000)
    redis.call('ZREMRANGEBYRANK', known, 0, -21)
    redis.call('EXPIRE', known, 2592000)
end

local function clear_failures(user)
    redis.call('HDEL', user, 'fails', 'fails_from', 'locks', 'locked_until',
               'row')
end

local function backup_codes(user)
    local fields = {}

    for _, name in ipairs(redis.call('HKEYS', user)) do
        if string.sub(name, 1, 7) == 'backup:' then
            fields[#fields + 1] = name
        end
    end

    return fields
end

-- Replaces the set of backup codes, and puts it on show (sealed) for the
-- session that made it.  ARGV[first] on: the sealed set, the time it is on
-- show in ms, then the tags.
local function new_backup_codes(user, show, first)
    local old = backup_codes(user)

    if #old > 0 then
        redis.call('HDEL', user, unpack(old))
    end

    for i = first + 2, #ARGV do
        redis.call('HSET', user, 'backup:' .. ARGV[i], 1)
    end

    -- the set on show is the last one made, or it is not shown
    redis.call('HSET', user, 'backup_set', ARGV[first + 2])
    redis.call('DEL', show)
    redis.call('HSET', show, 'sealed', ARGV[first], 'set', ARGV[first + 2],
               'more', 0)
    redis.call('PEXPIRE', show, ARGV[first + 1])
end
