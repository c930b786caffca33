"""A node and a worker killed during a job, under load; ``python -m bench.killed_nodes`` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import killed_nodes


@pytest.mark.browser
def test_two_nodes_and_two_workers_lose_no_page_and_no_request(tmp_path: Path) -> None:
    result, requests, failed = killed_nodes.run(pages=30, folder=tmp_path)
    assert result.failures == []
    assert (result.captured, result.archived) == (30, 30)
    assert requests > 0
    assert failed == 0
