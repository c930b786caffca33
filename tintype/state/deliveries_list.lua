-- At most ARGV[6] deliveries, newest first, from the one after ARGV[5] or from the newest. ARGV[3] is "1" for those of the
-- owner ARGV[4]; ARGV[7] a state or ''.
local of_owner, owner, before, limit, state = unpack(ARGV, 3)
local names = indexes(owner, state)
local index = of_owner == '1' and (state == '' and names[2] or names[4]) or (state == '' and names[1] or names[3])
local upper = '+inf'
if before ~= '' then
    local number = redis.call('HGET', item(before), 'number')
    if not number then
        return {}
    end
    upper = '(' .. number
end
local rows = {}
for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', index, upper, '-inf', 'LIMIT', 0, limit)) do
    rows[#rows + 1] = delivery_row(id) or nil
end
return rows
