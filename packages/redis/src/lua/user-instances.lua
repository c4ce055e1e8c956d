#!lua flags=no-writes
-- Looks up which instances hold sockets of several users.
-- KEYS     instances of each user: SET
-- Returns a list per key, empty for a user without one. Reads only.
-- The keys are of one slot, or the server is no cluster.
local found = {}
for i = 1, #KEYS do found[i] = redis.call('SMEMBERS', KEYS[i]) end
return found
