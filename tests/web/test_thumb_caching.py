"""The table of docs/caching.md, line by line, and the rate limit that each line counts against."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest

from tests.support.paths import ROOT
from tests.web.conftest import URL, Site
from tintype.errors import RateLimited, TargetUnreachable
from tintype.web.rate_limit import RateLimits


class Row(NamedTuple):
    """A line of the table."""

    request: str
    cached: str
    x_cache: str
    age: str
    cache_control: str
    captures: str

    @property
    def options(self) -> dict[str, Any]:
        """The query options."""
        return dict(re.findall(r"(\w+)=(\w+)", self.request))


def rows() -> list[Row]:
    table = (ROOT / "docs/caching.md").read_text().partition("<!-- freshness -->")[2].partition("\n\n- ")[0]
    lines = [line.strip("| \n") for line in table.splitlines() if line.startswith("|")][2:]
    return [Row(*(cell.strip(" `") for cell in re.split(r" *\| *", line))) for line in lines]


def prepare(row: Row, rate_limits: RateLimits) -> Site:
    """A site with the cached thumbnail of a line."""
    site = Site(rate_limits=rate_limits)
    if row.cached != "none":
        site.thumb()
        site.clock.advance(float(row.cached.removesuffix(" s old")))
    if "page fails" in row.request:
        site.engine.error = TargetUnreachable("connection refused")
    site.engine.shots.clear()
    return site


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.request}, {row.cached}")
class TestTable:
    def test_response_is_as_documented(self, row: Row) -> None:
        site = prepare(row, RateLimits())
        response = site.thumb(**row.options)
        assert site.service.wait_idle(10)
        found = {name: response.headers.get(name, "") for name in ("X-Cache", "Age", "Cache-Control")}
        assert found == {"X-Cache": row.x_cache, "Age": row.age, "Cache-Control": row.cache_control}
        assert site.engine.capture_count == int(row.captures)

    def test_every_line_with_a_capture_counts_as_one(self, row: Row) -> None:
        limits = RateLimits(thumb="1 per year", hit="1000 per minute")
        site = prepare(row, limits)
        if row.cached != "none":  # the preparation has used up the limit
            response = site.thumb(**row.options)
            is_hit = row.x_cache == "HIT"
            assert response.status_code == (200 if is_hit else RateLimited.status)
            assert site.service.wait_idle(10)
            assert site.engine.capture_count == 0


def test_table_has_every_state() -> None:
    assert {row.x_cache for row in rows()} == {"MISS", "HIT", "STALE", "DERIVED", "PLACEHOLDER"}


class TestFreshRequestOfAFailingPage:
    def test_returns_the_error(self) -> None:
        site = Site()
        site.thumb()
        site.engine.error = TargetUnreachable("connection refused")
        site.clock.advance(10)
        assert [site.thumb(fresh="true").status_code, site.thumb(ttl=0).status_code] == [502, 502]


class TestBlankPage:
    def test_second_visit_counts(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="3 per hour"))
        site.engine.blank_captures = 99
        responses = [site.thumb(f"{URL}{page}") for page in range(3)]
        assert [response.status_code for response in responses] == [200, 200, 429]
        assert site.engine.capture_count == 3, "the second page was not captured twice"
