"""Real processes and servers that tests and benchmarks start: nodes, nginx, Redis, S3 and a site of test pages.

It is beside ``tests/`` and ``bench/`` because both import it and neither may import the other.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The root of the repository."""
