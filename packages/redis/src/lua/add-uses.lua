-- Adds uses to counters that begin anew after a time.
-- KEYS     counters: numbers that expire
-- ARGV[1]  ms that a counter lasts from its first use    ARGV[2..]  uses to add, for each key
-- Returns for each key its count, then the ms that it still lasts.
-- Guarantee: over all processes nothing is lost while a counter lasts. Not idempotent: a repeated call adds again.
-- The keys are of one slot, or the server is no cluster.
local reply = {}
for i = 1, #KEYS do
  local count = redis.call('INCRBY', KEYS[i], ARGV[i + 1])
  local left = redis.call('PTTL', KEYS[i])
  if left < 0 then
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
    left = tonumber(ARGV[1])
  end
  reply[2 * i - 1] = count
  reply[2 * i] = left
end
return reply
