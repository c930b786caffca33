-- Stores ARGV[1] = ARGV[2] for ARGV[3] milliseconds under the tags ARGV[6…], then evicts down to ARGV[4] bytes.
-- Stores nothing if ARGV[5], in microseconds, is before a purge of one of these tags or of every value.
local key, value, ttl, budget, begun_at = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local tags = {}
for number = 6, #ARGV do
    tags[#tags + 1] = ARGV[number]
end

local function is_purged()
    local names = {tombstone('')}
    for _, tag in ipairs(tags) do
        names[#names + 1] = tombstone(tag)
    end
    for _, at in ipairs(redis.call('MGET', unpack(names))) do
        if at and tonumber(at) > begun_at then
            return true
        end
    end
    return false
end

if begun_at and is_purged() then
    return total_bytes()
end

local function extend_ttl(name)
    if redis.call('PTTL', name) < ttl then
        redis.call('PEXPIRE', name, ttl)
    end
end

-- The first write, because a Redis that is out of memory rejects only scripts that have not written yet.
redis.call('SET', prefix .. 'v:' .. key, value, 'PX', ttl)
remove_entry(key)
redis.call('HSET', INDEX, 'e:' .. key, #value .. ':' .. table.concat(tags, '\n'))
redis.call('HINCRBY', INDEX, 'total', #value)
redis.call('ZADD', USED, string.format('%.0f', now), key)
redis.call('ZADD', EXPIRES, string.format('%.0f', now + ttl * 1000), key)
extend_ttl(INDEX)
extend_ttl(USED)
extend_ttl(EXPIRES)
for _, tag in ipairs(tags) do
    redis.call('SADD', prefix .. 't:' .. tag, key)
    extend_ttl(prefix .. 't:' .. tag)
end
return evict(budget)
