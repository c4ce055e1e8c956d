#!lua flags=allow-oom
-- Ends a lease now, as if it had run out: the reaper finds the instance and what it left behind.
-- KEYS[1]  leases: ZSET instance -> expiry in Unix ms by the clock of Redis
-- ARGV[1]  instance
-- Returns 1 if there was a lease, else 0. Idempotent.
-- Runs in a full Redis too: it only changes a number that is there.
-- Guarantee: a negative expiry marks "given back at that time", so that the reaper leaves its users the grace of an ordinary disconnection.
local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not expiry then return 0 end
if tonumber(expiry) < 0 then return 1 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], 'XX', -now, ARGV[1])
return 1
