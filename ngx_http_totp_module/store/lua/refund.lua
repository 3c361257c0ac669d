-- A reserved failure did not happen.
--
-- KEYS  store, address; or store, pair of user and address, user, addresses
--       known
-- ARGV  id, network (with a user's keys)

refund(KEYS[2])

-- as it was counted: an address that signed in lately counts for the pair alone
if KEYS[3] and not redis.call('ZSCORE', KEYS[4], ARGV[2]) then
    refund(KEYS[3])
end

return {'ok'}
