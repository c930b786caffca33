-- Creates the job ARGV[3] of the staged parts. ARGV: owner, name, stores, fingerprint, webhook and sitemap (JSON or ''),
-- idempotency key (a digest, with the owner; or ''), its lifetime in seconds, number of pages, of fields of "pages", and of hosts.
-- Returns the job, the existing one of the key, or nothing if parts are missing.
local job, owner, name, stores, fingerprint, webhook, sitemap, key, lifetime, pages, fields, hosts = unpack(ARGV, 3)
pages = tonumber(pages)
if redis.call('EXISTS', part(job)) == 1 then
    return row(job) -- the response was lost, and the client sends the command again
end
key = key ~= '' and prefix .. 'key:' .. key
local known = key and redis.call('GET', key)
if known then
    local created = field(known, 'created')
    if created and tonumber(created) > wall - tonumber(lifetime) then
        redis.call('UNLINK', part(job, 'pages'), part(job, 'hosts'))
        return row(known)
    end
end
if redis.call('HLEN', part(job, 'pages')) ~= tonumber(fields) or redis.call('ZCARD', part(job, 'hosts')) ~= tonumber(hosts) then
    return false
end
redis.call('HSET', part(job), 'id', job, 'owner', owner, 'name', name, 'stores', stores, 'created', seconds(wall),
    'started', 0, 'ended', 0, 'cancelled', 0, 'fingerprint', fingerprint, 'webhook', webhook, 'sitemap', sitemap,
    'queued', 0, 'running', 0, 'captured', 0, 'failed', 0, 'dropped', 0)
redis.call('SET', part(job, 'states'), string.rep('0', pages))
keep(job)
local number = redis.call('HINCRBY', TOTALS, 'jobs', 1)
redis.call('ZADD', ALL, number, job)
redis.call('ZADD', prefix .. 'owner:' .. owner, number, job)
if key then
    redis.call('SET', key, job, 'EX', lifetime)
end
now()
count_queued(job, owner, pages)
open(job, owner)
return row(job)
