-- Takes events that were handled already out of a user's bucket, which all gateways share. The bucket may go into debt.
-- KEYS[1]  HASH: tokens, at (Unix ms by the clock of Redis)
-- ARGV[1]  events    ARGV[2]  tokens that flow in per second    ARGV[3]  tokens kept at most
-- Returns the ms until the debt is paid; 0 if there is none.
-- Guarantee: over all gateways, what is spent and not refused follows the rate, up to what was spent before anybody was told of the debt.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rate, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1] or burst), tonumber(kept[2] or now)
tokens = math.min(burst, tokens + math.max(0, now - at) / 1000 * rate) - tonumber(ARGV[1])
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / rate * 1000) + 1000)
if tokens >= 0 then return 0 end
return math.ceil(-tokens / rate * 1000)
