-- Deletes at most ARGV[4] jobs that ended before ARGV[3]; returns their number.
local count = 0
for _, job in ipairs(redis.call('ZRANGEBYSCORE', ENDED, '-inf', '(' .. ARGV[3], 'LIMIT', 0, ARGV[4])) do
    if forget(job) then
        count = count + 1
    else
        redis.call('ZREM', ENDED, job)
    end
end
return count
