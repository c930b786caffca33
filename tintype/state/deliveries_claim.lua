-- Claims a delivery. ARGV: limits of attempts of all and of a receiver, duration of the lease, its token, the number of
-- attempts after which a lost one fails, the error of a lost one. Returns the number of lost attempts, and the claimed
-- delivery or nothing.
local total, per_receiver, duration, token, max_attempts, lost_error = unpack(ARGV, 3)
total, per_receiver, duration, max_attempts = tonumber(total), tonumber(per_receiver), tonumber(duration),
    tonumber(max_attempts)
local EXAMINED = 256 -- due receivers; no more than "total" of them are at their limit

local function return_lost()
    local lost = redis.call('ZRANGEBYSCORE', DELIVERY_LEASES, '-inf', seconds(now()), 'LIMIT', 0, BATCH)
    for _, id in ipairs(lost) do
        local receiver, attempts = unpack(redis.call('HMGET', item(id), 'receiver', 'attempts'))
        if receiver then
            end_attempt(id, receiver)
            redis.call('HSET', item(id), 'error', lost_error)
            if tonumber(attempts) >= max_attempts then
                end_delivery(id, '3')
            else
                set_state(id, '0')
                wait(id, receiver, wall)
            end
        else
            redis.call('ZREM', DELIVERY_LEASES, id)
        end
    end
    return #lost
end

-- Whether a candidate is better: its owner has fewer attempts, then it does not fail, then the longest without one.
local function is_better(one, other)
    for index = 1, 3 do
        if one[index] ~= other[index] then
            return one[index] < other[index]
        end
    end
    return false
end

local function examine(set, failing, best)
    for _, receiver in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', seconds(wall), 'LIMIT', 0, EXAMINED)) do
        if tonumber(redis.call('HGET', RUNNING_OF, receiver) or 0) < per_receiver then
            local owner = string.match(receiver, '^(%S*) ')
            local candidate = {tonumber(redis.call('HGET', DELIVERIES .. 'running-of', owner) or 0), failing,
                               tonumber(redis.call('HGET', ATTEMPTED, receiver) or 0), receiver}
            if not best or is_better(candidate, best) then
                best = candidate
            end
        end
    end
    return best
end

local function failing_attempts()
    local count = 0
    for _, id in ipairs(redis.call('ZRANGE', DELIVERY_LEASES, 0, -1)) do
        local receiver = redis.call('HGET', item(id), 'receiver')
        count = count + (receiver and redis.call('HEXISTS', DELIVERIES .. 'failures', receiver) or 0)
    end
    return count
end

local function start(receiver)
    local _, id = split(redis.call('ZRANGE', waiting_of(receiver), 0, 0)[1])
    redis.call('ZADD', DELIVERY_LEASES, seconds(now() + duration), id)
    redis.call('ZREM', waiting_of(receiver), ticket(id))
    redis.call('HINCRBY', RUNNING_OF, receiver, 1)
    redis.call('HINCRBY', DELIVERIES .. 'running-of', string.match(receiver, '^(%S*) '), 1)
    redis.call('HSET', ATTEMPTED, receiver, redis.call('HINCRBY', TOTALS, 'attempt', 1))
    redis.call('HSET', item(id), 'token', token)
    redis.call('HINCRBY', item(id), 'attempts', 1)
    set_state(id, '1')
    schedule(receiver)
    return delivery_row(id)
end

if redis.call('EXISTS', DELIVERY_LEASES, DUE, FAILING) == 0 then
    return {0, false}
end
local lost = return_lost()
if redis.call('ZCARD', DELIVERY_LEASES) >= total then
    return {lost, false}
end
local best = examine(DUE, 0, nil)
if failing_attempts() < math.floor(total / 2) then
    best = examine(FAILING, 1, best)
end
return {lost, best and start(best[4]) or false}
