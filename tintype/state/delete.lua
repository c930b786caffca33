-- Deletes the keys in ARGV; returns how many of them had a value.
local deleted = 0
for _, key in ipairs(ARGV) do
    deleted = deleted + delete_key(key)
end
return deleted
