-- Begins the run ARGV[5] of the schedule ARGV[3] with the token ARGV[4]: its text, the due time of the claim, the next
-- one. A due time that was changed since is kept. Returns whether the lease is held.
local id, token, run, body, claimed, next_due = unpack(ARGV, 3)
if not is_held(id, token) then
    return 0
end
local due = field(id, 'due')
redis.call('HSET', key(id), 'run', run, 'due', due == claimed and next_due or due)
if redis.call('HSET', key(id, 'runs'), run, body) == 1 then
    redis.call('ZADD', key(id, 'order'), redis.call('HINCRBY', TOTALS, 'number', 1), run)
end
index(id)
return 1
