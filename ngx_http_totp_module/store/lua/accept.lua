-- The code was right: accept it, once.
--
-- KEYS  store, record, mark of a spent session, events, addresses known
-- ARGV  id, the session's epoch, the sealed secret that was checked, its new
--       sealing ('' unless the key has changed), time of the attempt, address,
--       how long to keep the mark of the spent session (0: none is spent),
--       name of the event, network, 'totp' or 'backup', then the step or the
--       tags

local record, spent, events = KEYS[2], KEYS[3], KEYS[4]
local f = redis.call('HMGET', record, 'epoch', 'secret', 'last_step', 'burnt',
                     'row')

if redis.call('EXISTS', spent) == 1 or number(f[1]) ~= tonumber(ARGV[2])
   or f[2] ~= ARGV[3]
then
    return {'stale'}
end

if ARGV[10] == 'totp' then
    local step = tonumber(ARGV[11])

    -- RFC 6238, 5.2; every earlier step, too, or t + 1 would let t in again
    if step <= number(f[3]) then
        return {'used'}
    end

    for burnt in string.gmatch(f[4] or '', '%d+') do
        if tonumber(burnt) == step then
            return {'used'}
        end
    end

    redis.call('HSET', record, 'last_step', ARGV[11])

else
    local found = 0

    for i = 11, #ARGV do
        found = found + redis.call('HDEL', record, 'backup:' .. ARGV[i])
    end

    if found == 0 then
        local known = {}

        for i = 11, #ARGV do
            known[string.match(ARGV[i], '^[^.]*')] = true
        end

        -- of a code kept under a key that is gone nothing can be said
        for _, name in ipairs(backup_codes(record)) do
            local id = string.match(name, '^backup:([^.]*)')

            if not known[id] then
                return {'key', id}
            end
        end

        return {'bad'}
    end
end

if tonumber(ARGV[7]) > 0 then
    redis.call('SET', spent, 1, 'EX', ARGV[7])
end

clear_failures(record)
redis.call('HSET', record, 'last_used_at', now)

if ARGV[4] ~= '' then
    redis.call('HSET', record, 'secret', ARGV[4])
end

-- the attempt was not a failure after all
redis.call('LREM', events, 1, 'code_failed\t' .. ARGV[5] .. '\t' .. ARGV[6])
remember(KEYS[5], ARGV[9])

if ARGV[8] ~= '' then
    event(events, ARGV[8], now, ARGV[6])
    -- what to tell the user of the failures before this sign-in; another one
    -- at the same time may have cleared the count
    redis.call('HSET', record, 'failed_before', math.max(0, number(f[5]) - 1))
end

return {'ok', now, #backup_codes(record)}
