"""The routes of jobs, over a store in SQLite and fake captures."""

from __future__ import annotations

import json
import re
import zipfile
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.access import SIGNATURES
from tests.support.concurrency import eventually
from tests.web.conftest import Site
from tests.web.jobs.conftest import PAGES, JobSite
from tintype.api_keys import ApiKey
from tintype.errors import BackendUnavailable
from tintype.jobs import service
from tintype.web.auth import Authenticator
from tintype.web.jobs.views import MAX_WATCHERS_PER_CLIENT


def messages(response: TestResponse) -> dict[str, str]:
    assert response.status_code == 400, response.text
    return {each["parameter"]: each["message"] for each in response.json["errors"]}


class TestSubmit:
    def test_returns_202_with_the_job_and_its_location(self, site: JobSite) -> None:
        response = site.submit(name="homepages")
        assert response.status_code == 202
        assert response.headers["Location"] == f"http://localhost/jobs/{response.json['id']}"
        assert response.headers["Cache-Control"] == "no-store"
        assert (response.json["name"], response.json["status"]) == ("homepages", "queued")
        assert response.json["progress"] == {
            "total": 3, "queued": 3, "running": 0, "captured": 0, "failed": 0, "cancelled": 0, "percentage": 0.0,
        }  # fmt: skip

    def test_limits_the_options_that_pages_add_to_those_of_all(self, site: JobSite) -> None:
        pages = [{"url": f"https://a.org/{number}", "width": 400 + number % 100} for number in range(400)]
        response = site.submit(*pages, options={"css": "a" * 50_000})
        assert messages(response)["pages"].startswith("have more than 16 MB of options")
        assert site.submit(*[each["url"] for each in pages], options={"css": "a" * 50_000}).status_code == 202

    def test_reports_every_mistake_with_the_index_of_its_page(self, site: JobSite) -> None:
        pages = ["nonsense", {"url": "https://a.org/", "widht": 3}, 5, {"width": 400}]
        found = messages(site.submit("https://a.org/", *pages))
        assert sorted(found) == ["pages[1].url", "pages[2].widht", "pages[3]", "pages[4].url"]

    def test_reports_a_wrong_option_for_all_pages(self, site: JobSite) -> None:
        assert "width" in str(messages(site.submit(options={"width": "wide"})))

    def test_takes_the_valid_pages_with_partial_ok(self, site: JobSite) -> None:
        response = site.submit("https://a.org/", "nonsense", partial_ok=True)
        assert response.status_code == 202
        assert response.json["progress"]["total"] == 1
        assert [each["parameter"] for each in response.json["skipped"]] == ["pages[1].url"]

    @pytest.mark.parametrize(
        ("members", "parameter"),
        [
            ({"pages": []}, "pages"),
            ({"pages": "https://a.org/"}, "pages"),
            ({"pages": PAGES, "store": "yes"}, "store"),
            ({"pages": PAGES, "name": "n" * 101}, "name"),
            ({"pages": PAGES, "width": 400}, "width"),
            ({"pages": PAGES, "options": []}, "options"),
            ({"pages": PAGES, "options": {"cookies": {"a": "b"}}}, "options.cookies"),
            ({"pages": [{"url": "https://a.org/", "basic_auth": "a:b"}]}, "pages[0].basic_auth"),
            ({"pages": [{"html": "<p>"}]}, "pages[0].html"),
            ({"pages": PAGES, "options": {"html": "<p>"}}, "options.html"),
            ({"pages": PAGES, "options": {"url": "https://a.org/"}}, "options.url"),
        ],
    )
    def test_names_the_member_that_is_wrong(self, members: dict[str, Any], parameter: str, site: JobSite) -> None:
        assert parameter in messages(site.client.post("/jobs", json=members))

    def test_same_idempotency_key_returns_the_same_job(self, site: JobSite) -> None:
        headers = {"Idempotency-Key": "order-66"}
        first, second = site.submit(headers=headers), site.submit(headers=headers)
        assert first.json["id"] == second.json["id"]
        conflict = site.submit("https://other.org/", headers=headers)
        assert (conflict.status_code, conflict.json["error"]) == (422, "idempotency-conflict")

    def test_rejects_more_pages_than_the_queue_has_room_for(self, open_site: Any) -> None:
        site = open_site(queue=4)
        site.job()
        response = site.submit()
        assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
        assert "at most 1 more" in response.json["detail"]


class TestSitemap:
    def test_reads_nothing_before_the_response(self, site: JobSite) -> None:
        members = {"sitemap": "https://a.org", "include": "/blog/*", "max_pages": 7, "options": {"width": 400}}
        response = site.client.post("/jobs", json=members)
        assert response.status_code == 202, response.text
        assert response.json["progress"]["total"] == 1
        assert response.json["sitemap"] == {
            "url": "https://a.org/", "read": False, "include": ["/blog/*"], "exclude": [], "max_pages": 7, "found": 0,
            "duplicates": 0, "invalid": 0, "excluded": 0, "disallowed": 0, "truncated": False, "left_out": [],
            "failures": [],
        }  # fmt: skip
        assert site.report(site.job())["sitemap"] is None

    @pytest.mark.parametrize(
        ("members", "parameter"),
        [
            ({"sitemap": 5}, "sitemap"),
            ({"sitemap": "nonsense"}, "sitemap"),
            ({"sitemap": "https://a.org/", "pages": PAGES}, "sitemap"),
            ({"sitemap": "https://a.org/", "max_pages": 0}, "max_pages"),
            ({"sitemap": "https://a.org/", "max_pages": 10_001}, "max_pages"),
            ({"sitemap": "https://a.org/", "max_pages": True}, "max_pages"),
            ({"sitemap": "https://a.org/", "include": [""]}, "include"),
            ({"sitemap": "https://a.org/", "exclude": ["*"] * 51}, "exclude"),
            ({"sitemap": "https://a.org/", "options": {"width": 1}}, "options.width"),
            ({"pages": PAGES, "include": ["/blog/*"]}, "include"),
            ({}, "pages"),
        ],
    )
    def test_names_the_member_that_is_wrong(self, members: dict[str, Any], parameter: str, site: JobSite) -> None:
        assert parameter in messages(site.client.post("/jobs", json=members))

    def test_inner_address_is_denied_at_once(self, site: JobSite) -> None:
        response = site.client.post("/jobs", json={"sitemap": "http://169.254.169.254/sitemap.xml"})
        assert (response.status_code, response.json["error"]) == (400, "target-denied")


class TestList:
    def listed(self, site: JobSite, query: str) -> list[str]:
        response = site.client.get(f"/jobs?{query}")
        assert response.status_code == 200, response.text
        return [each["id"] for each in response.json["jobs"]]

    def test_filters_by_state_and_name(self, site: JobSite) -> None:
        news, shop = site.job(name="news"), site.job(name="shop")
        site.client.delete(f"/jobs/{news}")
        other = site.job(name="news")
        assert self.listed(site, "") == [other, shop, news]
        assert self.listed(site, "status=cancelled") == [news]
        assert self.listed(site, "name=news") == [other, news]
        assert self.listed(site, "name=news&status=queued") == [other]

    def test_pages_lead_to_every_job_once(self, site: JobSite) -> None:
        jobs = [site.job("https://a.org/", name="even" if number % 2 else "odd") for number in range(5)]
        for query, expected in (("", jobs[::-1]), ("name=odd&", jobs[::-2])):
            seen, before = [], ""
            while before is not None:
                body = site.client.get(f"/jobs?{query}limit=1&before={before}").json
                seen += [each["id"] for each in body["jobs"]]
                before = body["next"]
            assert seen == expected

    def test_examines_a_bounded_number_of_jobs(self, site: JobSite, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MAX_EXAMINED", 2)
        first = site.job(name="first")
        for _ in range(3):
            site.job()
        body = site.client.get("/jobs?name=first&limit=1").json
        assert (body["jobs"], bool(body["next"])) == ([], True)
        assert self.listed(site, f"name=first&limit=1&before={body['next']}") == [first]

    @pytest.mark.parametrize("query", ["status=lost", "limit=0", "limit=1001", "owner=shop"])
    def test_names_a_wrong_parameter(self, query: str, site: JobSite) -> None:
        assert query.split("=", maxsplit=1)[0] in messages(site.client.get(f"/jobs?{query}"))


class TestCapture:
    def test_stores_the_thumbnails(self, site: JobSite) -> None:
        job = site.job(options={"thumb_width": 320})
        assert site.finished(job)["status"] == "completed"
        pages = site.client.get(f"/jobs/{job}/pages").json["pages"]
        assert [(page["number"], page["url"], page["status"]) for page in pages] == [
            (number, url, "captured") for number, url in enumerate(PAGES, 1)
        ]
        assert {page["width"] for page in pages} == {320}
        assert len(site.storage._objects) == 3

    def test_only_caches_without_store(self, site: JobSite) -> None:
        job = site.job("https://a.org/", store=False)
        assert site.finished(job)["status"] == "completed"
        assert site.storage._objects == {}
        assert site.thumb("https://a.org/").headers["X-Cache"] == "HIT"
        assert site.client.get(f"/jobs/{job}/archive").status_code == 404

    def test_reports_the_error_of_a_page(self, site: JobSite) -> None:
        job = site.job("https://a.org/", options={"fail_on": "error"})
        site.engine.status = 500
        assert site.finished(job)["status"] == "failed"
        page = site.client.get(f"/jobs/{job}/pages?status=failed").json["pages"][0]
        assert (page["error"], page["stored_url"]) == ("target-error", None)

    def test_retry_captures_a_page_whose_error_is_cached(self, site: JobSite) -> None:
        job = site.job("https://a.org/", options={"fail_on": "error"})
        site.engine.status = 500
        assert site.finished(job)["status"] == "failed"
        site.engine.status = 200
        site.clock.now += 1
        assert site.client.post(f"/jobs/{job}/retry").json["pages"] == 1
        assert eventually(lambda: site.report(job)["status"] == "completed")


class TestPages:
    def test_pages_of_a_job_are_listed(self, site: JobSite) -> None:
        job = site.job(*[f"https://a.org/{number}" for number in range(5)])
        seen, after = [], 0
        while after is not None:
            body = site.client.get(f"/jobs/{job}/pages?limit=2&after={after}").json
            seen += [page["number"] for page in body["pages"]]
            after = body["next"]
        assert seen == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("query", ["limit=0", "limit=x", "after=-1", "status=lost", "colour=red"])
    def test_name_a_wrong_parameter(self, query: str, site: JobSite) -> None:
        assert query.split("=", maxsplit=1)[0] in messages(site.client.get(f"/jobs/{site.job()}/pages?{query}"))


class TestPreview:
    def test_preview_is_an_image_of_a_captured_page(self, site: JobSite) -> None:
        job = site.job()
        site.finished(job)
        assert site.client.get(f"/jobs/{job}/pages/3/preview").mimetype == "image/webp"

    @pytest.mark.parametrize("number", [0, 4, 99_999])
    def test_preview_needs_a_page_of_the_job(self, number: int, site: JobSite) -> None:
        assert site.client.get(f"/jobs/{site.job()}/pages/{number}/preview").status_code == 404


class TestEvents:
    def test_end_with_the_job(self, site: JobSite) -> None:
        job = site.job()
        site.finished(job)
        response = site.client.get(f"/jobs/{job}/events")
        assert response.mimetype == "text/event-stream"
        events = [part for part in response.text.split("\n\n") if part.startswith("event: ")]
        assert [event.splitlines()[0] for event in events] == ["event: end"]
        assert json.loads(events[0].splitlines()[1].removeprefix("data: "))["status"] == "completed"

    def test_streams_of_one_client_are_limited(self, site: JobSite) -> None:
        job = site.job()
        streams = [site.client.get(f"/jobs/{job}/events", buffered=False) for _ in range(MAX_WATCHERS_PER_CLIENT)]
        assert site.client.get(f"/jobs/{job}/events").status_code == 429
        for stream in streams:
            stream.close()
        site.finished(job)
        assert site.client.get(f"/jobs/{job}/events").status_code == 200

    def test_events_of_a_cancelled_job_end_with_its_last_page(self, site: JobSite) -> None:
        job = site.job()
        site.engine.released.clear()
        site.jobs.start()
        try:
            assert eventually(lambda: site.report(job)["progress"]["running"])
            site.client.delete(f"/jobs/{job}")
            stream = site.client.get(f"/jobs/{job}/events", buffered=False).iter_encoded()
            assert next(stream).startswith(b"retry: ")
            assert next(stream).startswith(b"event: progress")
        finally:
            site.engine.released.set()
        assert [event.splitlines()[0] for event in stream][-1] == b"event: end"


class TestArchive:
    def test_holds_every_thumbnail_and_an_index(self, site: JobSite) -> None:
        job = site.job()
        site.finished(job)
        response = site.client.get(f"/jobs/{job}/archive")
        assert response.mimetype == "application/zip"
        with zipfile.ZipFile(BytesIO(response.data)) as archive:
            assert archive.testzip() is None
            index = json.loads(archive.read("index.json"))
            assert [page["file"] for page in index["pages"]] == [
                "00001-a-org.png",
                "00002-b-org-path.png",
                "00003-c-org.png",
            ]
            images = [archive.read(page["file"]) for page in index["pages"]]
            assert sorted(images) == sorted(stored.body for stored in site.storage._objects.values())
            assert b"00002-b-org-path.png" in archive.read("index.html")


class TestCancel:
    def test_cancels_then_forgets(self, site: JobSite) -> None:
        job = site.job()
        assert site.client.delete(f"/jobs/{job}").json == {"id": job, "pages": 3}
        assert site.report(job)["status"] == "cancelled"
        assert site.client.delete(f"/jobs/{job}").json == {"id": job, "pages": 0}
        assert site.client.get(f"/jobs/{job}").status_code == 404


class TestOwners:
    def test_see_their_own_jobs_only(self, open_site: Any) -> None:
        keys = tuple(ApiKey.parse(text) for text in ("shop:" + "s" * 20, "blog:" + "b" * 20))
        site = open_site(authenticator=Authenticator(keys))
        shop, blog = ({"X-Api-Key": letter * 20} for letter in "sb")
        assert site.submit().status_code == 401
        job = site.submit(headers=shop).json["id"]
        assert site.client.get(f"/jobs/{job}", headers=shop).status_code == 200
        for path in (f"/jobs/{job}{part}" for part in ("", "/pages", "/pages/1/preview", "/archive")):
            assert site.client.get(path, headers=blog).status_code == 404
        assert site.client.delete(f"/jobs/{job}", headers=blog).status_code == 404
        assert site.client.get("/jobs", headers=blog).json["jobs"] == []
        assert [each["id"] for each in site.client.get("/jobs", headers=shop).json["jobs"]] == [job]


class TestPageOfJobs:
    def test_page_is_linked_from_the_playground(self, site: JobSite) -> None:
        assert 'href="playground/jobs"' in site.client.get("/").text
        page = site.client.get("/playground/jobs")
        assert "Content-Security-Policy" in page.headers
        assert 'id="key"' not in page.text

    def test_every_file_of_the_page_exists(self, site: JobSite) -> None:
        text = site.client.get("/playground/jobs").text
        files = re.findall(r'"\.\./(static/[^"]+)"', text)
        assert any(name.endswith("jobs.js") for name in files)
        assert {site.client.get(f"/{name}").status_code for name in files} == {200}

    def test_page_has_no_options_that_no_job_accepts(self, site: JobSite) -> None:
        text = site.client.get("/playground/jobs").text
        assert 'name="thumb_width"' in text
        assert [name for name in ("html", "headers", "cookies", "basic_auth") if f'name="{name}"' in text] == []

    def test_asks_for_a_key_if_keys_are_configured(self, open_site: Any) -> None:
        site = open_site(authenticator=Authenticator([ApiKey.parse("shop:" + "s" * 20)]))
        assert 'id="key"' in site.client.get("/playground/jobs").text

    def test_page_is_absent_without_jobs(self) -> None:
        site = Site()
        assert "playground/jobs" not in site.client.get("/").text
        assert site.client.get("/playground/jobs").status_code == 404

    def test_page_is_absent_if_only_signed_urls_are_accepted(self, open_site: Any) -> None:
        site = open_site(authenticator=Authenticator((), SIGNATURES))
        assert "playground/jobs" not in site.client.get("/").text
        assert site.client.get("/playground/jobs").status_code == 404


class TestReadiness:
    def test_warns_of_a_queue_that_no_process_works(self, site: JobSite, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "STATE_SECONDS", 0.0)
        site.submit()
        assert site.client.get("/ready").json["warnings"] == []
        site.clock.advance(90)
        response = site.client.get("/ready")
        assert response.status_code == 200
        assert response.json["warnings"][0].startswith(
            "jobs: 3 pages are queued, and no process has looked for one for 90 s"
        )

    def test_warns_no_more_once_the_queue_is_worked(self, site: JobSite, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "STATE_SECONDS", 0.0)
        job = site.job()
        site.clock.advance(90)
        site.finished(job)
        assert site.client.get("/ready").json["warnings"] == []

    def test_warns_while_the_store_fails(self, site: JobSite, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> None:
            raise BackendUnavailable

        monkeypatch.setattr(site.jobs, "state", fail)
        assert site.client.get("/ready").json["warnings"] == ["jobs: their store does not respond; see the log"]

    def test_probes_cause_one_query_of_the_store(self, site: JobSite, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []
        read = site.jobs._store.state
        monkeypatch.setattr(site.jobs._store, "state", lambda: asked.append(1) or read())
        for _ in range(4):
            site.client.get("/ready")
            site.jobs.figures()
        assert len(asked) == 1
