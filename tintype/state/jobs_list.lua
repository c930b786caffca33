-- At most ARGV[5] jobs of the index ARGV[3], newest first, from the one after ARGV[4] or from the newest.
local index, before = prefix .. ARGV[3], ARGV[4]
local upper = '+inf'
if before ~= '' then
    local number = redis.call('ZSCORE', ALL, before)
    if not number then
        return {}
    end
    upper = '(' .. number
end
local rows = {}
for _, job in ipairs(redis.call('ZREVRANGEBYSCORE', index, upper, '-inf', 'LIMIT', 0, ARGV[5])) do
    rows[#rows + 1] = row(job) or nil
end
return rows
