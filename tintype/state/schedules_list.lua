-- Schedules or runs from the newest, from the one after ARGV[4], at most ARGV[5]. ARGV[3] is all, owner:NAME or
-- runs:SCHEDULE.
local kind, name = string.match(ARGV[3], '^(%a+):?(.*)$')
local set = kind == 'all' and ALL or kind == 'owner' and owned(name) or key(name, 'order')
local most = '+inf'
if ARGV[4] ~= '' then
    local number = redis.call('ZSCORE', set, ARGV[4])
    if not number then
        return {}
    end
    most = '(' .. number
end
local found = {}
for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', set, most, '-inf', 'LIMIT', 0, tonumber(ARGV[5]))) do
    found[#found + 1] = kind == 'runs' and redis.call('HGET', key(name, 'runs'), id) or row(id)
end
return found
