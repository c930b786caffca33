-- Deletes at most ARGV[5] deliveries that ended before ARGV[3], or are not among the ARGV[4] last ended ones, and forgets
-- a 410 before ARGV[6]; returns their number.
local before, keep, limit, stopped_before = unpack(ARGV, 3)
redis.call('ZREMRANGEBYSCORE', STOPPED, '-inf', '(' .. stopped_before)
local count = 0
local surplus = redis.call('ZCARD', DELIVERIES_ENDED) - tonumber(keep)
for position, entry in ipairs(redis.call('ZRANGE', DELIVERIES_ENDED, 0, tonumber(limit) - 1)) do
    local ended = tonumber(redis.call('ZSCORE', DELIVERIES_ENDED, entry))
    if position > surplus and ended >= tonumber(before) then
        break
    end
    local owner, state, receiver = unpack(redis.call('HMGET', item(entry), 'owner', 'state', 'receiver'))
    redis.call('ZREM', DELIVERIES_ENDED, entry)
    if owner then
        for _, index in ipairs(indexes(owner, state)) do
            redis.call('ZREM', index, entry)
        end
        redis.call('UNLINK', item(entry))
        if redis.call('EXISTS', waiting_of(receiver)) == 0 and redis.call('HEXISTS', RUNNING_OF, receiver) == 0 then
            redis.call('HDEL', ATTEMPTED, receiver)
            redis.call('HDEL', DELIVERIES .. 'failures', receiver)
        end
    end
    count = count + 1
end
return count
