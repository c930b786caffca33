"""A job whose node is killed twice; ``python -m bench.killed_jobs`` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import killed_jobs


@pytest.mark.browser
def test_node_that_is_killed_twice_loses_no_page(tmp_path: Path) -> None:
    result = killed_jobs.run(pages=30, kills=2, folder=tmp_path)
    assert result.failures == []
    assert (result.captured, result.archived) == (30, 30)
