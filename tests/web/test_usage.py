"""Usage per API key, monthly quotas, keys bound to hosts, and ``GET /usage``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import structlog
from werkzeug.test import TestResponse

from tests.support.access import SIGNATURES
from tests.web.conftest import URL, Site
from tintype.api_keys import ApiKey
from tintype.errors import BackendUnavailable, BrowserCrashed, Overloaded
from tintype.web.auth import Authenticator
from tintype.web.usage import Usage, UsageRecorder, month_end, month_of

NOVEMBER = "2023-11"
"""The month of the tests' clock."""
ADMIN = {"X-Api-Key": "key-of-the-admin-16"}


class MemoryUsage:
    """Usage in a dictionary; raises while ``fails`` is set."""

    def __init__(self) -> None:
        self.used: dict[tuple[str, str], Usage] = {}
        self.fails = False

    def add(self, month: str, used: Mapping[str, Usage]) -> None:
        self._check()
        for key, amounts in used.items():
            before = self.used.get((month, key), Usage())
            self.used[month, key] = Usage(*(a + b for a, b in zip(before, amounts, strict=True)))

    def take_capture(self, month: str, key: str, quota: int | None) -> bool:
        self._check()
        if quota is not None and self.used.get((month, key), Usage()).captures >= quota:
            return False
        self.add(month, {key: Usage(captures=1)})
        return True

    def read(self, month: str) -> Mapping[str, tuple[int, int, int]]:
        self._check()
        return {key: used for (each, key), used in self.used.items() if each == month}

    def _check(self) -> None:
        if self.fails:
            raise BackendUnavailable("the storage of usage failed; see the log")


class KeyedSite(Site):
    """A site with API keys (name to options) and an admin key."""

    def __init__(self, **keys: str) -> None:
        probe = Site()
        self.usage = MemoryUsage()
        parsed = [ApiKey.parse(f"{name}:key-of-the-{name}-16{options}") for name, options in keys.items()]
        super().__init__(
            clock=probe.clock,
            authenticator=Authenticator(
                parsed,
                SIGNATURES,
                probe.clock,
                admin_keys=[ApiKey.parse(f"anna:{ADMIN['X-Api-Key']}")],
                usage=UsageRecorder(self.usage, parsed, probe.clock),
            ),
        )

    def get(self, key: str, url: str = URL, **options: Any) -> TestResponse:
        return self.thumb(url, headers={"X-Api-Key": f"key-of-the-{key}-16"}, **options)

    def report(self, key: str = "", **query: str) -> TestResponse:
        headers = {"X-Api-Key": f"key-of-the-{key}-16"} if key else ADMIN
        return self.client.get("/usage", query_string=query, headers=headers)


class TestUsage:
    def test_counts_requests_captures_and_bytes(self) -> None:
        site = KeyedSite(shop="")
        sent = sum(len(site.get("shop").data) for _ in range(5))
        sent += len(site.get("shop", width=1).data)
        report = site.report("shop").json
        assert report == {
            "key": "shop",
            "month": NOVEMBER,
            "requests": 6,
            "captures": 1,
            "bytes": sent,
            "quota": None,
        }

    def test_charges_a_request_once_although_a_blank_page_is_captured_twice(self) -> None:
        site = KeyedSite(shop="")
        site.engine.blank_captures = 1
        site.get("shop")
        assert (site.engine.capture_count, site.report("shop").json["captures"]) == (2, 1)

    def test_charges_nothing_for_derived_thumbnails(self) -> None:
        site = KeyedSite(shop="")
        assert [site.get("shop", thumb_width=width).headers["X-Cache"] for width in (640, 320)] == ["MISS", "DERIVED"]
        assert site.report("shop").json["captures"] == 1

    def test_charges_a_refresh_in_the_background_to_the_key_that_caused_it(self) -> None:
        site = KeyedSite(shop="", blog="")
        site.get("shop")
        site.clock.advance(2 * 86_400)
        assert site.get("blog").headers["X-Cache"] == "STALE"
        assert site.service.wait_idle(10)
        assert [site.report(key).json["captures"] for key in ("shop", "blog")] == [1, 1]

    def test_charges_failed_captures_but_none_that_was_rejected_unstarted(self) -> None:
        site = KeyedSite(shop="")
        for error, captures in ((BrowserCrashed(), 1), (Overloaded(), 1), (BackendUnavailable(), 1)):
            site.engine.error = error
            site.get("shop", f"https://{error.code}.org/")
            assert site.report("shop").json["captures"] == captures

    def test_charges_persist_requests(self) -> None:
        site = KeyedSite(shop="")
        site.client.post("/persist", json={"url": URL}, headers={"X-Api-Key": "key-of-the-shop-16"})
        assert site.report("shop").json["captures"] == 1

    def test_failed_storage_admits_captures_and_is_logged_once(self) -> None:
        site = KeyedSite(shop=":quota=1")
        site.usage.fails = True
        with structlog.testing.capture_logs() as logs:
            assert [site.get("shop", f"https://{n}.org/").status_code for n in range(3)] == [200] * 3
        assert [entry["event"] for entry in logs].count("usage_storage_failed") == 1
        assert (site.report("shop").status_code, site.report("shop").json["error"]) == (503, "backend-unavailable")


class TestQuota:
    def test_rejects_captures_until_the_month_ends(self) -> None:
        site = KeyedSite(shop=":quota=2", blog="")
        assert [site.get("shop", f"https://{n}.org/").status_code for n in range(3)] == [200, 200, 429]
        answer = site.get("shop", "https://9.org/")
        assert answer.json["error"] == "quota-exceeded"
        assert "the API key 'shop' has used its 2 captures of this month; retry next month" in answer.json["detail"]
        seconds = int(answer.headers["Retry-After"])
        assert site.get("blog", "https://9.org/").status_code == 200
        site.clock.advance(seconds - 2)
        assert site.get("shop", "https://8.org/").status_code == 429
        site.clock.advance(2)
        assert site.get("shop", "https://8.org/").status_code == 200
        assert site.report("shop").json["month"] == "2023-12"

    def test_leaves_hits_free(self) -> None:
        site = KeyedSite(shop=":quota=1")
        assert [site.get("shop").status_code for _ in range(4)] == [200] * 4

    @pytest.mark.parametrize("quota", ["0", "closed"])
    def test_key_without_captures_reads_the_cache_only(self, quota: str) -> None:
        site = KeyedSite(shop=f":quota={quota}", blog="")
        assert site.get("shop").status_code == 429
        site.get("blog")
        assert site.get("shop").status_code == 200


class TestMonth:
    @pytest.mark.parametrize(
        ("now", "month", "end"),
        [(1_700_000_000.0, "2023-11", 1_701_388_800.0), (1_703_980_800.0, "2023-12", 1_704_067_200.0)],
    )
    def test_uses_the_calendar_month_in_utc(self, now: float, month: str, end: float) -> None:
        assert (month_of(now), month_end(now)) == (month, end)
        assert month_of(end - 1) == month != month_of(end)


class TestHostsOfAKey:
    def test_key_covers_its_hosts_and_those_below_a_wildcard(self) -> None:
        site = KeyedSite(shop=":hosts=shop.org *.shop.org")
        urls = ["https://shop.org/", "https://cdn.img.shop.org/x", "https://site.org/", "https://evilshop.org/"]
        assert [site.get("shop", url).status_code for url in urls] == [200, 200, 403, 403]
        answer = site.get("shop")
        assert answer.json["error"] == "host-not-allowed"
        assert answer.json["detail"] == "this API key covers only shop.org, *.shop.org; request one of these hosts"
        assert site.engine.capture_count == 2

    def test_fast_path_serves_no_hit_of_another_host(self) -> None:
        site = KeyedSite(shop=":hosts=shop.org", blog="")
        assert [site.get("blog").status_code for _ in range(4)] == [200] * 4
        assert [site.get("shop").status_code for _ in range(2)] == [403] * 2

    def test_key_does_not_cover_inline_html_and_other_routes_of_another_host(self) -> None:
        site = KeyedSite(shop=":hosts=shop.org")
        headers = {"X-Api-Key": "key-of-the-shop-16"}
        bodies = [("/thumb", {"html": "<p>text"}), ("/thumb", {"url": URL}), ("/persist", {"url": URL})]
        assert [site.client.post(path, json=body, headers=headers).status_code for path, body in bodies] == [403] * 3
        assert site.client.get("/meta", query_string={"url": URL}, headers=headers).status_code == 403


class TestUsageRoute:
    def test_key_reads_its_own_usage_only(self) -> None:
        site = KeyedSite(shop=":quota=9", blog="")
        site.get("blog")
        answer = site.report("shop")
        assert (answer.json["key"], answer.json["requests"], answer.json["quota"]) == ("shop", 0, 9)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "blog" not in answer.text

    def test_admin_key_reads_all_keys_in_pages_by_name(self) -> None:
        site = KeyedSite(shop="", blog="", app="")
        site.get("blog")
        first = site.report(limit="2").json
        assert ([each["key"] for each in first["keys"]], first["next"]) == (["app", "blog"], "blog")
        assert [each["requests"] for each in first["keys"]] == [0, 1]
        last = site.report(limit="2", after="blog").json
        assert ([each["key"] for each in last["keys"]], last.get("next")) == (["shop"], None)

    def test_reads_an_earlier_month(self) -> None:
        site = KeyedSite(shop="")
        site.get("shop")
        site.report("shop")
        site.clock.advance(40 * 86_400)
        assert site.report("shop").json["requests"] == 0
        assert site.report("shop", month=NOVEMBER).json["requests"] == 1

    @pytest.mark.parametrize("query", [{"month": "2023-13"}, {"month": "x" * 99}, {"limit": "0"}, {"limit": "1001"}])
    def test_rejects_invalid_parameters(self, query: dict[str, str]) -> None:
        answer = KeyedSite(shop="").report(**query)
        assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (400, next(iter(query)))
        assert KeyedSite(shop="").report(page="2").json["detail"] == "page: unknown parameter"

    def test_requires_a_known_key(self) -> None:
        site = KeyedSite(shop="")
        assert site.client.get("/usage").status_code == 401
        assert site.report("unknown").status_code == 401
        assert Site().client.get("/usage").status_code == 401
