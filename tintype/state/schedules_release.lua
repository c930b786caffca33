-- Stores the run ARGV[5] as ARGV[6], and ends the lease ARGV[4] of the schedule ARGV[3] for a pause of ARGV[7] seconds.
local id, token, run, body, pause = unpack(ARGV, 3)
if not is_held(id, token) then
    return 0
end
redis.call('HSET', key(id, 'runs'), run, body)
redis.call('HSET', key(id), 'token', '', 'until', text(now() + tonumber(pause)))
index(id)
return 1
