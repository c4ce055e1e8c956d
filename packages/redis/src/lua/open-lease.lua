-- Opens the lease of a new instance.
-- KEYS[1]  leases: ZSET instance -> expiry in Unix ms by the clock of Redis
-- ARGV[1]  instance    ARGV[2]  length of the lease in ms
-- Returns 1 if it was opened, 0 if there is or was one of that name that nobody has reaped yet.
-- Guarantee: an instance name gets at most one lease at a time.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZADD', KEYS[1], 'NX', now + ARGV[2], ARGV[1])
