"""What can our own processes do without while they start? Called before anything else is imported."""

from __future__ import annotations

import importlib
import sys


def import_structlog() -> None:
    """Import structlog without rich, which it only wants for colouring tracebacks.

    Ours are printed plain, since coloured ones show local variables; importing rich takes as long as structlog itself.
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    # None is how the import system spells "not to be had"
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]
