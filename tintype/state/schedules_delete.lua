-- Forgets the schedule ARGV[3]; returns its runs, or nothing if it does not exist.
local id = ARGV[3]
local owner = field(id, 'owner')
if not owner then
    return false
end
local runs = redis.call('HVALS', key(id, 'runs'))
for _, set in ipairs({ALL, owned(owner), DUE, FREE, LEASED}) do
    redis.call('ZREM', set, id)
end
redis.call('DEL', key(id), key(id, 'runs'), key(id, 'order'))
return runs
