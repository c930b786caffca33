-- LRU index of a cache: the size and tags of each value, their sum, and when each was used and expires.
-- Redis may evict values itself; their entries are removed when they would have expired or are the oldest.
local prefix = KEYS[1]
local INDEX, USED, EXPIRES = prefix .. 'index', prefix .. 'used', prefix .. 'expires'
local BATCH = 256

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function remove_entry(key)
    local entry = redis.call('HGET', INDEX, 'e:' .. key)
    if entry then
        local size, tags = string.match(entry, '^(%d+):(.*)$')
        redis.call('HDEL', INDEX, 'e:' .. key)
        redis.call('HINCRBY', INDEX, 'total', 0 - size) -- Redis rejects '-0' as an integer
        for tag in string.gmatch(tags, '[^\n]+') do
            redis.call('SREM', prefix .. 't:' .. tag, key)
        end
    end
    redis.call('ZREM', USED, key)
    redis.call('ZREM', EXPIRES, key)
end

local function delete_key(key)
    remove_entry(key)
    return redis.call('UNLINK', prefix .. 'v:' .. key)
end

local function tombstone(tag)
    return prefix .. 'p:' .. tag
end

local function total_bytes()
    return tonumber(redis.call('HGET', INDEX, 'total') or 0)
end

-- Deletes a batch of expired values and, over the budget, a batch of the least recently used ones; returns the
-- remaining bytes.
local function evict(budget)
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', EXPIRES, '-inf', string.format('%.0f', now), 'LIMIT', 0, BATCH)) do
        delete_key(key)
    end
    for _, key in ipairs(total_bytes() > budget and redis.call('ZRANGE', USED, 0, BATCH - 1) or {}) do
        if total_bytes() <= budget then
            break
        end
        delete_key(key)
    end
    if redis.call('EXISTS', USED) == 0 then
        redis.call('DEL', INDEX)
    end
    return total_bytes()
end
