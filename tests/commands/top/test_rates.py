"""Rates between two polls."""

from __future__ import annotations

from tests.support.expositions import exposition, rates


class TestRates:
    def test_cover_what_happened_between_two_polls(self) -> None:
        later = exposition(hits=180, misses=20, errors=7, captures=22, failures=1, seconds=41.0, limited=8)
        result = rates(exposition(), later)
        assert (result.thumbnails_per_second["HIT"], result.thumbnails_per_second["MISS"]) == (9.0, 1.0)
        assert (result.thumbnails_per_second["none"], result.thumbnails_per_second["STALE"]) == (0.5, 0.0)
        assert (result.captures_per_minute, result.failures_per_minute) == (60.0, 0.0)
        assert result.mean_capture_seconds == 1.5
        assert (result.hit_ratio, result.totals.hit_ratio) == (0.9, 0.9)
        assert result.rejections_per_minute["rate-limited"] == 30.0

    def test_contain_the_figures_of_the_later_poll(self) -> None:
        totals = rates(exposition(), exposition()).totals
        assert (totals.version, totals.uptime) == ("1.2.3", 7260.0)
        assert (totals.queue["waiting"], totals.queue["limit"], totals.queue["slots"]) == (4.0, 12.0, None)
        assert (totals.browser["restarts"], totals.memory_bytes) == (1.0, {"web": 120e6, "browser": 1.4e9})

    def test_have_no_ratio_without_requests(self) -> None:
        result = rates(exposition(), exposition())
        assert (result.hit_ratio, result.mean_capture_seconds, result.captures_per_minute) == (None, None, 0.0)

    def test_count_from_zero_after_a_reset(self) -> None:
        assert rates(exposition(hits=1000), exposition(hits=30)).thumbnails_per_second["HIT"] == 3.0
