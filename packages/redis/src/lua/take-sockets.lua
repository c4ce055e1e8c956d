-- Writes how many sockets of a user one gateway instance holds, if that fits the user's limit over all instances.
-- KEYS[1]  HASH instance -> number of sockets of the user
-- ARGV[1]  instance    ARGV[2]  its number of sockets    ARGV[3]  limit over all    ARGV[4]  ms that the hash outlives its last change
-- Returns {1} if it was written; else {0, the other instances that count ...}, some of which may be dead.
-- Guarantee: no two calls together exceed the limit. Repeating a call changes nothing.
local entries = redis.call('HGETALL', KEYS[1])
local others, total = { 0 }, tonumber(ARGV[2])
for i = 1, #entries, 2 do
  if entries[i] ~= ARGV[1] then
    others[#others + 1] = entries[i]
    total = total + tonumber(entries[i + 1])
  end
end
if total > tonumber(ARGV[3]) then return others end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return { 1 }
