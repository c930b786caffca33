"""Benchmarks: each `python -m bench.<name>` prints a table, comparing within one run."""
