-- Puts a dead letter back into the receipts log.
-- KEYS[1]  receipts of the partition: STREAM    KEYS[2]  dead letters of the partition: STREAM
-- ARGV[1]  id of the dead letter    ARGV[2]  how many leading values of it are about the letter, not of the entry
-- Returns 1 if it was put back, 0 if there is none of that id. Idempotent.
-- Guarantee: it is in one of the two places at any time.
local found = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])
if not found[1] then return 0 end
local fields = {}
for i = tonumber(ARGV[2]) + 1, #found[1][2] do fields[#fields + 1] = found[1][2][i] end
if #fields > 0 then redis.call('XADD', KEYS[1], '*', unpack(fields)) end
redis.call('XDEL', KEYS[2], ARGV[1])
return 1
