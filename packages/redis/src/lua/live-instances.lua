-- Tells which of the instances have a lease that runs.
-- KEYS[1]  leases: ZSET instance -> expiry in Unix ms by the clock of Redis
-- ARGV     instances
-- Returns the live ones. Reads only.
-- Guarantee: what is missing from the answer is dead for good (see renew-lease.lua).
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local live = {}
for i = 1, #ARGV do
  local expiry = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if expiry and tonumber(expiry) > now then live[#live + 1] = ARGV[i] end
end
return live
