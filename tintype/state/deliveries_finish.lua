-- Ends the attempt of the delivery ARGV[3], whose lease is ARGV[4], with the state ARGV[5]. ARGV: pause of a pending one,
-- status, error, error of the deliveries that a 410 stops with it. Returns whether the lease was held.
local id, token, state, pause, status, error, gone = unpack(ARGV, 3)
local subject, url, receiver, held = unpack(redis.call('HMGET', item(id), 'subject', 'url', 'receiver', 'token'))
if held ~= token then
    return 0
end
end_attempt(id, receiver)
if state == '2' or state == '4' then
    redis.call('HDEL', DELIVERIES .. 'failures', receiver)
else
    redis.call('HINCRBY', DELIVERIES .. 'failures', receiver, 1)
end
redis.call('HSET', item(id), 'http_status', status, 'error', error)
if state == '0' then
    set_state(id, '0')
    wait(id, receiver, wall + tonumber(pause))
    return 1
end
end_delivery(id, state)
if state == '4' then
    redis.call('ZADD', STOPPED, seconds(wall), same_url(subject, url))
    for _, other in ipairs(redis.call('SMEMBERS', siblings(subject, url))) do
        if redis.call('HGET', item(other), 'state') == '0' then
            redis.call('ZREM', waiting_of(receiver), ticket(other))
            redis.call('HSET', item(other), 'error', gone)
            end_delivery(other, '4')
        end
    end
end
schedule(receiver)
return 1
