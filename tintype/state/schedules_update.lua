-- Replaces the specification of the schedule ARGV[3]; returns the schedule, or nothing.
if redis.call('EXISTS', key(ARGV[3])) == 0 then
    return false
end
redis.call('HSET', key(ARGV[3]), 'spec', ARGV[4])
return row(ARGV[3])
