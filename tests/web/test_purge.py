"""``POST /purge``: authentication, selectors, counts, limits and errors."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.web.conftest import URL, Site
from tintype.api_keys import ApiKey
from tintype.web.auth import Authenticator
from tintype.web.purge import MAX_SELECTORS, MAX_TEXT
from tintype.web.rate_limit import RateLimits

ADMIN, CLIENT = "a" * 32, "c" * 32
PAGES = (URL, f"{URL}news/today?page=2", f"{URL}newsletter", "https://other.org/")


def new_site(**parts: Any) -> Site:
    keys = Authenticator(keys=[ApiKey.parse(f"shop:{CLIENT}")], admin_keys=[ApiKey.parse(f"ops:{ADMIN}")])
    return Site(authenticator=keys, **parts)


@pytest.fixture
def site() -> Site:
    return new_site()


def purge(site: Site, key: str = ADMIN, **members: Any) -> TestResponse:
    return site.client.post("/purge", json=members, headers={"X-Api-Key": key} if key else {})


def states(site: Site, **options: Any) -> str:
    """The first letters of the cache states of all pages."""
    answers = [site.thumb(page, headers={"X-Api-Key": CLIENT}, **options) for page in PAGES]
    return "".join(answer.headers["X-Cache"][0] for answer in answers)


class TestSelectors:
    @pytest.mark.parametrize(
        ("members", "after"),
        [
            ({"url": URL}, "MHHH"),
            ({"url": "HTTPS://SITE.org/?utm_source=mail"}, "MHHH"),
            ({"url": [PAGES[1], PAGES[3]]}, "HMHM"),
            ({"host": "Site.org"}, "MMMH"),
            ({"host": "ite.org"}, "HHHH"),
            ({"prefix": "https://site.org/news"}, "HMHH"),
            ({"prefix": "https://site.org/news/"}, "HMHH"),
            ({"prefix": "https://site.org/new"}, "HHHH"),
            ({"prefix": "https://site.org"}, "MMMH"),
            ({"prefix": "http://site.org/"}, "HHHH"),
            ({"all": True}, "MMMM"),
            ({"url": URL, "host": ["other.org"]}, "MHHM"),
        ],
        ids=str,
    )
    def test_removes_what_matches(self, site: Site, members: dict[str, Any], after: str) -> None:
        assert [states(site), states(site)] == ["MMMM", "HHHH"]
        response = purge(site, **members)
        assert response.status_code == 200
        assert response.json["purged"] == 2 * after.count("M")
        assert states(site) == after

    @pytest.mark.parametrize(
        ("purged", "after"), [("", "MMMH"), ("#", "MMMH"), ("#prices", "HMHH"), ("#size", "HHMH"), ("#other", "HHHH")]
    )
    def test_url_without_fragment_includes_all_fragments(self, purged: str, after: str, site: Site) -> None:
        pages = [URL, f"{URL}#prices", f"{URL}#size", f"{URL}news"]

        def cache_states() -> str:
            return "".join(site.thumb(page, headers={"X-Api-Key": CLIENT}).headers["X-Cache"][0] for page in pages)

        assert [cache_states(), cache_states()] == ["MMMM", "HHHH"]
        assert purge(site, url=URL + purged).json["purged"] == 2 * after.count("M")
        assert cache_states() == after

    def test_removes_by_tag(self, site: Site) -> None:
        assert [states(site, tag="news,product:42"), states(site)] == ["MMMM", "HHHH"]
        assert purge(site, tag="product:4").json["purged"] == 0
        assert purge(site, tag=["product:42"]).json["purged"] == 8
        assert states(site) == "MMMM"

    def test_removes_a_page_sent_as_html_by_its_etag(self, site: Site) -> None:
        headers = {"X-Api-Key": CLIENT}
        one, other = ({"html": f"<p>{name}"} for name in ("one", "other"))
        etag, _ = (site.client.post("/thumb", json=page, headers=headers).headers["ETag"] for page in (one, other))
        site.client.post("/thumb", json={**one, "thumb_width": 320}, headers=headers)
        assert purge(site, etag=etag).json["purged"] == 3
        after = [site.client.post("/thumb", json=page, headers=headers).headers["X-Cache"] for page in (one, other)]
        assert after == ["MISS", "HIT"]

    def test_purges_a_denied_host(self) -> None:
        site = new_site(allow_hosts=("site.org",))
        assert purge(site, host="denied.org", url="https://denied.org/").status_code == 200

    def test_keeps_stored_thumbnails(self, site: Site) -> None:
        site.client.post("/persist", json={"url": URL}, headers={"X-Api-Key": CLIENT})
        assert purge(site, all=True).json["purged"] == 2
        assert len(list(site.storage.keys())) == 1

    def test_reports_counts_by_selector(self, site: Site) -> None:
        states(site)
        response = purge(site, host=["site.org", "site.org"], url=URL)
        assert response.json == {
            "purged": 6,
            "records": 3,
            "masters": 3,
            "selectors": [
                {"selector": "host", "value": "site.org", "purged": 6},
                {"selector": "url", "value": URL, "purged": 0},
            ],
        }
        assert response.headers["Cache-Control"] == "no-store"


class TestErrors:
    @pytest.mark.parametrize(
        ("members", "parameter", "message"),
        [
            ({}, "body", "must contain url, host, prefix, tag, etag"),
            ({"all": True, "url": URL}, "body", '"all": true alone'),
            ({"all": False}, "all", "must be true"),
            ({"urls": URL}, "urls", "use url, host, prefix, tag, etag, all"),
            ({"url": "example.com"}, "url", "must start with http"),
            ({"url": 5}, "url", "must be a text"),
            ({"url": [URL, None]}, "url", "must be a text"),
            ({"url": f"{URL}{'x' * MAX_TEXT}"}, "url", f"at most {MAX_TEXT}"),
            ({"host": "https://site.org"}, "host", "must be one host"),
            ({"host": "a b"}, "host", "must be one host"),
            ({"host": ""}, "host", "must be one host"),
            ({"prefix": "https://site.org/?a"}, "prefix", "must end in the path"),
            ({"prefix": "https://site.org/" + "a/" * 17}, "prefix", "at most 16 path segments"),
            ({"tag": "a b"}, "tag", "1 to 64 letters"),
            ({"etag": "x"}, "etag", "32 hex digits"),
            ({"tag": [str(number) for number in range(MAX_SELECTORS + 1)]}, "tag", f"at most {MAX_SELECTORS}"),
            (
                {name: [f"h{number}" for number in range(60)] for name in ("tag", "host")},
                "body",
                f"at most {MAX_SELECTORS}",
            ),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_rejects_mistakes_and_purges_nothing(
        self, site: Site, members: dict[str, Any], parameter: str, message: str
    ) -> None:
        states(site)
        mixed = members if "all" in members or not members else {**members, "tag": members.get("tag", "fine")}
        response = purge(site, **mixed)
        assert response.status_code == 400
        assert [error["parameter"] for error in response.json["errors"]] == [parameter]
        assert message in response.json["errors"][0]["message"]
        assert states(site) == "HHHH"

    @pytest.mark.parametrize(("key", "status"), [("", 401), ("x" * 32, 401), (CLIENT, 403)])
    def test_requires_an_admin_key(self, site: Site, key: str, status: int) -> None:
        assert purge(site, key, all=True).status_code == status

    def test_rejects_every_key_without_admin_keys(self) -> None:
        assert purge(Site(), all=True).status_code == 403

    def test_reports_a_cache_that_does_not_respond(self, site: Site) -> None:
        site.masters.unavailable = True
        response = purge(site, url=URL)
        assert (response.status_code, response.json["error"]) == (503, "backend-unavailable")

    def test_has_a_rate_limit_per_admin_key(self) -> None:
        site = new_site(rate_limits=RateLimits(purge="2 per hour"))
        responses = [purge(site, url=URL) for _ in range(3)]
        assert [response.status_code for response in responses] == [200, 200, 429]
        assert responses[0].headers["RateLimit-Policy"].startswith('"purge";q=2;')

    def test_can_be_closed(self) -> None:
        assert purge(new_site(rate_limits=RateLimits(purge="closed")), url=URL).status_code == 403


class TestTagOption:
    @pytest.mark.parametrize("tag", ["a" * 65, "a b", ",".join("abcdefghi"), "", "ä", "a,,b"])
    def test_rejects_other_texts(self, tag: str) -> None:
        response = Site().thumb(tag=tag)
        assert response.status_code == 400
        assert "up to 8 tags separated by commas" in response.json["detail"]

    def test_does_not_select_the_thumbnail(self) -> None:
        site = Site()
        assert [site.thumb(tag=tag).headers["X-Cache"] for tag in ("a", "b", "c, d")] == ["MISS", "HIT", "HIT"]
