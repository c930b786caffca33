-- The tags of all values with the tag ARGV[1], as lists separated by line feeds.
local found = {}
for _, key in ipairs(redis.call('SMEMBERS', prefix .. 't:' .. ARGV[1])) do
    local entry = redis.call('HGET', INDEX, 'e:' .. key)
    if entry then
        found[#found + 1] = string.match(entry, ':(.*)$')
    end
end
return found
