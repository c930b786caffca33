-- Trims to ARGV[1] bytes; the bytes left.
return trim(tonumber(ARGV[1]))
