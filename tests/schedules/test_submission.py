"""Specifications and the jobs of their runs; the members that are wrong are in the tests of the routes."""

from __future__ import annotations

from typing import Any

import pytest

from tintype.errors import HostNotAllowed, InvalidRequest
from tintype.jobs.submission import SubmissionParser
from tintype.model import Freshness
from tintype.request_parser import RequestParser
from tintype.schedules.model import ScheduleSpec
from tintype.schedules.submission import MAX_SCHEDULE_PAGES, UNUSABLE, ScheduleParser, to_job, to_members
from tintype.urls import TargetPolicy

URL = "https://a.org/"
PARSER = ScheduleParser(
    SubmissionParser(RequestParser(TargetPolicy(), Freshness(max_age=60), max_ttl=60), MAX_SCHEDULE_PAGES)
)


def parsed(**members: Any) -> ScheduleSpec:
    defaults: dict[str, Any] = {"page": URL, "every": "1h"}
    if "pages" in members:
        defaults.pop("page")
    return PARSER.parse({**defaults, **members}, check_host=lambda _: None)


class TestJob:
    def test_stores_thumbnails_and_fails_for_unusable_captures(self) -> None:
        assert to_job(parsed(name="front")) == {
            "pages": [URL],
            "options": {"fail_on": UNUSABLE},
            "store": True,
            "name": "front",
        }

    def test_keeps_what_the_client_sets(self) -> None:
        job = to_job(parsed(options={"fail_on": ["error"], "width": 800}))
        assert job["options"] == {"fail_on": ["error"], "width": 800}

    def test_hides_ignored_elements_beside_hidden_ones(self) -> None:
        pages = [URL, {"url": URL, "hide_selectors": ".a"}, {"url": URL, "hide_selectors": [".b", ".c"]}]
        job = to_job(parsed(pages=pages, options={"hide_selectors": ".d"}, ignore_selectors=[".clock"]))
        assert job["options"]["hide_selectors"] == [".d", ".clock"]
        assert [each["hide_selectors"] for each in job["pages"][1:]] == [[".a", ".clock"], [".b", ".c", ".clock"]]

    def test_job_is_accepted_as_one_of_a_client(self) -> None:
        spec = parsed(ignore_selectors=["#a", "b > c"], options={"full_page": True})
        PARSER._jobs.parse(to_job(spec), owner="", check_host=lambda _: None)


class TestMembers:
    @pytest.mark.parametrize(
        "members",
        [
            {"page": URL, "every": "15m"},
            {"pages": [URL, {"url": URL, "width": 800}], "every": "30d", "notify": "always", "threshold": 0},
            {"pages": [URL], "cron": "0 8 * * *", "timezone": "Europe/Vienna", "paused": True, "name": "n"},
            {"sitemap": "https://a.org/", "every": "2h", "include": ["/blog/*"], "options": {"width": 800}},
            {"page": URL, "every": "90m", "webhook": {"url": "https://b.org/"}, "ignore_regions": [[0, 0.5, 5, 5]]},
        ],
    )
    def test_create_the_same_schedule(self, members: dict[str, Any]) -> None:
        spec = PARSER.parse(members, check_host=lambda _: None)
        assert PARSER.parse(to_members(spec), check_host=lambda _: None) == spec
        assert ScheduleSpec.from_json(spec.to_json()) == spec


def test_hosts_are_those_of_the_api_key() -> None:
    def reject(host: str) -> None:
        raise HostNotAllowed(f"not {host}")

    with pytest.raises(InvalidRequest, match=r"not a\.org"):
        PARSER.parse({"page": URL, "every": "1h"}, check_host=reject)


def test_webhook_is_checked() -> None:
    def reject(url: str, owner: str) -> None:
        raise ValueError(f"no secret of {owner} for {url}")

    parser = ScheduleParser(PARSER._jobs, reject)
    members = {"page": URL, "every": "1h", "webhook": {"url": "https://b.org/"}}
    with pytest.raises(InvalidRequest, match=r"webhook: no secret of shop for https://b\.org/"):
        parser.parse(members, check_host=lambda _: None, owner="shop")
