-- Extends the lease ARGV[5] of the page ARGV[4] of the job ARGV[3] to ARGV[6] seconds from now; returns whether it is held.
local job, number, token = ARGV[3], ARGV[4], ARGV[5]
if not holds(job, number, token) then
    return 0
end
redis.call('ZADD', LEASES, 'XX', seconds(now() + tonumber(ARGV[6])), member(job, number))
return 1
