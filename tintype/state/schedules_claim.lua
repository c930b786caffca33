-- Claims a schedule for ARGV[5] seconds with the token ARGV[4]: one that is due, or with ARGV[3] = running one with a run
-- in progress. Returns the schedule and its run, or nothing.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASED, '-inf', text(now()), 'LIMIT', 0, BATCH)) do
    if redis.call('EXISTS', key(id)) == 1 then
        redis.call('HSET', key(id), 'token', '')
        index(id)
    else
        redis.call('ZREM', LEASED, id)
    end
end
local set, limit = DUE, text(wall)
if ARGV[3] == 'running' then
    set, limit = FREE, text(now())
end
local id = redis.call('ZRANGEBYSCORE', set, '-inf', limit, 'LIMIT', 0, 1)[1]
if not id then
    return false
end
if redis.call('EXISTS', key(id)) == 0 then
    redis.call('ZREM', set, id) -- the operator's Redis has evicted the schedule
    return false
end
return claim(id, ARGV[4], tonumber(ARGV[5]))
