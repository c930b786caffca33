-- Cancels the queued pages of the job ARGV[3]; returns their number.
local job = ARGV[3]
local states = redis.call('GET', part(job, 'states')) or ''
local changed, count = string.gsub(states, '0', '4')
if count == 0 then
    if tonumber(field(job, 'ended') or 1) == 0 then
        redis.call('HSET', part(job), 'cancelled', 1) -- its running pages are the last ones
    end
    return 0
end
local owner = field(job, 'owner')
redis.call('DEL', part(job, 'hosts'))
if tonumber(field(job, 'delayed') or 0) > 0 then
    remove_members(job, states, '0', DELAYED)
    redis.call('HDEL', part(job), 'delayed')
end
redis.call('SET', part(job, 'states'), changed)
redis.call('HSET', part(job), 'cancelled', 1)
redis.call('HINCRBY', part(job), 'dropped', count)
count_queued(job, owner, 0 - count)
close(job, owner)
end_if_done(job)
return count
