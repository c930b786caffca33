-- Trims to ARGV[1] bytes; the bytes left.
return evict(tonumber(ARGV[1]))
