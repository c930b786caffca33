"""Bounds of purges that all caches share."""

TOMBSTONE_SECONDS = 900.0
"""Seconds for which a cache remembers a purge: longer than any capture, its queue and its rendering take."""
PURGE_FAILED = "the cache does not respond, and the purge may be incomplete; repeat it"
"""Detail of the error of a purge."""
