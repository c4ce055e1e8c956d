-- Removes a check that was done, unless it was scheduled anew meanwhile.
-- KEYS[1]  offline checks: ZSET user -> due time in Unix ms
-- ARGV[1]  user    ARGV[2]  when the check was made (Unix ms)
-- Returns 1 if it was removed, else 0. Idempotent.
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
