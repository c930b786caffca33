-- Queued pages, running pages, the age of the oldest job with queued pages, jobs that have not ended, and the time since
-- a process last looked for a page while there are queued ones; times in seconds.
local oldest = redis.call('ZRANGE', WAITING, 0, 0, 'WITHSCORES')
local age = oldest[2] and math.max(0, wall - tonumber(oldest[2])) or 0
local claimed = tonumber(redis.call('HGET', TOTALS, 'claimed') or wall - age)
local jobs = redis.call('ZCARD', ALL) - redis.call('ZCARD', ENDED)
local unclaimed = math.min(age, math.max(0, wall - claimed))
return {tonumber(redis.call('HGET', TOTALS, 'queued') or 0), redis.call('ZCARD', LEASES), seconds(age), jobs,
        seconds(unclaimed)}
