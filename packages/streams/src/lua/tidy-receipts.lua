-- Removes from one partition of the receipts log what every group is through with, and consumers that are long gone.
-- KEYS[1]  receipts of the partition: STREAM
-- ARGV[1]  group whose consumers are removed    ARGV[2]  milliseconds that a consumer must have been idle
-- Returns {entries removed, consumers removed}; {0, 0} while there is no stream or no group. Idempotent.
-- Guarantee: no entry goes that is unread or unacknowledged in any group, and no consumer that has an entry pending.
if redis.call('EXISTS', KEYS[1]) == 0 then return { 0, 0 } end

local function named(flat)
  local values = {}
  for i = 1, #flat, 2 do values[flat[i]] = flat[i + 1] end
  return values
end

local function before(a, b)
  local aMs, aSeq = string.match(a, '(%d+)-(%d+)')
  local bMs, bSeq = string.match(b, '(%d+)-(%d+)')
  if tonumber(aMs) ~= tonumber(bMs) then return tonumber(aMs) < tonumber(bMs) end
  return tonumber(aSeq) < tonumber(bSeq)
end

local needed
local known = false
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = named(flat)
  if group.name == ARGV[1] then known = true end
  local first = group['last-delivered-id']
  if group.pending > 0 then first = redis.call('XPENDING', KEYS[1], group.name)[2] end
  if not needed or before(first, needed) then needed = first end
end
if not known then return { 0, 0 } end

-- Whole nodes only (about 100 entries): that costs nothing, and the last few entries are no matter.
local trimmed = redis.call('XTRIM', KEYS[1], 'MINID', '~', needed, 'LIMIT', 0)
local removed = 0
for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = named(flat)
  if consumer.pending == 0 and consumer.idle >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    removed = removed + 1
  end
end
return { trimmed, removed }
