-- At most ARGV[5] pages of the job ARGV[3] after the number ARGV[4], with the state ARGV[6] or with any: number, URL,
-- state, attempts, result.
local job, after, limit, wanted = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local states = redis.call('GET', part(job, 'states')) or ''
local numbers, attempts = {}, {}
local number = after + 1
while #numbers < limit and number <= #states do
    if wanted ~= '' then
        number = string.find(states, wanted, number, true)
        if not number then
            break
        end
    end
    numbers[#numbers + 1] = number
    attempts[#attempts + 1] = 'attempts:' .. number
    number = number + 1
end
if #numbers == 0 then
    return {}
end
local records = redis.call('HMGET', part(job, 'pages'), unpack(numbers))
local results = redis.call('HMGET', part(job, 'results'), unpack(numbers))
attempts = redis.call('HMGET', part(job, 'work'), unpack(attempts))
local rows = {}
for index, each in ipairs(numbers) do
    local url = string.match(records[index], '^%d+ %d+ %S+ (.*)$')
    rows[index] = {each, url, string.sub(states, each, each), attempts[index] or '0', results[index] or ''}
end
return rows
