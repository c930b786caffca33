"""Backends of caches, locks and rate limits, shared by all workers: files of one machine, or Redis."""
