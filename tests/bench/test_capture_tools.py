"""Tools that the benchmark of captures compares."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.capture_tools import url_to_png


def test_rejects_a_checkout_of_url_to_png_that_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="npm run build"), url_to_png(tmp_path, tmp_path):
        pass
