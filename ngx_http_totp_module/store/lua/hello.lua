-- The feed's greeting, on every connection: which store is this?
--
-- KEYS[1]  the set of ids
-- ARGV[1]  the id that this node remembers, or '' on its first start
-- ARGV[2]  a fresh random id, for a store that has none

if ARGV[1] ~= '' then
    if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
        return {'ok', ARGV[1]}
    end

    return {'store'}
end

local ids = redis.call('SMEMBERS', KEYS[1])

if #ids == 0 then
    redis.call('SADD', KEYS[1], ARGV[2])
    return {'ok', ARGV[2]}
end

table.sort(ids)

return {'ok', ids[1]}
