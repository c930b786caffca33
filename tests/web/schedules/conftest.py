"""A site with schedules, whose runs are made step by step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.schedules import ScheduleHarness
from tests.web.conftest import Site
from tintype.schedules.model import Run
from tintype.schedules.service import ScheduleLimits

URL = "https://a.org/"
DEFAULTS = ScheduleLimits()


@dataclass(kw_only=True)
class ScheduleSite(Site):
    """A site whose schedules are those of a node; its runs are made step by step."""

    node: ScheduleHarness

    def _app(self) -> Any:
        self.schedules = self.node.schedules
        self.service = self.node.service
        return super()._app()

    def create(self, headers: dict[str, str] | None = None, **members: Any) -> TestResponse:
        times = {} if {"every", "cron"} & members.keys() else {"every": "1h"}
        pages = {} if {"page", "pages"} & members.keys() else {"page": URL}
        return self.client.post("/schedules", json={**pages, **times, **members}, headers=headers)

    def created(self, **members: Any) -> str:
        response = self.create(**members)
        assert response.status_code == 201, response.text
        return str(response.json["id"])

    def report(self, schedule: str) -> dict[str, Any]:
        return dict(self.client.get(f"/schedules/{schedule}").json or {})

    def run(self, schedule: str) -> Run:
        found = self.node.store.schedule(schedule)
        assert found
        return self.node.run(found)


@pytest.fixture
def open_site(tmp_path: Path) -> Any:
    def build(limits: ScheduleLimits = DEFAULTS, **fields: Any) -> ScheduleSite:
        node = ScheduleHarness(tmp_path, limits=limits)
        return ScheduleSite(node=node, **fields)

    return build


@pytest.fixture
def site(open_site: Any) -> ScheduleSite:
    return open_site()
