-- Makes the delivery ARGV[3] due now, with all attempts again, unless it is in one; returns whether it exists.
local id = ARGV[3]
local state, subject, url, receiver = unpack(redis.call('HMGET', item(id), 'state', 'subject', 'url', 'receiver'))
if not state then
    return 0
end
redis.call('ZREM', STOPPED, same_url(subject, url))
if state ~= '1' then
    redis.call('ZREM', DELIVERIES_ENDED, id)
    redis.call('HSET', item(id), 'attempts', 0, 'ended', 0)
    set_state(id, '0')
    redis.call('SADD', siblings(subject, url), id)
    wait(id, receiver, wall)
end
return 1
