"""Reading of request bodies under the waiting limit."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest

from tests.web.conftest import URL, Site
from tintype.service.limits import WaitingLimit
from tintype.web.rate_limit import RateLimits


@pytest.fixture
def full() -> Iterator[Site]:
    """A site whose waiting limit is reached by a client that is still sending its body."""
    site = Site(waiting_limit=WaitingLimit(1))
    site.thumb()
    with site.waiting_limit.acquire():
        yield site


class UnreadBody(BytesIO):
    """A request body that records whether it was read."""

    was_read = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.was_read = True
        return super().read(size)


class TestSlowBodies:
    @pytest.mark.parametrize("path", ["/thumb", "/persist"])
    def test_rejects_a_request_over_the_limit_before_reading_its_body(self, full: Site, path: str) -> None:
        body = UnreadBody()
        answer = full.client.post(path, input_stream=body, content_type="application/json")
        assert (answer.status_code, answer.json["error"]) == (503, "overloaded")
        assert answer.headers["Retry-After"] == "5"
        assert not body.was_read

    def test_ignores_requests_without_a_body(self, full: Site) -> None:
        assert full.thumb().status_code == 200

    def test_releases_the_limit_after_valid_and_invalid_bodies(self) -> None:
        site = Site(waiting_limit=WaitingLimit(1))
        assert [site.persist(url=url).status_code for url in ("ftp://x", URL, URL)] == [400, 200, 200]

    def test_checks_the_rate_limit_before_reading_the_body(self) -> None:
        site, body = Site(rate_limits=RateLimits(persist="1 per minute")), UnreadBody()
        site.persist()
        answer = site.client.post("/persist", input_stream=body, content_type="application/json")
        assert (answer.status_code, body.was_read) == (429, False)
