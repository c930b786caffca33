-- Extends the lease ARGV[4] of the schedule ARGV[3] by ARGV[5] seconds; returns whether it is held.
if not is_held(ARGV[3], ARGV[4]) then
    return 0
end
redis.call('HSET', key(ARGV[3]), 'until', text(now() + tonumber(ARGV[5])))
index(ARGV[3])
return 1
