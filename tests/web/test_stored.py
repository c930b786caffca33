"""Routes of operators for stored objects: list, delete, access and invalid parameters."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.access import HEADER, SHOP
from tests.web.conftest import URL, Site
from tintype.api_keys import ApiKey
from tintype.model import MetadataState
from tintype.service.stored_quota import StoredLimits
from tintype.web.auth import Authenticator

ADMIN_KEY = "an-admin-key-of-16"
ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture
def site() -> Site:
    return Site(authenticator=Authenticator(admin_keys=[ApiKey.parse(f"anna:{ADMIN_KEY}")]))


def get(site: Site, **query: Any) -> TestResponse:
    return site.client.get("/stored", query_string=query, headers=ADMIN)


def delete(site: Site, path: str = "/stored", **query: Any) -> TestResponse:
    return site.client.delete(path, query_string=query, headers=ADMIN)


def persist(site: Site, **members: Any) -> str:
    return str(site.persist(**members).json["key"])


class TestAccess:
    @pytest.mark.parametrize(("method", "path"), [("GET", "/stored"), ("DELETE", "/stored?host=site.org")])
    def test_requires_an_admin_key(self, site: Site, method: str, path: str) -> None:
        key = persist(site)
        for each in (path, f"/stored/{key}") if method == "DELETE" else (path,):
            for headers in ({}, {"X-Api-Key": "another-key-of-16"}):
                answer = site.client.open(each, method=method, headers=headers)
                assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")
        assert site.storage.keys() == [key]

    def test_answers_403_without_admin_keys_and_to_api_keys(self) -> None:
        for authenticator in (Authenticator(), Authenticator([SHOP], admin_keys=[ApiKey.parse(f"a:{ADMIN_KEY}")])):
            site = Site(authenticator=authenticator)
            for method, path in (("GET", "/stored"), ("DELETE", "/stored?host=a.org"), ("DELETE", "/stored/x")):
                answer = site.client.open(path, method=method, headers=HEADER)
                assert (answer.status_code, answer.json["error"]) == (403, "forbidden")

    def test_reading_one_object_stays_public(self, site: Site) -> None:
        assert site.client.get(f"/stored/{persist(site)}").status_code == 200


class TestList:
    def test_contains_key_url_size_type_and_time(self, site: Site) -> None:
        persisted = site.persist(thumb_width=320, format="webp").json
        answer = get(site)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        assert answer.json == {
            "objects": [
                {
                    "key": persisted["key"],
                    "url": persisted["url"],
                    "target": URL,
                    "bytes": persisted["bytes"],
                    "content_type": "image/webp",
                    "stored_at": "2023-11-14T22:13:20Z",
                    "verdict": "ok",
                    "metadata": "ok",
                }
            ],
            "next": None,
            "unknown_targets": 0,
        }

    def test_pages_by_cursor(self, site: Site) -> None:
        keys = sorted(persist(site, thumb_width=width) for width in (100, 200, 300))
        first = get(site, limit=2).json
        rest = get(site, limit=2, cursor=first["next"]).json
        assert [each["key"] for each in (*first["objects"], *rest["objects"])] == keys
        assert rest["next"] is None

    def test_finds_by_url_host_prefix_and_time(self, site: Site) -> None:
        key = persist(site, url="https://www.a.org/x?utm_source=y&b=1")
        persist(site, url="https://b.org/")
        later = site.clock() + 1
        for query in (
            {"url": "HTTPS://WWW.A.ORG:443/x?b=1&utm_medium=z#"},
            {"host": "WWW.a.org"},
            {"host": "*.a.org"},
            {"prefix": key[:30], "before": later},
        ):
            assert [each["key"] for each in get(site, **query).json["objects"]] == [key], query
        assert len(get(site, before=later).json["objects"]) == 2
        for before in (site.clock(), "2023-11-14", "2023-11-14T22:13:20Z", "2023-11-15T00:13:20+02:00"):
            assert get(site, before=before).json["objects"] == []

    def test_distinguishes_fragments(self, site: Site) -> None:
        keys = {url: persist(site, url=url) for url in (URL, f"{URL}#prices", f"{URL}#size")}
        for url, key in keys.items():
            assert [each["key"] for each in get(site, url=url).json["objects"]] == [key], url

    def test_finds_targets_that_are_denied_now(self, site: Site) -> None:
        key = persist(site)
        policy = site.application.request_parser.target_policy
        object.__setattr__(policy, "deny_hosts", ("site.org",))
        assert site.persist(fresh=True).status_code == 400
        assert [each["key"] for each in get(site, url=URL).json["objects"]] == [key]
        assert delete(site, host="site.org").json["deleted"] == 1

    def test_shows_damaged_metadata(self, site: Site) -> None:
        site.storage.damaged[persist(site)] = MetadataState.DAMAGED
        (found,) = get(site).json["objects"]
        assert (found["target"], found["verdict"], found["metadata"]) == (None, None, "damaged")
        assert get(site, host="site.org").json["unknown_targets"] == 1

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("limit", ["0", "1001", "-1", "1.5", "ten", "", "9" * 5000, "\u0663"]),
            ("cursor", ["x", "../../etc/passwd", "thumbs/", "9" * 5000]),
            ("before", ["soon", "-1", "2026-13-01", "nan", "inf", "1e5", "9" * 5000]),
            ("prefix", ["", "/", "thumbs", "thumbs/x", "thumbs/../", "THUMBS/", "thumbs/" + "a" * 5000]),
            ("url", ["", "site.org", "ftp://site.org/", "https://a@b/", "https://x/" + "y" * 3000]),
            ("host", ["", "https://site.org", "a b", "*", "*.", "a/b", "x" * 5000]),
            ("nonsense", ["1"]),
            ("dry_run", ["true"]),
        ],
    )
    def test_names_an_invalid_parameter(self, site: Site, name: str, values: list[str]) -> None:
        for value in values:
            answer = get(site, **{name: value})
            assert answer.status_code == 400, value[:40]
            assert [each["parameter"] for each in answer.json["errors"]] == [name], value[:40]

    def test_rejects_a_repeated_parameter(self, site: Site) -> None:
        answer = site.client.get("/stored?host=a.org&host=b.org", headers=ADMIN)
        assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (400, "host")

    def test_reports_a_storage_that_fails(self, site: Site) -> None:
        site.storage.error = "gone"
        assert get(site).status_code == 503
        assert delete(site, host="a.org").status_code == 503


class TestDelete:
    def test_removes_one_object_and_its_cached_thumbnail(self, site: Site) -> None:
        key = persist(site)
        answer = delete(site, f"/stored/{key}")
        assert (answer.status_code, answer.json["deleted"], answer.json["failed"]) == (200, 1, [])
        assert site.client.get(f"/stored/{key}").status_code == 404
        assert delete(site, f"/stored/{key}").status_code == 404
        assert site.thumb().headers["X-Cache"] == "MISS"

    @pytest.mark.parametrize("key", ["x", "..%2f..%2fetc%2fpasswd", f"thumbs/{'0' * 64}-{'0' * 64}.png"])
    def test_returns_404_for_an_unknown_key(self, site: Site, key: str) -> None:
        assert delete(site, f"/stored/{key}").status_code == 404

    def test_removes_what_matches(self, site: Site) -> None:
        for width in (100, 200, 300):
            persist(site, thumb_width=width)
        kept = persist(site, url="https://b.org/")
        planned = delete(site, host="site.org", dry_run="true").json
        assert (planned["deleted"], planned["dry_run"], len(site.storage.keys())) == (3, True, 4)
        done = delete(site, host="site.org").json
        assert dict(done or {}) | {"dry_run": True} == planned
        assert site.storage.keys() == [kept]

    def test_requires_a_condition(self, site: Site) -> None:
        persist(site)
        for query in ({}, {"limit": 5}, {"dry_run": "1"}):
            answer = delete(site, **query)
            assert (answer.status_code, answer.json["errors"][0]["parameter"]) == (400, "query")
        assert delete(site, prefix="thumbs/").json["deleted"] == 1

    def test_reports_what_was_not_deleted(self, site: Site) -> None:
        key = persist(site)
        site.storage.undeletable.add(key)
        done = delete(site, host="site.org").json
        assert (done["deleted"], done["failed"]) == (0, [key])


def test_full_storage_is_a_problem_without_a_retry(site: Site) -> None:
    site.service.stored.quota._limits = StoredLimits(max_objects=1)
    first = persist(site)
    answer = site.persist(url="https://b.org/")
    assert (answer.status_code, answer.json["error"]) == (507, "storage-full")
    assert "Retry-After" not in answer.headers
    assert "TINTYPE_STORED_OBJECTS" in answer.json["detail"]
    assert site.engine.capture_count == 1, "nothing was captured in vain"
    assert site.persist().json["cached"], "what is stored is still returned"
    delete(site, f"/stored/{first}")
    assert site.persist(url="https://b.org/").status_code == 200
