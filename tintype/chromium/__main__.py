"""``python -m tintype.chromium ADDRESS CONFIG [LOCK]`` is the capture daemon."""

import sys

from tintype import brief

brief.import_structlog()

from tintype.chromium.daemon import daemon  # noqa: E402 - after the above

sys.exit(daemon.main(sys.argv[1:]))
