"""State shared by workers that may be lost: caches, locks, rate limit counters; in files or in Redis."""
