-- Queues the failed and cancelled pages of the job ARGV[3] again; returns their number.
local job = ARGV[3]
local states = redis.call('GET', part(job, 'states')) or ''
local changed, count = string.gsub(states, '[34]', '0')
if count == 0 then
    return 0
end
local owner = field(job, 'owner')
local heads, links = {}, {}

local function head_of(host)
    if not heads[host] then
        heads[host] = redis.call('ZSCORE', part(job, 'hosts'), host) or 0
    end
    return heads[host]
end

local function link(numbers)
    local fields, changes = {}, {}
    for index, number in ipairs(numbers) do
        fields[2 * index - 1], fields[2 * index] = 'attempts:' .. number, 'lost:' .. number
    end
    redis.call('HDEL', part(job, 'work'), unpack(fields))
    redis.call('HDEL', part(job, 'results'), unpack(numbers))
    for index, text in ipairs(redis.call('HMGET', part(job, 'pages'), unpack(numbers))) do
        local host = string.match(text, '^%d+ %d+ (%S+)')
        changes[2 * index - 1], changes[2 * index] = 'next:' .. numbers[index], head_of(host)
        heads[host] = numbers[index]
    end
    redis.call('HSET', part(job, 'work'), unpack(changes))
end

-- From the last page to the first, so that each becomes the one before those behind it.
local numbers = {}
for number = #states, 1, -1 do
    local state = string.sub(states, number, number)
    if state == '3' or state == '4' then
        numbers[#numbers + 1] = number
        if #numbers == CHUNK then
            link(numbers)
            numbers = {}
        end
    end
end
if #numbers > 0 then
    link(numbers)
end
for host, number in pairs(heads) do
    redis.call('ZADD', part(job, 'hosts'), number, host)
end
redis.call('SET', part(job, 'states'), changed)
redis.call('HSET', part(job), 'failed', 0, 'dropped', 0, 'ended', 0, 'cancelled', 0, 'retried', 1)
keep(job)
count_queued(job, owner, count)
open(job, owner)
return count
