-- Counts a request in the sliding window KEYS[1] (previous), KEYS[2] (current) unless it contains ARGV[1] already.
-- ARGV[2] is its length in seconds. As in the limits library, a key lives for two lengths: one as the current window,
-- one as the previous. Returns whether it counted, then count and remaining milliseconds of both.
local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000

local function window(name)
    return tonumber(redis.call('GET', name) or 0), math.max(0, redis.call('PTTL', name))
end

local current, current_ms = window(KEYS[2])
local previous, previous_ms = window(KEYS[1])

if 0 < current_ms and current_ms < length then
    redis.call('RENAME', KEYS[2], KEYS[1])
    previous, previous_ms = current, current_ms
    current, current_ms = 0, current_ms + length
    redis.call('SET', KEYS[2], 0, 'PX', current_ms)
end

local admitted = previous * previous_ms / length + current < limit
if admitted and current_ms > 0 then
    redis.call('INCR', KEYS[2])
elseif admitted then
    current_ms = 2 * length
    redis.call('SET', KEYS[2], 1, 'PX', current_ms)
end
return {admitted and 1 or 0, previous, previous_ms, admitted and current + 1 or current, current_ms}
