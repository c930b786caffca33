-- Keeps tombstones for the tags ARGV[2…] during ARGV[1] milliseconds; the empty tag means every value.
for number = 2, #ARGV do
    redis.call('SET', tombstone(ARGV[number]), string.format('%.0f', now), 'PX', ARGV[1])
end
