"""Short drill: honest callers beside hostile ones, while processes are killed and backends fail."""

from __future__ import annotations

import pytest

from bench.drill.__main__ import Drill, run

pytestmark = pytest.mark.browser

ATTACKS = ("50,000 unknown members", "error pictures", "slow senders", "idle connections")
DISRUPTIONS = ("worker killed", "browser killed", "Redis restarts", "daemon killed")


@pytest.fixture(scope="module")
def drill() -> Drill:
    return run(seconds=13, period=2, attacks=ATTACKS, kinds=DISRUPTIONS)


class TestShortDrill:
    def test_causes_every_attack_and_disruption(self, drill: Drill) -> None:
        assert set(drill.attacks) == set(ATTACKS)
        assert set(drill.disruptions) == set(DISRUPTIONS)

    def test_answers_every_hit(self, drill: Drill) -> None:
        assert drill.answers["hits"].latencies
        assert drill.answers["hits"].failures == {}

    def test_answers_misses_with_an_image_or_with_retry_after(self, drill: Drill) -> None:
        assert drill.answers["misses"].latencies
        assert drill.answers["misses"].failures == {}

    def test_leaves_no_process_and_no_file(self, drill: Drill) -> None:
        assert drill.leftovers == []
