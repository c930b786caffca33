-- Replaces the page ARGV[4] of the job ARGV[3], whose lease is ARGV[5], by staged pages: ARGV[6] is the sitemap (JSON),
-- ARGV[7…] the numbers of pages, of fields of "found-pages", and of "found-hosts". The page of a cancelled job is
-- cancelled instead. Returns whether the lease was held, or nothing if parts are missing.
local job, number, token, sitemap, pages, fields, hosts = unpack(ARGV, 3)
pages = tonumber(pages)
local found_pages, found_hosts = part(job, 'found-pages'), part(job, 'found-hosts')
if not holds(job, number, token) then
    redis.call('UNLINK', found_pages, found_hosts)
    return 0
end
local owner, cancelled = unpack(redis.call('HMGET', part(job), 'owner', 'cancelled'))
if cancelled == '1' then
    leave(job, number, '4', '')
    redis.call('UNLINK', found_pages, found_hosts)
    return 1
end
if redis.call('HLEN', found_pages) ~= tonumber(fields) or redis.call('ZCARD', found_hosts) ~= tonumber(hosts) then
    return false
end
end_lease(job, number)
redis.call('UNLINK', part(job, 'work'), part(job, 'results'))
redis.call('RENAME', found_pages, part(job, 'pages'))
redis.call('RENAME', found_hosts, part(job, 'hosts'))
redis.call('SET', part(job, 'states'), string.rep('0', pages))
redis.call('HSET', part(job), 'running', 0, 'sitemap', sitemap)
keep(job)
count_queued(job, owner, pages)
open(job, owner)
return 1
