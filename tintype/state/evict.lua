-- Evicts values until the cache has at most ARGV[1] bytes, at most one batch; returns the remaining bytes.
return evict(tonumber(ARGV[1]))
