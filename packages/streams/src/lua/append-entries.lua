-- Appends to one partition of the receipts log or of the feed, in order.
-- KEYS[1]  the partition: STREAM
-- ARGV[1]  entries to keep, about    ARGV[2..]  events as JSON, one entry each
-- Returns how many were appended.
-- Guarantee: all of them or none; nothing of anyone else is between them. Not idempotent: a repeated call appends them again.
for i = 2, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'e', ARGV[i]) end
return #ARGV - 1
