"""Imports structlog without rich, which halves the time of the import.

structlog imports rich, if it is installed, for coloured tracebacks, and has no option to prevent it. Tracebacks are
logged plain, because coloured ones print local variables. Commands that draw tables import rich themselves later.
"""

from __future__ import annotations

import importlib
import sys


def import_structlog_without_rich() -> None:
    """Import structlog while rich appears to be missing. Call it before any other import of structlog."""
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    # None makes `import rich` fail.
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]
