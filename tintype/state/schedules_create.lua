-- Stores the schedule ARGV[3]: owner, specification, time of creation, due time or ''.
local id, owner, spec, created, due = unpack(ARGV, 3)
local number = redis.call('HINCRBY', TOTALS, 'number', 1)
redis.call('HSET', key(id), 'id', id, 'owner', owner, 'spec', spec, 'created', created, 'due', due, 'run', '',
    'token', '', 'until', '0')
redis.call('ZADD', ALL, number, id)
redis.call('ZADD', owned(owner), number, id)
index(id)
return 1
