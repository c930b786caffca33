"""Routes of jobs: submit, list, report, retry, cancel; pages, events and the archive of a job."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from flask import Blueprint, Request, Response, jsonify, request

from tintype.errors import NotFound
from tintype.jobs.model import Job, JobStatus, PageStatus
from tintype.jobs.service import JobFilter, JobService
from tintype.jobs.submission import MAX_PAGES
from tintype.web import raw_params, request_log
from tintype.web.auth import Authenticator
from tintype.web.bodies import JsonBody, ParameterProblem
from tintype.web.client_address import ProxyTrust
from tintype.web.client_limit import ClientLimit
from tintype.web.jobs.archive import ArchiveWriter
from tintype.web.jobs.bodies import JobChange, JobList, JobPageList, JobPageReport, JobReport
from tintype.web.jobs.preview import PreviewDrawer
from tintype.web.query_values import idempotency_key, number, one_of, parameters
from tintype.web.rate_limit import RateLimiter
from tintype.web.request_body import BodyReader

MAX_JOB_BODY = 8 << 20
"""Bytes of a submitted job: 10,000 pages with 800 bytes each."""
MAX_WAIT = 60.0
"""Seconds that ``wait`` may ask for."""
EVENTS_SECONDS = 300.0
"""Seconds after which a stream of events ends; the client opens it again (HTML standard, server-sent events)."""
MAX_WATCHERS = 8
"""Requests of one worker process that wait for changes: each holds a thread."""
MAX_WATCHERS_PER_CLIENT = 4
DEFAULT_PAGE, MAX_PAGE = 100, 1000
"""Entries of a list in one response."""


@dataclass(frozen=True, slots=True)
class JobsView:
    """The views of jobs.

    ``base_url`` returns the base of URLs in responses.
    """

    jobs: JobService
    authenticator: Authenticator
    rate_limiter: RateLimiter
    body_reader: BodyReader
    archive_writer: ArchiveWriter
    preview_drawer: PreviewDrawer
    base_url: Callable[[Request], str]
    proxies: ProxyTrust
    watchers: ClientLimit = field(
        default_factory=lambda: ClientLimit("waiting requests", MAX_WATCHERS, MAX_WATCHERS_PER_CLIENT)
    )

    def submit(self) -> tuple[Response, int, dict[str, str]]:
        """``POST /jobs``: 202 with the new job, or with the one that the same Idempotency-Key has created."""
        credential = self.authenticator.authenticate(request)
        self.rate_limiter.check_jobs(request, credential.key_name)
        members = raw_params.body_members(request, self.body_reader, max_bytes=MAX_JOB_BODY, max_entries=MAX_PAGES + 1)
        job, parsed = self.jobs.submit(
            members,
            owner=credential.key_name,
            check_host=lambda host: self.authenticator.check_host(credential, host),
            idempotency_key=idempotency_key(),
            base_url=self.base_url(request),
        )
        request_log.bind(job=job.id, pages=job.counts.total)
        skipped = [ParameterProblem(parameter=each.parameter, message=each.message) for each in parsed.skipped]
        report = JobReport.of(job, self.base_url(request), skipped)
        return _uncached(report), HTTPStatus.ACCEPTED, {"Location": f"{self.base_url(request)}/jobs/{job.id}"}

    def list(self) -> Response:
        """``GET /jobs``: the client's jobs, newest first."""
        owner, texts = self.authenticator.owner_of(request), parameters("status", "name", "before", "limit")
        query = JobFilter(status=one_of(JobStatus, texts, "status"), name=texts.get("name", ""))
        limit = number(texts, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
        found = self.jobs.jobs(owner, query, before=texts.get("before", "")[:64], limit=limit)
        reports = [JobReport.of(job, self.base_url(request)) for job in found.jobs]
        return _uncached(JobList(jobs=reports, next=found.next or None))

    def report(self, job_id: str) -> Response:
        """``GET /jobs/<id>``; ``wait`` waits so many seconds for a change of the job."""
        texts = parameters("wait")
        job = self._job(job_id)
        if wait := number(texts, "wait", 0, 0, int(MAX_WAIT)):
            client = self.proxies.client_of(request.environ)
            self.watchers.enter(client)
            try:
                job = _first_change(self.jobs.changes(job, wait))
            finally:
                self.watchers.leave(client)
        return _uncached(JobReport.of(job, self.base_url(request)))

    def pages(self, job_id: str) -> Response:
        """``GET /jobs/<id>/pages``: one page of the list of pages."""
        job, texts = self._job(job_id), parameters("after", "limit", "status")
        limit = number(texts, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
        after = number(texts, "after", 0, 0, MAX_PAGES)
        found = self.jobs.pages(job, after=after, limit=limit + 1, status=one_of(PageStatus, texts, "status"))
        reports = [JobPageReport.of(page, self.base_url(request)) for page in found[:limit]]
        return _uncached(JobPageList(pages=reports, next=reports[-1].number if len(found) > limit else None))

    def preview(self, job_id: str, number: int) -> Response:
        """``GET /jobs/<id>/pages/<number>/preview``: the top of the stored thumbnail, small."""
        parameters()
        job = self._job(job_id)
        found = self.jobs.pages(job, after=number - 1, limit=1, status=None) if 1 <= number <= MAX_PAGES else []
        if not found or found[0].number != number:
            raise NotFound("the job has no page with this number")
        return self.preview_drawer.respond(found[0], request)

    def events(self, job_id: str) -> Response:
        """``GET /jobs/<id>/events``: the job as a server-sent event, now and after each change."""
        parameters()
        job, base, client = self._job(job_id), self.base_url(request), self.proxies.client_of(request.environ)
        self.watchers.enter(client)
        response = Response(self._events_of(job, base), mimetype="text/event-stream")
        response.call_on_close(lambda: self.watchers.leave(client))
        response.headers |= {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return response

    def _events_of(self, job: Job, base: str) -> Iterator[str]:
        yield "retry: 2000\n\n"
        for each in self.jobs.changes(job, EVENTS_SECONDS):
            name = "end" if each.has_ended else "progress"
            yield f"event: {name}\ndata: {json.dumps(JobReport.of(each, base).members())}\n\n"

    def archive(self, job_id: str) -> Response:
        """``GET /jobs/<id>/archive``: the stored thumbnails as a ZIP file, streamed."""
        parameters()
        return self.archive_writer.respond(self._job(job_id), request)

    def retry(self, job_id: str) -> Response:
        """``POST /jobs/<id>/retry``: capture the failed and cancelled pages again."""
        job = self._job(job_id)
        self.rate_limiter.check_jobs(request, job.owner)
        return _uncached(JobChange(id=job.id, pages=self.jobs.retry(job)))

    def cancel(self, job_id: str) -> Response:
        """``DELETE /jobs/<id>``: cancel what has not begun; a job that has ended is forgotten."""
        job = self._job(job_id)
        return _uncached(JobChange(id=job.id, pages=self.jobs.cancel(job)))

    def _job(self, job_id: str) -> Job:
        return self.jobs.job(job_id[:64], self.authenticator.owner_of(request))


def blueprint(view: JobsView) -> Blueprint:
    """The routes."""
    routes = Blueprint("jobs", __name__)
    for path, function, method in (
        ("/jobs", view.submit, "POST"),
        ("/jobs", view.list, "GET"),
        ("/jobs/<job_id>", view.report, "GET"),
        ("/jobs/<job_id>", view.cancel, "DELETE"),
        ("/jobs/<job_id>/pages", view.pages, "GET"),
        ("/jobs/<job_id>/pages/<int:number>/preview", view.preview, "GET"),
        ("/jobs/<job_id>/events", view.events, "GET"),
        ("/jobs/<job_id>/archive", view.archive, "GET"),
        ("/jobs/<job_id>/retry", view.retry, "POST"),
    ):
        routes.add_url_rule(path, view_func=function, methods=[method])
    return routes


def _first_change(changes: Iterator[Job]) -> Job:
    """The first change after the state at the beginning; without one that state."""
    first = next(changes)
    return next(changes, first)


def _uncached(body: JsonBody) -> Response:
    response = jsonify(body.members())
    response.headers["Cache-Control"] = "no-store"
    return response
