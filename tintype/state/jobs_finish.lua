-- Ends the page ARGV[4] of the job ARGV[3], whose lease is ARGV[5], with the state ARGV[6] and the result ARGV[7];
-- returns whether the lease was held.
local job, number, token, state, result = unpack(ARGV, 3)
if not holds(job, number, token) then
    return 0
end
leave(job, number, state, result)
return 1
