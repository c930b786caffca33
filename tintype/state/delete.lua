-- Forgets the keys in ARGV; how many of them had a value.
local found = 0
for _, key in ipairs(ARGV) do
    found = found + delete_key(key)
end
return found
