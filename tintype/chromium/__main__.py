"""Entry point of the capture daemon: ``python -m tintype.chromium ADDRESS CONFIG [LOCK]``."""

import sys

from tintype.lean_imports import import_structlog_without_rich

import_structlog_without_rich()

from tintype.chromium.daemon import daemon  # noqa: E402 - imports structlog

sys.exit(daemon.main(sys.argv[1:]))
