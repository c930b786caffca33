"""The routes of schedules, over stores in SQLite and fake captures."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.web.schedules.conftest import URL, ScheduleSite
from tintype import imaging
from tintype.api_keys import ApiKey
from tintype.schedules.service import ScheduleLimits
from tintype.web.auth import Authenticator
from tintype.web.rate_limit import RateLimits
from tintype.web.schedules.bodies import MAX_RUN_PAGES


def messages(response: TestResponse) -> dict[str, str]:
    assert response.status_code == 400, response.text
    return {each["parameter"]: each["message"] for each in response.json["errors"]}


class TestCreate:
    def test_returns_201_with_the_schedule_and_its_location(self, site: ScheduleSite) -> None:
        response = site.create(name="front page", every="6h", threshold=0.5, ignore_regions=[[0, 0, 100, 50]])
        assert response.status_code == 201
        body = response.json
        assert response.headers["Location"] == body["links"]["schedule"] == f"http://localhost/schedules/{body['id']}"
        assert (body["name"], body["every"], body["cron"], body["threshold"]) == ("front page", "6h", None, 0.5)
        assert body["ignore_regions"] == [[0, 0, 100, 50]]
        assert body["job"] == {"pages": [URL]}
        assert (body["next_run_at"], body["last_run"], body["notify"]) == (body["created_at"], None, "changed")

    def test_cron_is_in_its_time_zone(self, site: ScheduleSite) -> None:
        body = site.create(cron="0 8 * * *", timezone="Asia/Kolkata").json
        assert body["next_run_at"].endswith("T02:30:00Z")
        assert (body["timezone"], body["every"]) == ("Asia/Kolkata", None)

    @pytest.mark.parametrize(
        ("members", "parameter"),
        [
            ({"every": "5m"}, "every"),
            ({"every": "1h", "cron": "0 8 * * *"}, "every"),
            ({"every": "1h", "timezone": "Europe/Vienna"}, "timezone"),
            ({"cron": "* * * * *"}, "cron"),
            ({"cron": "0 8 * * *", "timezone": "Mars"}, "timezone"),
            ({"notify": "sometimes"}, "notify"),
            ({"webhook": "https://a.org/"}, "webhook"),
            ({"webhook": {"url": "ftp://a.org/"}}, "webhook"),
            ({"threshold": 101}, "threshold"),
            ({"threshold": True}, "threshold"),
            ({"ignore_selectors": ".clock"}, "ignore_selectors"),
            ({"ignore_selectors": ["x" * 3000]}, "ignore_selectors"),
            ({"ignore_regions": [[0, 0, 0, 5]]}, "ignore_regions"),
            ({"ignore_regions": [[0, 0, 5]]}, "ignore_regions"),
            ({"ignore_regions": [["0", 0, 5, 5]]}, "ignore_regions"),
            ({"ignore_regions": [[0, 0, 5, 5]] * 51}, "ignore_regions"),
            ({"ignore_regions": [[0, 0, 5, 5]], "options": {"thumb_height": 300}}, "ignore_regions"),
            ({"paused": "yes"}, "paused"),
            ({"name": "n" * 101}, "name"),
            ({"name": 5}, "name"),
            ({"width": 800}, "width"),
            ({"store": False}, "store"),
            ({"page": URL, "pages": [URL]}, "page"),
            ({"page": "nonsense"}, "pages[0].url"),
            ({"pages": []}, "pages"),
            ({"options": {"format": "pdf"}}, "format"),
            ({"page": {"url": URL, "format": "json"}}, "format"),
            ({"options": {"width": "wide"}}, "pages[0].width"),
            ({"options": {"cookies": {"a": "b"}}}, "options.cookies"),
            ({"pages": [f"https://a.org/{number}" for number in range(1001)]}, "pages"),
        ],
    )
    def test_names_the_member_that_is_wrong(self, members: dict[str, Any], parameter: str, site: ScheduleSite) -> None:
        assert parameter in messages(site.create(**members))

    def test_sitemap_counts_as_its_largest_number_of_pages(self, open_site: Any) -> None:
        site = open_site(ScheduleLimits(pages=150))
        sitemap = {"sitemap": "https://a.org/sitemap.xml", "every": "1d"}
        response = site.client.post("/schedules", json=sitemap)
        assert response.status_code == 201, response.text
        assert response.json["job"]["max_pages"] == 100
        assert "at most 50 now" in messages(site.client.post("/schedules", json=sitemap))["max_pages"]
        changed = site.client.patch(f"/schedules/{response.json['id']}", json={"max_pages": 20, "include": "/blog/*"})
        assert changed.json["job"] == {"sitemap": "https://a.org/sitemap.xml", "max_pages": 20, "include": "/blog/*"}
        changed = site.client.patch(f"/schedules/{response.json['id']}", json={"page": URL})
        assert changed.json["job"] == {"pages": [URL]}
        assert "max_pages" in messages(site.client.post("/schedules", json={**sitemap, "max_pages": 1001}))

    def test_names_every_wrong_member_at_once(self, site: ScheduleSite) -> None:
        assert messages(site.create(every="x", threshold=-1, notify=3)).keys() == {"every", "threshold", "notify"}

    def test_needs_a_time(self, site: ScheduleSite) -> None:
        assert "15m to 30d" in messages(site.client.post("/schedules", json={"page": URL}))["every"]

    def test_rejects_more_schedules_than_the_limit(self, open_site: Any) -> None:
        site = open_site(ScheduleLimits(schedules=2))
        for _ in range(2):
            site.created()
        response = site.create()
        assert (response.status_code, "TINTYPE_SCHEDULES" in response.json["detail"]) == (400, True)

    def test_rejects_more_pages_than_all_schedules_may_have(self, open_site: Any) -> None:
        site = open_site(ScheduleLimits(pages=5))
        site.created(pages=[URL] * 3)
        assert "at most 2 now" in messages(site.create(pages=[URL] * 3))["pages"]
        site.created(pages=[URL] * 2)

    def test_counts_against_the_rate_limit_of_jobs(self, open_site: Any) -> None:
        site = open_site(rate_limits=RateLimits(jobs="1 per minute"))
        site.created()
        assert site.create().status_code == 429


class TestChange:
    def test_replaces_only_the_members_of_the_body(self, site: ScheduleSite) -> None:
        schedule = site.created(name="old", ignore_selectors=[".clock"], webhook={"url": "https://b.org/hook"})
        body = site.client.patch(f"/schedules/{schedule}", json={"name": "new", "threshold": 2}).json
        assert (body["name"], body["threshold"], body["every"]) == ("new", 2, "1h")
        assert (body["ignore_selectors"], body["webhook"]) == ([".clock"], {"url": "https://b.org/hook"})

    def test_keeps_the_next_time_unless_the_times_change(self, site: ScheduleSite) -> None:
        schedule = site.created(every="6h")
        site.run(schedule)
        before = site.report(schedule)["next_run_at"]
        assert site.client.patch(f"/schedules/{schedule}", json={"name": "x"}).json["next_run_at"] == before
        assert site.client.patch(f"/schedules/{schedule}", json={"every": "1h"}).json["next_run_at"] < before

    def test_cron_replaces_every_and_back(self, site: ScheduleSite) -> None:
        schedule = site.created(every="6h")
        body = site.client.patch(f"/schedules/{schedule}", json={"cron": "0 8 * * *", "timezone": "UTC"}).json
        assert (body["every"], body["cron"]) == (None, "0 8 * * *")
        body = site.client.patch(f"/schedules/{schedule}", json={"every": "1d"}).json
        assert (body["every"], body["cron"], body["timezone"]) == ("1d", None, None)

    def test_pauses_and_continues(self, site: ScheduleSite) -> None:
        schedule = site.created()
        site.run(schedule)
        body = site.client.patch(f"/schedules/{schedule}", json={"paused": True}).json
        assert (body["paused"], body["next_run_at"]) == (True, None)
        assert site.client.patch(f"/schedules/{schedule}", json={"paused": False}).json["next_run_at"]

    def test_empties_members(self, site: ScheduleSite) -> None:
        schedule = site.created(ignore_selectors=[".clock"], webhook={"url": "https://b.org/hook"})
        body = site.client.patch(f"/schedules/{schedule}", json={"ignore_selectors": [], "webhook": {}}).json
        assert (body["ignore_selectors"], body["webhook"]) == ([], None)

    def test_names_a_wrong_member(self, site: ScheduleSite) -> None:
        schedule = site.created()
        assert "every" in messages(site.client.patch(f"/schedules/{schedule}", json={"every": "1m"}))
        assert site.client.patch("/schedules/sch_none", json={"name": "x"}).status_code == 404

    def test_replaces_the_page(self, site: ScheduleSite) -> None:
        schedule = site.created()
        body = site.client.patch(f"/schedules/{schedule}", json={"pages": ["https://b.org/"]}).json
        assert body["job"] == {"pages": ["https://b.org/"]}


class TestRuns:
    def test_runs_list_each_page_with_its_change(self, site: ScheduleSite) -> None:
        schedule = site.created(name="watch")
        first = site.run(schedule)
        site.node.engine.shots += site.node.engine.shots * 100
        site.run(schedule)
        body = site.client.get(f"/schedules/{schedule}/runs").json
        assert ([run["changed"] for run in body["runs"]], body["next"]) == ([True, False], None)
        page = body["runs"][0]["pages"][0]
        assert (page["change"], page["changed"], page["url"]) == (100, True, URL)
        assert page["before_url"] == f"http://localhost/stored/{first.pages[0].key}"
        for link in ("stored_url", "difference_url"):
            assert site.client.get(page[link].removeprefix("http://localhost")).status_code == 200
        assert site.report(schedule)["last_run"]["change"] == 100

    def test_runs_are_paged(self, site: ScheduleSite) -> None:
        schedule = site.created()
        runs = [site.run(schedule).id for _ in range(3)]
        seen, before = [], ""
        while before is not None:
            body = site.client.get(f"/schedules/{schedule}/runs?limit=2&before={before}").json
            seen += [run["id"] for run in body["runs"]]
            before = body["next"]
        assert seen == runs[::-1]

    def test_one_run_has_all_pages_and_a_list_only_some(self, site: ScheduleSite) -> None:
        count = MAX_RUN_PAGES + 3
        schedule = site.created(pages=[f"https://a.org/{number}" for number in range(count)])
        run = site.run(schedule).id
        listed = site.client.get(f"/schedules/{schedule}/runs").json["runs"][0]
        assert (len(listed["pages"]), listed["total"]) == (MAX_RUN_PAGES, count)
        assert len(site.client.get(f"/schedules/{schedule}/runs/{run}").json["pages"]) == count
        assert site.client.get(f"/schedules/{schedule}/runs/none").status_code == 404

    def test_run_now_is_due_at_once(self, site: ScheduleSite) -> None:
        schedule = site.created(cron="0 8 * * *", paused=True)
        assert site.client.post(f"/schedules/{schedule}/run").status_code == 202
        assert site.run(schedule).status == "completed"
        assert site.report(schedule)["next_run_at"] is None

    def test_run_now_starts_no_second_run(self, site: ScheduleSite) -> None:
        schedule = site.created(every="1h")
        assert site.node.runner.start_due()
        response = site.client.post(f"/schedules/{schedule}/run")
        assert response.json["running"] == site.node.store.runs(schedule)[0].id
        assert response.json["last_run"]["status"] == "running"
        assert not site.node.runner.start_due()

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "colour=red"])
    def test_names_a_wrong_parameter(self, query: str, site: ScheduleSite) -> None:
        name = query.partition("=")[0]
        assert name in messages(site.client.get(f"/schedules/{site.created()}/runs?{query}"))


class TestPreview:
    def test_preview_shows_the_thumbnail_the_one_before_and_the_difference(self, site: ScheduleSite) -> None:
        schedule = site.created()
        site.run(schedule)
        site.node.engine.shots += site.node.engine.shots * 100
        run = site.run(schedule)
        path = f"/schedules/{schedule}/runs/{run.id}/pages/1/preview"
        for picture in ("thumbnail", "before", "difference"):
            response = site.client.get(f"{path}?of={picture}")
            assert (response.status_code, response.mimetype) == (200, "image/webp")
        large = site.client.get(f"{path}?size=large")
        assert imaging.size(large.data)[0] > imaging.size(site.client.get(path).data)[0]

    def test_preview_of_a_first_run_has_nothing_before(self, site: ScheduleSite) -> None:
        schedule = site.created()
        run = site.run(schedule)
        path = f"/schedules/{schedule}/runs/{run.id}/pages"
        assert site.client.get(f"{path}/1/preview?of=before").status_code == 404
        assert site.client.get(f"{path}/2/preview").status_code == 404

    def test_preview_names_a_wrong_parameter(self, site: ScheduleSite) -> None:
        schedule = site.created()
        path = f"/schedules/{schedule}/runs/{site.run(schedule).id}/pages/1/preview"
        assert "of" in messages(site.client.get(f"{path}?of=after"))
        assert "size" in messages(site.client.get(f"{path}?size=huge"))


class TestList:
    def test_list_is_paged_from_the_newest(self, site: ScheduleSite) -> None:
        created = [site.created(name=str(number)) for number in range(3)]
        body = site.client.get("/schedules?limit=2").json
        assert [each["id"] for each in body["schedules"]] == created[:0:-1]
        rest = site.client.get(f"/schedules?limit=2&before={body['next']}").json
        assert ([each["id"] for each in rest["schedules"]], rest["next"]) == (created[:1], None)


class TestDelete:
    def test_forgets_the_schedule(self, site: ScheduleSite) -> None:
        schedule = site.created()
        site.run(schedule)
        assert site.client.delete(f"/schedules/{schedule}").json == {"id": schedule, "deleted": True}
        assert site.client.get(f"/schedules/{schedule}").status_code == 404
        assert site.node.storage.keys() == []


class TestOwners:
    def test_owners_see_their_own_schedules_only(self, open_site: Any) -> None:
        keys = tuple(ApiKey.parse(text) for text in ("shop:" + "s" * 20, "blog:" + "b" * 20))
        site = open_site(authenticator=Authenticator(keys))
        shop, blog = ({"X-Api-Key": letter * 20} for letter in "sb")
        assert site.create().status_code == 401
        schedule = site.create(headers=shop).json["id"]
        for method, path in (
            ("GET", ""),
            ("GET", "/runs"),
            ("GET", "/runs/x"),
            ("GET", "/runs/x/pages/1/preview"),
            ("POST", "/run"),
            ("PATCH", ""),
            ("DELETE", ""),
        ):
            sent = {"method": method, "headers": blog, "json": {"name": "x"} if method == "PATCH" else None}
            assert site.client.open(f"/schedules/{schedule}{path}", **sent).status_code == 404
        assert site.client.get("/schedules", headers=blog).json["schedules"] == []
        assert [each["id"] for each in site.client.get("/schedules", headers=shop).json["schedules"]] == [schedule]

    def test_key_that_is_bound_to_hosts_watches_only_these(self, open_site: Any) -> None:
        key = ApiKey.parse("shop:" + "s" * 20 + ":hosts=a.org")
        site = open_site(authenticator=Authenticator((key,)))
        headers = {"X-Api-Key": "s" * 20}
        assert "pages[0]" in messages(site.create(headers=headers, page="https://b.org/"))
        assert site.create(headers=headers).status_code == 201
