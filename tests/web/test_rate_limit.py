"""Rate limits: counting, clients, headers, and a failed storage."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from limits.errors import StorageError
from werkzeug.test import TestResponse

from tests.support.access import closed
from tests.web.conftest import URL, Site
from tintype import imaging
from tintype.api_keys import ApiKey, KeyLimits
from tintype.web.rate_limit import WIDE_NETWORK_FACTOR, ClientLimits, Rate, RateLimits, WindowStats

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
        assert site.thumb(headers={"Origin": "https://a.org"}).headers["Access-Control-Allow-Origin"] == "*"

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
        assert "RateLimit-Policy" not in answers[0].headers

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
        assert headers["RateLimit-Policy"] == '"thumb";q=30;w=60'
        assert (match := re.fullmatch(r'"thumb";r=28;t=(\d+)', headers["RateLimit"]))
        assert 1 <= int(match[1]) <= 60

    def test_have_no_other_form(self, site: Site) -> None:
        named = {name for name, _ in site.thumb().headers if name.lower().startswith(("ratelimit", "x-ratelimit"))}
        assert named == {"RateLimit", "RateLimit-Policy"}

    def test_errors_have_them(self, site: Site) -> None:
        assert site.thumb(width=1).headers["RateLimit"].startswith('"thumb";r=29;')

    def test_rejected_requests_have_them(self, site: Site) -> None:
        headers = [site.persist().headers for _ in range(6)][-1]
        assert headers["RateLimit-Policy"] == '"persist";q=5;w=60'
        assert headers["RateLimit"].startswith('"persist";r=0;')

    @pytest.mark.parametrize(
        ("window", "remaining", "wait"),
        [
            ((0, 0.0, 29, 90.0), 1, 0.0),
            ((0, 0.0, 30, 90.0), 0, 30.0),
            ((30, 45.0, 5, 105.0), 3, 0.0),
            ((30, 45.0, 10, 105.0), 0, 5.0),
            ((30, 30.0, 30, 90.0), 0, 30.0),
            ((0, 0.0, 30, 120.0), 0, 60.0),
        ],
    )
    def test_retry_after_is_exact(self, window: tuple[int, float, int, float], remaining: int, wait: float) -> None:
        standing = WindowStats(Rate.parse("thumb", "30 per minute"), (True, *window))
        assert (standing.remaining, standing.wait) == (remaining, wait)

    @pytest.mark.parametrize(
        ("window", "seconds"),
        [
            ((0, 0.0, 1, 120.0), 60),  # the first request, counted by Redis
            ((0, 0.0, 1, 119.9), 60),
            ((0, 0.0, 1, 60.0), 1),
            ((0, 0.0, 30, 90.0), 30),
            ((30, 45.0, 10, 105.0), 5),
            ((30, 45.0, 0, 0.0), 45),
            ((0, 0.0, 0, 0.0), 60),
        ],
    )
    def test_reset_is_never_0(self, window: tuple[int, float, int, float], seconds: int) -> None:
        fields = dict(WindowStats(Rate.parse("thumb", "30 per minute"), (True, *window)).headers())
        assert fields["RateLimit"].endswith(f";t={seconds}")

    def test_reset_of_a_rejected_request_equals_retry_after(self, site: Site) -> None:
        for _ in range(30):
            site.thumb()
        for _ in range(3):
            headers = site.thumb().headers
            assert headers["Retry-After"] == headers["RateLimit"].partition("t=")[2]
            site.clock.advance(7)


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

    def test_counts_ipv6_by_48_network_with_a_larger_limit(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per minute"))
        networks = [send(site, f"2001:db8:1:{number:x}::1") for number in range(WIDE_NETWORK_FACTOR + 4)]
        assert networks == [200] * WIDE_NETWORK_FACTOR + [429] * 4
        assert send(site, "2001:db8:2::1") == 200

    def test_rejection_of_a_48_network_names_it(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per minute"))
        for number in range(WIDE_NETWORK_FACTOR):
            send(site, f"2001:db8:1:{number:x}::1")
        answer = site.client.get(
            "/thumb", query_string={"url": URL}, environ_overrides={"REMOTE_ADDR": "2001:db8:1:ffff::1"}
        )
        assert "16 per minute for 2001:db8:1::/48" in answer.json["detail"]
        assert answer.headers["RateLimit-Policy"] == '"thumb-network";q=16;w=60'

    def test_rejected_ipv6_client_does_not_use_up_the_limit_of_its_neighbours(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per minute"))
        for _ in range(3 * WIDE_NETWORK_FACTOR):
            send(site, "2001:db8:1:1::1")
        assert send(site, "2001:db8:1:2::1") == 200

    def test_long_headers_leave_nothing_in_memory(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per minute"), trusted_proxies=("10.0.0.0/8",))
        cached = site.application.rate_limiter._cached_buckets
        for peer in ("192.0.2.1", "10.0.0.1"):
            for number in range(50):
                send(site, peer, forwarded=f"{number}, " * 1000 + "198.51.100.7")
        assert cached.cache_info().currsize == 2

    def test_ignores_exempt_networks(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per minute", exempt=("192.0.2.0/24",)))
        assert [send(site, "192.0.2.9") for _ in range(3)] == [200] * 3
        assert [send(site, "198.51.100.1") for _ in range(2)] == [200, 429]


class TestWords:
    """``unlimited``, ``closed`` and ``off``, each with its own meaning."""

    def statuses(self, limits: RateLimits, count: int = 3) -> list[tuple[str, int]]:
        site = Site(rate_limits=limits)
        return [
            (answer.headers.get("X-Cache", "-"), answer.status_code) for answer in (site.thumb() for _ in range(count))
        ]

    def test_hits_are_free_if_their_limit_is_unlimited(self) -> None:
        limits = RateLimits(thumb="1 per hour", hit="unlimited")
        assert self.statuses(limits, 5) == [("MISS", 200)] + [("HIT", 200)] * 4
        site = Site(rate_limits=limits)
        assert [site.thumb().status_code, site.thumb("https://b.org/").status_code] == [200, 429]
        assert "RateLimit" not in site.thumb().headers

    def test_hits_count_as_thumbnails_if_their_limit_is_off(self) -> None:
        assert self.statuses(RateLimits(thumb="2 per hour", hit="off")) == [("MISS", 200), ("HIT", 200), ("-", 429)]

    def test_closed_thumbnails_are_forbidden(self) -> None:
        site = Site(rate_limits=RateLimits(thumb="closed"))
        answer = site.thumb()
        assert (answer.status_code, answer.json["error"]) == (403, "closed")
        assert answer.json["detail"].startswith("new thumbnails are closed to this client; ask the operator")
        assert "Retry-After" not in answer.headers
        assert site.engine.shots == []

    def test_only_the_cache_is_served_if_thumbnails_are_closed_and_hits_are_not(self) -> None:
        site = Site(rate_limits=RateLimits(hit="unlimited"))
        site.thumb()
        site.application.rate_limiter._common = ClientLimits.of(RateLimits(thumb="closed", hit="unlimited"))
        assert (site.thumb().headers["X-Cache"], site.thumb("https://b.org/").status_code) == ("HIT", 403)

    def test_hits_can_be_closed(self) -> None:
        assert self.statuses(RateLimits(hit="closed"), 4) == [("MISS", 200), ("-", 403), ("-", 403), ("-", 403)]

    @pytest.mark.parametrize(("limit", "status"), [("closed", 403), ("unlimited", 200), ("off", 429), ("1/day", 429)])
    def test_each_word_of_persist_has_its_own_meaning(self, limit: str, status: int) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per hour", persist=limit))
        assert [site.persist().status_code for _ in range(2)][-1] == status
        assert site.thumb().status_code == (429 if limit == "off" else 200)

    @pytest.mark.parametrize(("limit", "status"), [("closed", 403), ("unlimited", 200), ("off", 429), ("1/day", 429)])
    def test_each_word_of_meta_has_its_own_meaning(self, limit: str, status: int) -> None:
        site = Site(rate_limits=RateLimits(thumb="1 per hour", meta=limit))
        site.engine.meta = {"title": "A page"}
        answers = [site.client.get("/meta", query_string={"url": URL}).status_code for _ in range(2)]
        assert answers[-1] == status
        assert site.thumb("https://b.org/").status_code == (429 if limit == "off" else 200)

    @pytest.mark.parametrize(("limit", "status"), [("closed", 403), ("unlimited", 200), ("off", 429), ("2/day", 429)])
    def test_each_word_of_stored_has_its_own_meaning(self, limit: str, status: int) -> None:
        site = Site(rate_limits=RateLimits(thumb="2 per hour", stored=limit))
        path = site.persist().json["url"].removeprefix("http://localhost")
        assert [site.client.get(path).status_code for _ in range(3)][-1] == status

    def test_closed_applies_to_exempt_networks_too(self) -> None:
        site = Site(rate_limits=RateLimits(persist="closed", exempt=("127.0.0.0/8",)))
        assert site.persist().status_code == 403


class TestLimitsOfKeys:
    def site(self, common: RateLimits, **keys: KeyLimits) -> Site:
        api_keys = [ApiKey.parse(f"{name}:key-of-the-{name}-16") for name in keys]
        site = closed(*api_keys, rate_limits=replace(common, per_key=keys))
        site.engine.meta = {"title": "A page"}
        return site

    def statuses(self, site: Site, name: str, count: int = 3, path: str = "/thumb") -> list[int]:
        headers = {"X-Api-Key": f"key-of-the-{name}-16"}
        if path == "/persist":
            return [site.client.post(path, json={"url": URL}, headers=headers).status_code for _ in range(count)]
        return [site.client.get(path, query_string={"url": URL}, headers=headers).status_code for _ in range(count)]

    def test_key_without_limits_has_the_common_ones(self) -> None:
        site = self.site(RateLimits(thumb="2 per hour", persist="closed"), shop=KeyLimits())
        assert self.statuses(site, "shop") == [200, 200, 429]
        assert self.statuses(site, "shop", 1, "/persist") == [403]

    @pytest.mark.parametrize(
        ("limit", "expected"), [("unlimited", [200] * 3), ("closed", [403] * 3), ("1 per hour", [200, 429, 429])]
    )
    def test_key_has_its_own_words(self, limit: str, expected: list[int]) -> None:
        common = RateLimits(thumb="2 per hour", hit="unlimited", persist="2 per hour")
        assert self.statuses(self.site(common, shop=KeyLimits(thumb=limit)), "shop") == expected
        assert self.statuses(self.site(common, shop=KeyLimits(persist=limit)), "shop", 3, "/persist") == expected

    def test_key_opens_what_is_closed_to_others(self) -> None:
        common = RateLimits(thumb="closed", persist="closed", meta="closed")
        site = self.site(common, shop=KeyLimits(persist="1 per hour", meta="unlimited"), blog=KeyLimits())
        assert self.statuses(site, "shop", 2, "/persist") == [200, 429]
        assert self.statuses(site, "blog", 1, "/persist") == [403]
        assert self.statuses(site, "shop", 1, "/meta") == [200]

    def test_hits_of_a_key_count_against_its_own_rate_unless_it_separates_them(self) -> None:
        common = RateLimits(thumb="9 per hour", hit="unlimited")
        limits = {"shop": KeyLimits(thumb="2 per hour"), "blog": KeyLimits(thumb="2 per hour", hit="unlimited")}
        site = self.site(common, **limits)
        assert self.statuses(site, "shop", 4) == [200, 200, 429, 429]
        assert self.statuses(site, "blog", 4) == [200] * 4


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
