-- A reserved failure did not happen.
--
-- KEYS  store, counters ...
-- ARGV  id

for i = 2, #KEYS do
    refund(KEYS[i])
end

return {'ok'}
