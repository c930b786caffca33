-- Stores ARGV[1] = ARGV[2] for ARGV[3] milliseconds under tag ARGV[4], then evicts down to ARGV[5] bytes.
local key, value, ttl, tag = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local function extend_ttl(name)
    if redis.call('PTTL', name) < ttl then
        redis.call('PEXPIRE', name, ttl)
    end
end

-- The first write, because a Redis that is out of memory rejects only scripts that have not written yet.
redis.call('SET', prefix .. 'v:' .. key, value, 'PX', ttl)
remove_entry(key)
redis.call('HSET', INDEX, 'e:' .. key, #value .. ':' .. tag)
redis.call('HINCRBY', INDEX, 'total', #value)
redis.call('ZADD', USED, string.format('%.0f', now), key)
redis.call('ZADD', EXPIRES, string.format('%.0f', now + ttl * 1000), key)
extend_ttl(INDEX)
extend_ttl(USED)
extend_ttl(EXPIRES)
if tag ~= '' then
    redis.call('SADD', prefix .. 't:' .. tag, key)
    extend_ttl(prefix .. 't:' .. tag)
end
return evict(tonumber(ARGV[5]))
