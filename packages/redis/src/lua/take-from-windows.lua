-- Counts uses in exact sliding windows, one use per window named.
-- KEYS     windows: ZSET member -> when it was counted (Unix ms by the clock of Redis); one of them may come several times
-- ARGV     for each key: limit, length of the window in ms, member
-- Returns for each key the ms until there is room; if it is counted, a negative number of how many are left: -1 - 2 * left if it was counted now,
-- -2 - 2 * left if it was before (a member counts once).
-- Guarantee: over all processes never more than `limit` members in any window. Refusals are not counted, and do not lengthen the wait.
-- The keys are of one slot, or the server is no cluster.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function take(key, limit, window, member)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
  local used = redis.call('ZCARD', key)
  if redis.call('ZSCORE', key, member) then return -2 - 2 * math.max(0, limit - used) end
  if used < limit then
    redis.call('ZADD', key, now, member)
    redis.call('PEXPIRE', key, window)
    return -1 - 2 * (limit - used - 1)
  end
  if limit < 1 then return window end
  -- With a limit that was lowered, more than one use must leave before there is room.
  local leaving = redis.call('ZRANGE', key, used - limit, used - limit, 'WITHSCORES')
  return math.max(1, leaving[2] + window - now)
end

local waits = {}
for i = 1, #KEYS do
  local at = 3 * (i - 1)
  waits[i] = take(KEYS[i], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3])
end
return waits
