"""``python -m tintype.chromium ADDRESS CONFIG [LOCK]`` is the capture daemon."""

import sys

from tintype.lean_imports import import_structlog_without_rich

import_structlog_without_rich()

from tintype.chromium.daemon import daemon  # noqa: E402 - imports structlog

sys.exit(daemon.main(sys.argv[1:]))
