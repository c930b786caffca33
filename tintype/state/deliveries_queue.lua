-- Pending deliveries, those in an attempt, and the seconds for which the oldest due one has waited.
local running = redis.call('ZCARD', DELIVERY_LEASES)
local pending = redis.call('ZCARD', DELIVERIES .. 'in:0') - running
local oldest = wall
for _, set in ipairs({DUE, FAILING}) do
    local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
    if first[2] then
        oldest = math.min(oldest, tonumber(first[2]))
    end
end
return {pending, running, seconds(wall - oldest)}
