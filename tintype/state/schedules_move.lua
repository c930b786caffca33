-- Sets the due time of the schedule ARGV[3] to ARGV[4] if it is ARGV[5]; returns whether it was.
local id, due, expected = unpack(ARGV, 3)
if field(id, 'due') ~= expected then
    return 0
end
redis.call('HSET', key(id), 'due', due)
index(id)
return 1
