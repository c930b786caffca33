"""OpenAPI operations of jobs."""

from __future__ import annotations

from typing import Any

from tintype import errors
from tintype.jobs.model import JobStatus, PageStatus
from tintype.jobs.sitemap_members import MAX_GLOB, MAX_GLOBS
from tintype.jobs.submission import MAX_NAME, MAX_PAGES
from tintype.web.header_catalog import RATE_LIMIT
from tintype.web.jobs.bodies import JobChange, JobList, JobPageList, JobReport
from tintype.web.jobs.views import DEFAULT_PAGE, EVENTS_SECONDS, MAX_PAGE, MAX_WAIT
from tintype.web.openapi import responses
from tintype.web.openapi.features import IF_NONE_MATCH, REQUEST_ID, TEXT, ApiFeatures, security
from tintype.web.openapi.responses import Responses, failures, json_content, success
from tintype.web.openapi.webhook_body import webhook_member
from tintype.web.query_values import IDEMPOTENCY_KEY

_BODY = (errors.RequestTimeout, errors.BodyTooLarge, errors.UnsupportedMedia)
_WATCHED = (errors.RateLimited, errors.Overloaded)
"""Errors of requests that hold a thread: streams, archives, and a report that waits for a change."""
_JOB = {"name": "job_id", "in": "path", "required": True, "description": "The member `id` of a job.", "schema": TEXT}
IDEMPOTENCY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Made by the client. The same key with the same body returns the same job for a day, so a client may"
    " repeat a request that got no response.",
    "schema": {**TEXT, "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
}
_LOCATION = {"Location": {"description": "URL of the job.", "schema": {**TEXT, "format": "uri"}}}


def job_paths(features: ApiFeatures) -> dict[str, Any]:
    """The operations of jobs, by path and method."""
    return {
        "/jobs": {"get": _list(features), "post": _submit(features)},
        "/jobs/{job_id}": {"get": _report(features), "delete": _cancel(features)},
        "/jobs/{job_id}/pages": {"get": _pages(features)},
        "/jobs/{job_id}/pages/{number}/preview": {"get": _preview(features)},
        "/jobs/{job_id}/events": {"get": _events(features)},
        "/jobs/{job_id}/archive": {"get": _archive(features)},
        "/jobs/{job_id}/retry": {"post": _retry(features)},
    }


def _submit(features: ApiFeatures) -> dict[str, Any]:
    found = success("The job is stored; its pages are captured from now on.", json_content(JobReport), *RATE_LIMIT)
    found["202"] = found.pop("200")
    found["202"]["headers"] |= _LOCATION
    bound = (errors.HostNotAllowed,) if features.keys else ()
    kinds = (
        errors.TargetDenied,
        *bound,
        errors.Closed,
        *_BODY,
        errors.IdempotencyConflict,
        errors.RateLimited,
        errors.Overloaded,
    )
    operation = client_operation(features, "jobSubmit", "Submit a job.", found, *kinds, rate_limited=True)
    example = {"pages": ["https://example.com/", {"url": "https://example.org/", "dark_mode": True}]}
    return operation | {
        "description": "Tintype captures the pages without a waiting client. If a page is invalid, no page is captured;"
        " the error names the first invalid ones by their index. With `partial_ok` they are left out instead.",
        "parameters": [IDEMPOTENCY_HEADER, REQUEST_ID],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _body(features), "example": example}},
        },
    }


def _body(features: ApiFeatures) -> dict[str, Any]:
    options = {"$ref": "#/components/schemas/JobOptions"}
    page = {"anyOf": [{**TEXT, "format": "uri"}, {"allOf": [options], "required": ["url"]}]}
    members = {
        "pages": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_PAGES,
            "items": page,
            "description": "The pages: URLs, or objects with `url` and options of this page, which replace `options`.",
        },
        **sitemap_members(MAX_PAGES, MAX_PAGES),
        "options": {
            "allOf": [options],
            "not": {"required": ["url"]},
            "description": "Options of all pages: those of `/thumb`, without HTML and the caller's credentials.",
        },
        "store": {
            "type": "boolean",
            "default": True,
            "description": "Store the thumbnails permanently; false: keep them in the cache only.",
        },
        "name": {**TEXT, "maxLength": MAX_NAME, "description": "Any text, for the client."},
        **({"webhook": webhook_member()} if features.webhooks else {}),
        "partial_ok": {
            "type": "boolean",
            "default": False,
            "description": "Leave invalid pages out; the response lists the first of them as `skipped`.",
        },
    }
    return {
        "type": "object",
        "properties": members,
        "additionalProperties": False,
        "oneOf": [{"required": ["pages"]}, {"required": ["sitemap"]}],
        "dependentRequired": {name: ["sitemap"] for name in ("include", "exclude", "max_pages")},
    }


def sitemap_members(most: int, default: int) -> dict[str, Any]:
    """The members of a sitemap, with the limit of its pages."""
    return {
        "sitemap": {
            **TEXT,
            "format": "uri",
            "description": "In place of `pages`: a sitemap or an index of sitemaps, gzipped or not, or a start page."
            " It is read after the response; pages that robots.txt does not permit are left out.",
        },
        "include": _globs("Capture only these URLs of the sitemap"),
        "exclude": _globs("Leave these URLs of the sitemap out"),
        "max_pages": {
            "type": "integer",
            "minimum": 1,
            "maximum": most,
            "default": default,
            "description": "Pages of the sitemap to capture, from the first one on.",
        },
    }


def _globs(meaning: str) -> dict[str, Any]:
    glob = {**TEXT, "minLength": 1, "maxLength": MAX_GLOB}
    description = f"{meaning}: globs, of the path if they begin with a slash; `*` also stands for slashes."
    return {
        "oneOf": [glob, {"type": "array", "maxItems": MAX_GLOBS, "items": glob}],
        "description": description,
    }


def _list(features: ApiFeatures) -> dict[str, Any]:
    found = success("One page of the list.", json_content(JobList))
    operation = client_operation(features, "jobList", "The client's jobs, newest first.", found)
    parameters = [
        query_parameter("status", "Only jobs in this state.", {**TEXT, "enum": [*JobStatus]}),
        query_parameter("name", "Only jobs with this name.", {**TEXT, "maxLength": MAX_NAME}),
        query_parameter("before", "The member `next` of the previous page.", TEXT),
        _limit(),
    ]
    return operation | {
        "description": "An API key lists the jobs that it submitted; without API keys there is one list. With a filter"
        " a page may be short or empty and still have a `next`.",
        "parameters": [*parameters, REQUEST_ID],
    }


def _report(features: ApiFeatures) -> dict[str, Any]:
    found = success("The job.", json_content(JobReport))
    operation = _job_operation(features, "jobReport", "State of a job.", found, *_WATCHED)
    wait = {"type": "integer", "minimum": 0, "maximum": int(MAX_WAIT), "default": 0}
    text = "Seconds to wait for a change of the state or of the counts; the response is sent at the first one."
    return operation | {"parameters": [_JOB, query_parameter("wait", text, wait), REQUEST_ID]}


def _cancel(features: ApiFeatures) -> dict[str, Any]:
    found = success("The number of cancelled pages; 0 if the job was forgotten.", json_content(JobChange))
    operation = _job_operation(features, "jobCancel", "Cancel a job, or forget one that has ended.", found)
    text = "Pages that have not begun are cancelled; running captures end. Stored thumbnails stay in either case."
    return operation | {"description": text}


def _pages(features: ApiFeatures) -> dict[str, Any]:
    found = success("Some of the pages.", json_content(JobPageList))
    operation = _job_operation(features, "jobPages", "Pages of a job, with their results.", found)
    after = {"type": "integer", "minimum": 0, "maximum": MAX_PAGES, "default": 0}
    parameters = [
        query_parameter("status", "Only pages in this state.", {**TEXT, "enum": [*PageStatus]}),
        query_parameter("after", "The member `next` of the previous response.", after),
        _limit(),
    ]
    return operation | {"parameters": [_JOB, *parameters, REQUEST_ID]}


def _preview(features: ApiFeatures) -> dict[str, Any]:
    found = success("The preview.", responses.any_media("image/webp"), "ETag", *RATE_LIMIT) | responses.not_modified()
    kinds = (errors.Closed, errors.RateLimited, errors.Overloaded)
    summary = "Top of the stored thumbnail of a page, small."
    operation = _job_operation(features, "jobPagePreview", summary, found, *kinds, rate_limited=True)
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_PAGES}
    number = {"name": "number", "in": "path", "required": True, "description": "Number of the page.", "schema": schema}
    return operation | {"parameters": [_JOB, number, IF_NONE_MATCH, REQUEST_ID]}


def _events(features: ApiFeatures) -> dict[str, Any]:
    found = success("Server-sent events.", responses.any_media("text/event-stream"))
    operation = _job_operation(features, "jobEvents", "Changes of a job, as server-sent events.", found, *_WATCHED)
    text = (
        "`progress` is sent now and after each change, at most twice a second, and `end` at the end. The data"
        f" of both is a JobReport. A stream ends after {EVENTS_SECONDS:.0f} s; open it again."
    )
    return operation | {"description": text}


def _archive(features: ApiFeatures) -> dict[str, Any]:
    found = success("The archive.", responses.any_media("application/zip"), "Content-Disposition")
    operation = _job_operation(features, "jobArchive", "Stored thumbnails of a job as a ZIP file.", found, *_WATCHED)
    text = "With `index.json`, and `index.html` as a contact sheet. 404 for a job whose thumbnails are only cached."
    return operation | {"description": text}


def _retry(features: ApiFeatures) -> dict[str, Any]:
    found = success("The number of pages that are queued again.", json_content(JobChange), *RATE_LIMIT)
    kinds = (errors.Closed, errors.RateLimited, errors.Overloaded)
    summary = "Capture the failed and cancelled pages of a job again."
    return _job_operation(features, "jobRetry", summary, found, *kinds, rate_limited=True)


def query_parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """An optional parameter of the query."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _limit() -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}
    return query_parameter("limit", "Entries of one response.", schema)


def _job_operation(
    features: ApiFeatures,
    name: str,
    summary: str,
    found: Responses,
    *kinds: type[errors.TintypeError],
    rate_limited: bool = False,
) -> dict[str, Any]:
    operation = client_operation(features, name, summary, found, errors.NotFound, *kinds, rate_limited=rate_limited)
    return operation | {"parameters": [_JOB, REQUEST_ID]}


def client_operation(
    features: ApiFeatures,
    name: str,
    summary: str,
    found: Responses,
    *kinds: type[errors.TintypeError],
    rate_limited: bool = False,
    tag: str = "jobs",
) -> dict[str, Any]:
    """An operation for clients with the errors of authentication; ``kinds`` are its other errors."""
    auth = (
        *((errors.Unauthorized,) if features.keys or features.signatures else ()),
        *((errors.BadSignature,) if features.signatures else ()),
    )
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "responses": {
            **found,
            **failures((errors.InvalidRequest, *auth, *kinds, errors.BackendUnavailable), rate_limited=rate_limited),
        },
        "security": security(features),
    }
