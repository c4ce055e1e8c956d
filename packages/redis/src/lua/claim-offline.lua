-- Decides who announces a user offline.
-- KEYS[1]  instances of the user: SET    KEYS[2]  announced flag
-- ARGV     instances known to be dead: they are removed
-- Returns 1 to the one caller that must announce it: the user was announced, and is connected nowhere. Else 0.
-- Guarantee: a registration is seen either here (no claim), or by the claim of "online" that follows it.
for i = 1, #ARGV do redis.call('SREM', KEYS[1], ARGV[i]) end
if redis.call('SCARD', KEYS[1]) > 0 then return 0 end
return redis.call('DEL', KEYS[2])
