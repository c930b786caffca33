"""Routes of schedules: create, list, report, change, delete, run now; runs of a schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from flask import Blueprint, Request, Response, jsonify, request

from tintype.errors import InvalidParameter, InvalidRequest, NotFound
from tintype.schedules.model import Schedule
from tintype.schedules.service import ScheduleService
from tintype.schedules.submission import MAX_SCHEDULE_PAGES
from tintype.service.stored_objects import StoredObjects
from tintype.web import query_values, raw_params, request_log
from tintype.web.auth import Authenticator
from tintype.web.bodies import JsonBody
from tintype.web.jobs import preview
from tintype.web.jobs.preview import PreviewDrawer
from tintype.web.rate_limit import RateLimiter
from tintype.web.request_body import BodyReader
from tintype.web.schedules.bodies import (
    MAX_RUN_PAGES,
    RunList,
    RunReport,
    ScheduleList,
    ScheduleRemoval,
    ScheduleReport,
)

MAX_SCHEDULE_BODY = 1 << 20
"""Bytes of a schedule; each claim of a run reads it."""
DEFAULT_SCHEDULES, MAX_SCHEDULES = 50, 100
DEFAULT_RUNS, MAX_RUNS = 30, 100
"""Entries of a list in one response."""
PICTURES = {"thumbnail": "key", "before": "before", "difference": "difference"}
"""Images of a page of a run, and their attributes; the first is the default."""
SIZES = {"small": preview.SMALL, "large": preview.LARGE}
_Choice = TypeVar("_Choice")


@dataclass(frozen=True, slots=True)
class SchedulesView:
    """The views of schedules. ``base_url`` returns the base of URLs in responses."""

    schedules: ScheduleService
    stored: StoredObjects
    authenticator: Authenticator
    rate_limiter: RateLimiter
    body_reader: BodyReader
    preview_drawer: PreviewDrawer
    base_url: Callable[[Request], str]

    def create(self) -> tuple[Response, int, dict[str, str]]:
        """``POST /schedules``: 201 with the new schedule."""
        credential = self.authenticator.authenticate(request)
        self.rate_limiter.check_jobs(request, credential.key_name)
        schedule = self.schedules.create(
            self._members(),
            owner=credential.key_name,
            check_host=lambda host: self.authenticator.check_host(credential, host),
            base_url=self.base_url(request),
        )
        request_log.bind(schedule=schedule.id)
        location = f"{self.base_url(request)}/schedules/{schedule.id}"
        return self._report(schedule), HTTPStatus.CREATED, {"Location": location}

    def list(self) -> Response:
        """``GET /schedules``: the client's schedules, newest first."""
        owner, texts = self.authenticator.owner_of(request), query_values.parameters("before", "limit")
        limit = query_values.number(texts, "limit", DEFAULT_SCHEDULES, 1, MAX_SCHEDULES)
        found = self.schedules.schedules(owner, before=texts.get("before", ""), limit=limit + 1)
        reports = [self._report_of(schedule) for schedule in found[:limit]]
        return _uncached(ScheduleList(schedules=reports, next=reports[-1].id if len(found) > limit else None))

    def report(self, schedule_id: str) -> Response:
        """``GET /schedules/<id>``."""
        query_values.parameters()
        return self._report(self._schedule(schedule_id))

    def update(self, schedule_id: str) -> Response:
        """``PATCH /schedules/<id>``: replace the members that the body has."""
        credential = self.authenticator.authenticate(request)
        schedule = self._schedule(schedule_id)
        self.rate_limiter.check_jobs(request, credential.key_name)
        changed = self.schedules.update(
            schedule, self._members(), check_host=lambda host: self.authenticator.check_host(credential, host)
        )
        return self._report(changed)

    def delete(self, schedule_id: str) -> Response:
        """``DELETE /schedules/<id>``: forget a schedule, its runs and their stored pictures."""
        schedule = self._schedule(schedule_id)
        self.schedules.delete(schedule)
        return _uncached(ScheduleRemoval(id=schedule.id, deleted=True))

    def run_now(self, schedule_id: str) -> tuple[Response, int]:
        """``POST /schedules/<id>/run``: make it due now, unless a run is in progress; 202."""
        schedule = self._schedule(schedule_id)
        self.rate_limiter.check_jobs(request, schedule.owner)
        return self._report(self.schedules.run_now(schedule)), HTTPStatus.ACCEPTED

    def runs(self, schedule_id: str) -> Response:
        """``GET /schedules/<id>/runs``: newest first."""
        schedule, texts = self._schedule(schedule_id), query_values.parameters("before", "limit")
        limit = query_values.number(texts, "limit", DEFAULT_RUNS, 1, MAX_RUNS)
        found = self.schedules.runs(schedule, before=texts.get("before", ""), limit=limit + 1)
        base = self.base_url(request)
        reports = [RunReport.of(run, base, self._url_of, limit=MAX_RUN_PAGES) for run in found[:limit]]
        return _uncached(RunList(runs=reports, next=reports[-1].id if len(found) > limit else None))

    def run(self, schedule_id: str, run_id: str) -> Response:
        """``GET /schedules/<id>/runs/<run>``: a run with all its pages."""
        query_values.parameters()
        run = self.schedules.run(self._schedule(schedule_id), run_id[:64])
        return _uncached(RunReport.of(run, self.base_url(request), self._url_of))

    def preview(self, schedule_id: str, run_id: str, number: int) -> Response:
        """``GET /schedules/<id>/runs/<run>/pages/<number>/preview``: a small image of a page, or of its change."""
        texts = query_values.parameters("of", "size")
        picture, size = _choice(texts, "of", PICTURES), _choice(texts, "size", SIZES)
        run = self.schedules.run(self._schedule(schedule_id), run_id[:64])
        page = next((each for each in run.pages if each.number == number), None)
        key = getattr(page, picture, "")
        if page is None or not key:
            raise NotFound("the run has no such image of a page with this number")
        return self.preview_drawer.respond_stored(key, page.width * page.height, request, size)

    def _members(self) -> dict[str, object]:
        return raw_params.body_members(
            request, self.body_reader, max_bytes=MAX_SCHEDULE_BODY, max_entries=MAX_SCHEDULE_PAGES + 1
        )

    def _report(self, schedule: Schedule) -> Response:
        return _uncached(self._report_of(schedule))

    def _report_of(self, schedule: Schedule) -> ScheduleReport:
        last = self.schedules.runs(schedule, before="", limit=1)
        return ScheduleReport.of(schedule, last[0] if last else None, self.base_url(request), self._url_of)

    def _url_of(self, key: str) -> str:
        url = self.stored.url(key)
        return f"{self.base_url(request)}{url}" if url.startswith("/") else url

    def _schedule(self, schedule_id: str) -> Schedule:
        return self.schedules.schedule(schedule_id[:64], self.authenticator.owner_of(request))


def blueprint(view: SchedulesView) -> Blueprint:
    """The routes."""
    routes = Blueprint("schedules", __name__)
    for path, function, method in (
        ("/schedules", view.create, "POST"),
        ("/schedules", view.list, "GET"),
        ("/schedules/<schedule_id>", view.report, "GET"),
        ("/schedules/<schedule_id>", view.update, "PATCH"),
        ("/schedules/<schedule_id>", view.delete, "DELETE"),
        ("/schedules/<schedule_id>/run", view.run_now, "POST"),
        ("/schedules/<schedule_id>/runs", view.runs, "GET"),
        ("/schedules/<schedule_id>/runs/<run_id>", view.run, "GET"),
        ("/schedules/<schedule_id>/runs/<run_id>/pages/<int:number>/preview", view.preview, "GET"),
    ):
        routes.add_url_rule(path, view_func=function, methods=[method])
    return routes


def _choice(texts: dict[str, str], name: str, choices: dict[str, _Choice]) -> _Choice:
    text = texts.get(name, next(iter(choices)))
    if text not in choices:
        raise InvalidRequest(InvalidParameter(name, f"must be {' or '.join(choices)}"))
    return choices[text]


def _uncached(body: JsonBody) -> Response:
    response = jsonify(body.members())
    response.headers["Cache-Control"] = "no-store"
    return response
