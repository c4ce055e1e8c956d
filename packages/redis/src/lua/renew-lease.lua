#!lua flags=allow-oom
-- Renews a lease that still runs.
-- KEYS[1]  leases: ZSET instance -> expiry in Unix ms by the clock of Redis
-- ARGV[1]  instance    ARGV[2]  length of the lease in ms
-- Returns 1 if it was renewed, 0 if there is none or it ran out.
-- Runs in a full Redis too: it only changes a number that is there; else all gateways would lose their leases at once.
-- Guarantee: a lease that ran out is never renewed, so whoever saw it expired may take the instance for dead, for good.
local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not expiry then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(expiry) <= now then return 0 end
redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
return 1
