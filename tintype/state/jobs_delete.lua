-- Deletes the job ARGV[3]; returns whether it existed.
return forget(ARGV[3]) and 1 or 0
