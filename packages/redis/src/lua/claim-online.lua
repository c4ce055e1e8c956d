-- Decides who announces a user online.
-- KEYS[1]  instances of the user: SET    KEYS[2]  announced flag
-- ARGV     instances known to be live
-- Returns 1 to the one caller that must announce it: the user is connected to one of them, and was not announced. Else 0.
-- Guarantee: between two claims of "offline" exactly one claim of "online" gets 1.
local connected = false
for i = 1, #ARGV do
  if redis.call('SISMEMBER', KEYS[1], ARGV[i]) == 1 then connected = true break end
end
if not connected then return 0 end
if redis.call('SET', KEYS[2], '1', 'NX') then return 1 end
return 0
