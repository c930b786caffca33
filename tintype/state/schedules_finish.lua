-- Stores the end of the run ARGV[5] as ARGV[6], and forgets all but the last ARGV[7] runs; returns the forgotten ones, or
-- nothing if the lease ARGV[4] of the schedule ARGV[3] is lost.
local id, token, run, body, keep = unpack(ARGV, 3)
if not is_held(id, token) then
    return false
end
redis.call('HSET', key(id, 'runs'), run, body)
redis.call('HSET', key(id), 'run', '', 'token', '', 'until', '0')
index(id)
local forgotten = {}
for _, old in ipairs(redis.call('ZRANGE', key(id, 'order'), 0, 0 - tonumber(keep) - 1)) do
    forgotten[#forgotten + 1] = redis.call('HGET', key(id, 'runs'), old)
    redis.call('HDEL', key(id, 'runs'), old)
    redis.call('ZREM', key(id, 'order'), old)
end
return forgotten
