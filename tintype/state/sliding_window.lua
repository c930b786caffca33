-- Counts a request in the sliding window KEYS[1] (previous), KEYS[2] (current) unless ARGV[1] are in it already;
-- ARGV[2] is its length in seconds. As in the limits library, a key lives for two lengths: one as the current window,
-- one as the previous. Answers whether it counted, then count and life in milliseconds of both.
local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000

local function window(name)
    return tonumber(redis.call('GET', name) or 0), math.max(0, redis.call('PTTL', name))
end

local current, current_life = window(KEYS[2])
local previous, previous_life = window(KEYS[1])

if 0 < current_life and current_life < length then
    redis.call('RENAME', KEYS[2], KEYS[1])
    previous, previous_life = current, current_life
    current, current_life = 0, current_life + length
    redis.call('SET', KEYS[2], 0, 'PX', current_life)
end

local admitted = previous * previous_life / length + current < limit
if admitted and current_life > 0 then
    redis.call('INCR', KEYS[2])
elseif admitted then
    current_life = 2 * length
    redis.call('SET', KEYS[2], 1, 'PX', current_life)
end
return {admitted and 1 or 0, previous, previous_life, admitted and current + 1 or current, current_life}
