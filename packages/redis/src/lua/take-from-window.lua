-- Counts one use in an exact sliding window.
-- KEYS[1]  window: ZSET member -> when it was counted (Unix ms by the clock of Redis)
-- ARGV[1]  limit    ARGV[2]  length of the window in ms    ARGV[3]  member
-- Returns 0 if it is counted (now, or before: a member counts once), else the ms until there is room.
-- Guarantee: over all processes never more than `limit` members in any window. Refusals are not counted, and do not lengthen the wait.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZSCORE', KEYS[1], ARGV[3]) then return 0 end
local used = redis.call('ZCARD', KEYS[1])
if used < limit then
  redis.call('ZADD', KEYS[1], now, ARGV[3])
  redis.call('PEXPIRE', KEYS[1], window)
  return 0
end
if limit < 1 then return window end
-- With a limit that was lowered, more than one use must leave before there is room.
local leaving = redis.call('ZRANGE', KEYS[1], used - limit, used - limit, 'WITHSCORES')
return math.max(1, leaving[2] + window - now)
