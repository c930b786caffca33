-- Queues the page ARGV[4] of the job ARGV[3], whose lease is ARGV[5], again in ARGV[6] seconds, with the result ARGV[7];
-- returns whether the lease was held.
local job, number, token, pause, result = unpack(ARGV, 3)
if not holds(job, number, token) then
    return 0
end
leave(job, number, '0', result, now() + tonumber(pause))
return 1
