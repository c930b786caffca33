-- Queued pages, running pages, and the age of the oldest job with queued pages in seconds.
local oldest = redis.call('ZRANGE', WAITING, 0, 0, 'WITHSCORES')
local age = oldest[2] and math.max(0, wall - tonumber(oldest[2])) or 0
return {tonumber(redis.call('HGET', TOTALS, 'queued') or 0), redis.call('ZCARD', LEASES), seconds(age)}
