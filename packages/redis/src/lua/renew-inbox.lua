#!lua flags=allow-oom
-- Keeps an instance's inbox and list of users for a while, unless it falls short of what was read from it.
-- KEYS[1]  inbox: STREAM    KEYS[2]  users of the instance: SET
-- ARGV[1]  how long the inbox stays, in ms    ARGV[2]  how long the users stay, in ms
-- ARGV[3]  number of the last entry that was read (the 7 of 1-7), 0 if none was
-- Returns 1, or 0 if the inbox is gone, or never had the entry that was read: then Redis lost what came last, and what comes next takes ids of
-- what was lost.
-- Runs in a full Redis too: it adds nothing.
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
local read = tonumber(ARGV[3])
if read == 0 then return 1 end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' and tonumber(string.match(info[i + 1], '%d+$')) < read then return 0 end
end
return 1
