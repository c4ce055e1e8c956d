-- Sets an entry of the receipts log aside.
-- KEYS[1]  receipts of the partition: STREAM    KEYS[2]  dead letters of the partition: STREAM
-- ARGV[1]  consumer group    ARGV[2]  entry id    ARGV[3]  reason    ARGV[4]  partition    ARGV[5]  dead letters to keep, about
-- Returns 1 if it was set aside, 0 if it was acknowledged already (by anyone). Idempotent.
-- Guarantee: it is acknowledged and in the dead letters, or neither; it is there once.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
local found = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])
local fields = {}
if found[1] then fields = found[1][2] end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*',
  'entry', ARGV[2], 'reason', ARGV[3], 'partition', ARGV[4], 'at', string.format('%.0f', now), unpack(fields))
return 1
