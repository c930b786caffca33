-- Stores a part ARGV[4] of the job ARGV[3], which does not have it yet: pairs ARGV[5…]. It expires unless the job takes
-- it.
local name = part(ARGV[3], ARGV[4])
redis.call(string.find(ARGV[4], 'hosts$') and 'ZADD' or 'HSET', name, unpack(ARGV, 5))
redis.call('EXPIRE', name, 600)
