-- Counts requests in the sliding window KEYS[1] (previous), KEYS[2] (current) unless it contains ARGV[1] already.
-- ARGV[2] is its length in seconds. ARGV[3] requests are counted, but no more than a sixteenth of what is left, or one.
-- As in the limits library, a key lives for two lengths: one as the current window, one as the previous. Returns how many
-- it counted, then count and remaining milliseconds of both.
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

local left, counted = limit - previous * previous_ms / length - current, 0
if left > 0 then
    counted = math.max(1, math.min(tonumber(ARGV[3]), math.floor(left / 16)))
end
if counted > 0 and current_ms > 0 then
    redis.call('INCRBY', KEYS[2], counted)
elseif counted > 0 then
    current_ms = 2 * length
    redis.call('SET', KEYS[2], counted, 'PX', current_ms)
end
return {counted, previous, previous_ms, current + counted, current_ms}
