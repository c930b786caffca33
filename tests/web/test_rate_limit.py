"""Rate limits: counting, clients, headers, and a failed storage."""

from __future__ import annotations

import pytest
from limits.errors import StorageError
from werkzeug.test import TestResponse

from tests.web.conftest import URL, Site
from tintype import imaging
from tintype.web.rate_limit import Rate, RateLimits, WindowStats

RECIPE = RateLimits(thumb="30 per minute", persist="5 per minute")


@pytest.fixture
def site() -> Site:
    return Site(rate_limits=RECIPE)


def send(site: Site, remote: str, forwarded: str = "") -> int:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    environ = {"REMOTE_ADDR": remote}
    return site.client.get("/thumb", query_string={"url": URL}, headers=headers, environ_overrides=environ).status_code


def exhaust(site: Site, remote: str, forwarded: str = "") -> None:
    assert {send(site, remote, forwarded) for _ in range(30)} == {200}
    assert send(site, remote, forwarded) == 429


class TestLimits:
    def test_rejects_the_31st_request_in_a_minute(self, site: Site) -> None:
        answers = [site.thumb() for _ in range(31)]
        assert [answer.status_code for answer in answers] == [200] * 30 + [429]
        refused = answers[-1]
        assert refused.json["error"] == "rate-limited"
        assert refused.json["detail"].startswith("the rate limit of 30 per minute is exceeded")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["Access-Control-Allow-Origin"] == "*"

    def test_rejects_the_sixth_persist_in_a_minute(self, site: Site) -> None:
        assert [site.persist().status_code for _ in range(6)] == [200] * 5 + [429]

    def test_counts_thumb_and_persist_separately(self, site: Site) -> None:
        for _ in range(6):
            site.persist()
        assert site.thumb().status_code == 200

    def test_counts_invalid_requests(self, site: Site) -> None:
        assert [site.thumb(width=1).status_code for _ in range(31)][-1] == 429

    def test_accepts_a_request_after_retry_after(self, site: Site) -> None:
        for _ in range(30):
            site.thumb()
        site.clock.advance(int(site.thumb().headers["Retry-After"]))
        site.clock.advance(0.1)
        assert [site.thumb().status_code for _ in range(2)] == [200, 429]
        site.clock.advance(int(site.thumb().headers["Retry-After"]))
        assert site.thumb().status_code == 200

    def test_leaves_other_routes_unlimited(self, site: Site) -> None:
        assert {site.client.get("/health").status_code for _ in range(40)} == {200}

    def test_counts_nothing_without_a_rate(self) -> None:
        site = Site(rate_limits=RateLimits())
        answers = [site.thumb() for _ in range(40)]
        assert {answer.status_code for answer in answers} == {200}
        assert "RateLimit-Limit" not in answers[0].headers

    @pytest.mark.parametrize(("requested", "drawn"), [(1280, (640, 360)), (400, (320, 180)), (64, (80, 45))])
    def test_error_image_of_a_rejected_request_is_small(
        self, site: Site, requested: int, drawn: tuple[int, int]
    ) -> None:
        for _ in range(30):
            site.thumb()
        answer = site.thumb(on_error="image", format="webp", thumb_width=requested)
        assert (answer.status_code, answer.content_type) == (429, "image/webp")
        assert imaging.size(answer.data)[:2] == drawn
        assert answer.headers["Retry-After"]


class TestHeaders:
    def test_contain_the_remaining_requests(self, site: Site) -> None:
        headers = [site.thumb().headers for _ in range(2)][-1]
        assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == ("30", "28")
        assert 0 <= int(headers["RateLimit-Reset"]) <= 60
        assert headers["RateLimit-Policy"] == '"thumb";q=30;w=60'
        assert headers["RateLimit"].startswith('"thumb";r=28;t=')

    def test_errors_have_them(self, site: Site) -> None:
        assert site.thumb(width=1).headers["RateLimit-Remaining"] == "29"

    def test_rejected_requests_have_them(self, site: Site) -> None:
        headers = [site.persist().headers for _ in range(6)][-1]
        assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == ("5", "0")

    @pytest.mark.parametrize(
        ("window", "remaining", "wait"),
        [
            ((0, 0.0, 29, 90.0), 1, 0.0),
            ((0, 0.0, 30, 90.0), 0, 30.0),
            ((30, 45.0, 5, 105.0), 3, 0.0),
            ((30, 45.0, 10, 105.0), 0, 5.0),
            ((30, 30.0, 30, 90.0), 0, 30.0),
        ],
    )
    def test_retry_after_is_exact(self, window: tuple[int, float, int, float], remaining: int, wait: float) -> None:
        standing = WindowStats(Rate.parse("thumb", "30 per minute"), (True, *window))
        assert (standing.remaining, standing.wait) == (remaining, wait)


class TestClient:
    def test_counts_each_address_separately(self, site: Site) -> None:
        exhaust(site, "192.0.2.1")
        assert send(site, "192.0.2.2") == 200

    def test_counts_ipv6_by_64_network(self, site: Site) -> None:
        exhaust(site, "2001:db8:1:2::1")
        assert send(site, "2001:db8:1:2:ffff::9") == 429
        assert send(site, "2001:db8:1:3::1") == 200

    def test_counts_ipv4_mapped_ipv6_as_ipv4(self, site: Site) -> None:
        exhaust(site, "::ffff:192.0.2.1")
        assert send(site, "192.0.2.1") == 429

    def test_ignores_x_forwarded_for_of_untrusted_peers(self, site: Site) -> None:
        exhaust(site, "192.0.2.1")
        assert send(site, "192.0.2.1", forwarded="198.51.100.7") == 429

    def test_uses_x_forwarded_for_of_a_trusted_proxy(self) -> None:
        site = Site(rate_limits=RECIPE, trusted_proxies=("10.0.0.0/8",))
        exhaust(site, "10.0.0.1", forwarded="198.51.100.7")
        assert send(site, "10.0.0.1", forwarded="198.51.100.8") == 200

    def test_uses_only_entries_that_trusted_proxies_added(self) -> None:
        site = Site(rate_limits=RECIPE, trusted_proxies=("10.0.0.0/8",))
        exhaust(site, "10.0.0.1", forwarded="1.1.1.1, 198.51.100.7, 10.0.0.2")
        assert send(site, "10.0.0.1", forwarded="2.2.2.2, 198.51.100.7:5123") == 429

    @pytest.mark.parametrize("nonsense", ["unknown", "_hidden, ,", "1.2.3.4.5", "ü" * 5])
    def test_malformed_x_forwarded_for_counts_as_the_proxy(self, nonsense: str) -> None:
        site = Site(rate_limits=RECIPE, trusted_proxies=("10.0.0.0/8",))
        exhaust(site, "10.0.0.1", forwarded=nonsense)
        assert send(site, "10.0.0.1") == 429

    def test_unix_socket_peer_counts_as_loopback(self) -> None:
        site = Site(rate_limits=RECIPE, trusted_proxies=("127.0.0.0/8",))
        exhaust(site, "", forwarded="198.51.100.7")
        assert send(site, "", forwarded="[2001:db8::1]:443") == 200

    def test_ignores_exempt_networks(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per minute", exempt=("192.0.2.0/24",)))
        assert [send(site, "192.0.2.9") for _ in range(3)] == [200] * 3
        assert [send(site, "198.51.100.1") for _ in range(2)] == [200, 429]


class TestSeparateHitLimit:
    @pytest.fixture
    def site(self) -> Site:
        return Site(rate_limits=RateLimits(thumb="2 per minute", hit="3 per minute"))

    def states(self, answers: list[TestResponse]) -> list[str]:
        return [answer.headers.get("X-Cache", str(answer.status_code)) for answer in answers]

    def test_hits_do_not_count_against_the_thumb_limit(self, site: Site) -> None:
        assert self.states([site.thumb() for _ in range(5)]) == ["MISS", "HIT", "HIT", "HIT", "429"]
        assert self.states([site.thumb("https://b.org/"), site.thumb("https://c.org/")]) == ["MISS", "429"]

    def test_serves_hits_after_the_thumb_limit_is_exceeded(self, site: Site) -> None:
        urls = [URL, "https://b.org/", "https://c.org/", URL]
        assert self.states([site.thumb(url) for url in urls]) == ["MISS", "MISS", "429", "HIT"]

    def test_counts_invalid_requests_against_the_thumb_limit(self, site: Site) -> None:
        assert [site.thumb(width=1).status_code for _ in range(3)] == [400, 400, 429]

    def test_headers_name_the_limit_that_applied(self, site: Site) -> None:
        assert [site.thumb().headers["RateLimit-Policy"][:6] for _ in range(2)] == ['"thumb', '"hit";']


class TestFailedStorage:
    def test_accepts_every_request_and_logs_once(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(*_: object) -> bool:
            raise StorageError(ConnectionError("redis://secret@10.0.0.1"))

        monkeypatch.setattr(site.counters, "count", refuse)
        assert {site.thumb().status_code for _ in range(40)} == {200}
        shown = capsys.readouterr().out
        assert shown.count("rate_limit_storage_failed") == 1
        assert "secret" not in shown
