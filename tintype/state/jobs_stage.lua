-- Stores a part ARGV[4] of the job ARGV[3], which is not created yet: pairs ARGV[5…]. It expires unless it is.
local name = part(ARGV[3], ARGV[4])
redis.call(ARGV[4] == 'hosts' and 'ZADD' or 'HSET', name, unpack(ARGV, 5))
redis.call('EXPIRE', name, 600)
