-- Lists instances whose lease ran out or was given back. They stay listed until the reaper has cleaned up and removes them.
-- KEYS[1]  leases: ZSET instance -> expiry in Unix ms by the clock of Redis (negative: given back at that time)
-- ARGV[1]  how many at most
-- Returns now (Unix ms), then instance, expiry, instance, expiry ... Reads only.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = { tostring(now) }
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #found do reply[i + 1] = found[i] end
return reply
