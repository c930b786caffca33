"""OpenAPI operations of schedules."""

from __future__ import annotations

from typing import Any

from tintype import errors
from tintype.jobs.submission import MAX_NAME
from tintype.options.types import MAX_COORDINATE, MAX_SELECTORS
from tintype.schedules.model import Notify
from tintype.schedules.submission import DEFAULT_SITEMAP_PAGES, MAX_REGIONS, MAX_SCHEDULE_PAGES, MAX_WEBHOOK
from tintype.schedules.timing import CRON, EVERY, MAX_CRON, TIMEZONE
from tintype.web.header_catalog import RATE_LIMIT
from tintype.web.openapi import responses
from tintype.web.openapi.features import IF_NONE_MATCH, REQUEST_ID, TEXT, ApiFeatures
from tintype.web.openapi.jobs import client_operation, query_parameter, sitemap_members
from tintype.web.openapi.responses import Responses, json_content, success
from tintype.web.schedules.bodies import RunList, RunReport, ScheduleList, ScheduleRemoval, ScheduleReport
from tintype.web.schedules.views import DEFAULT_RUNS, DEFAULT_SCHEDULES, MAX_RUNS, MAX_SCHEDULES, PICTURES, SIZES

_SCHEDULE = {
    "name": "schedule_id",
    "in": "path",
    "required": True,
    "description": "The member `id` of a schedule.",
    "schema": TEXT,
}
_RUN = {"name": "run_id", "in": "path", "required": True, "description": "The member `id` of a run.", "schema": TEXT}
_BODY = (errors.Closed, errors.RequestTimeout, errors.BodyTooLarge, errors.UnsupportedMedia, errors.RateLimited)
_LOCATION = {"Location": {"description": "URL of the schedule.", "schema": {**TEXT, "format": "uri"}}}


def schedule_paths(features: ApiFeatures) -> dict[str, Any]:
    """The operations of schedules, by path and method."""
    return {
        "/schedules": {"get": _list(features), "post": _create(features)},
        "/schedules/{schedule_id}": {
            "get": _report(features),
            "patch": _update(features),
            "delete": _delete(features),
        },
        "/schedules/{schedule_id}/run": {"post": _run_now(features)},
        "/schedules/{schedule_id}/runs": {"get": _runs(features)},
        "/schedules/{schedule_id}/runs/{run_id}": {"get": _run(features)},
        "/schedules/{schedule_id}/runs/{run_id}/pages/{number}/preview": {"get": _preview(features)},
    }


def _create(features: ApiFeatures) -> dict[str, Any]:
    found = _with_status("201", success("The schedule is stored.", json_content(ScheduleReport), *RATE_LIMIT))
    found["201"]["headers"] |= _LOCATION
    kinds: responses.ErrorTypes = (*_BODY, *_target_errors(features), errors.Overloaded)
    operation = _operation(features, "scheduleCreate", "Create a schedule.", found, *kinds)
    example = {"page": "https://example.com/", "every": "6h", "ignore_selectors": [".clock"]}
    schema = {"type": "object", "properties": _members(), "additionalProperties": False, **_REQUIRED}
    return operation | {
        "description": "With `every`, the first run begins now. Each run captures the pages and compares each with its"
        " latest thumbnail before.",
        "parameters": [REQUEST_ID],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
    }


_REQUIRED = {
    "allOf": [
        {"oneOf": [{"required": ["page"]}, {"required": ["pages"]}, {"required": ["sitemap"]}]},
        {"oneOf": [{"required": ["every"], "not": {"required": ["timezone"]}}, {"required": ["cron"]}]},
    ]
}


def _members() -> dict[str, Any]:
    return {**_pages(), **_times(), **_comparison()}


def _pages() -> dict[str, Any]:
    options = {"$ref": "#/components/schemas/JobOptions"}
    page = {"anyOf": [{**TEXT, "format": "uri"}, {"allOf": [options], "required": ["url"]}]}
    return {
        "page": {**page, "description": "The page: a URL, or an object with `url` and options."},
        "pages": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_SCHEDULE_PAGES,
            "items": page,
            "description": "In place of `page`: several pages.",
        },
        **sitemap_members(MAX_SCHEDULE_PAGES, DEFAULT_SITEMAP_PAGES),
        "options": {
            "allOf": [options],
            "not": {"required": ["url"]},
            "description": "Options of all pages, as in a job; `format` is an image.",
        },
        "name": {**TEXT, "maxLength": MAX_NAME, "description": "Any text, for the client."},
    }


def _times() -> dict[str, Any]:
    url = {**TEXT, "format": "uri", "pattern": "^https?://", "maxLength": MAX_WEBHOOK}
    return {
        "every": {**TEXT, "pattern": "^[1-9][0-9]{0,6}[smhdw]$", "description": f"Time between two runs: {EVERY}."},
        "cron": {**TEXT, "maxLength": MAX_CRON, "description": f"In place of `every`: {CRON}."},
        "timezone": {**TEXT, "default": "UTC", "description": f"Time zone of `cron`: {TIMEZONE}."},
        "notify": {
            **TEXT,
            "enum": [*Notify],
            "default": Notify.CHANGED,
            "description": "Runs that the webhook receives: failed ones; changed and failed ones; or all.",
        },
        "webhook": {
            "type": "object",
            "properties": {"url": url},
            "additionalProperties": False,
            "description": "The URL that receives the events; `{}` for none.",
        },
        "paused": {"type": "boolean", "default": False, "description": "Whether no run begins by itself."},
    }


def _comparison() -> dict[str, Any]:
    number = {"type": "number", "minimum": 0, "maximum": MAX_COORDINATE}
    region = {"type": "array", "items": number, "minItems": 4, "maxItems": 4}
    return {
        "threshold": {
            "type": "number",
            "minimum": 0,
            "maximum": 100,
            "default": 0.1,
            "description": "Percentage of differing pixels above which a page has changed.",
        },
        "ignore_selectors": {
            "type": "array",
            "items": {**TEXT, "minLength": 1, "maxLength": MAX_SELECTORS - 2},
            "description": "Elements that are hidden in the runs, because they always change.",
        },
        "ignore_regions": {
            "type": "array",
            "items": region,
            "maxItems": MAX_REGIONS,
            "description": "Rectangles `[x, y, width, height]` in CSS pixels of the thumbnail that are not compared.",
        },
    }


def _list(features: ApiFeatures) -> dict[str, Any]:
    found = success("One page of the list.", json_content(ScheduleList))
    operation = _operation(features, "scheduleList", "The client's schedules, newest first.", found)
    return operation | {"parameters": [*_page_parameters(DEFAULT_SCHEDULES, MAX_SCHEDULES), REQUEST_ID]}


def _report(features: ApiFeatures) -> dict[str, Any]:
    found = success("The schedule.", json_content(ScheduleReport))
    return _schedule_operation(features, "scheduleReport", "A schedule with its newest run.", found)


def _update(features: ApiFeatures) -> dict[str, Any]:
    found = success("The changed schedule.", json_content(ScheduleReport), *RATE_LIMIT)
    kinds: responses.ErrorTypes = (*_BODY, *_target_errors(features), errors.Overloaded)
    operation = _schedule_operation(features, "scheduleUpdate", "Change a schedule.", found, *kinds)
    schema = {"type": "object", "properties": _members(), "additionalProperties": False}
    content = {"application/json": {"schema": schema, "example": {"threshold": 0.5, "paused": False}}}
    return operation | {
        "description": "Members that the body does not have stay; `every` and `cron` replace each other. After a change"
        " of pages or options, the next run has nothing to be compared with.",
        "requestBody": {"required": True, "content": content},
    }


def _delete(features: ApiFeatures) -> dict[str, Any]:
    found = success("The schedule is forgotten.", json_content(ScheduleRemoval))
    summary = "Delete a schedule with its runs, their thumbnails and difference pictures."
    return _schedule_operation(features, "scheduleDelete", summary, found)


def _run_now(features: ApiFeatures) -> dict[str, Any]:
    found = _with_status("202", success("The run is due now.", json_content(ScheduleReport), *RATE_LIMIT))
    kinds = (errors.Closed, errors.RateLimited, errors.Overloaded)
    operation = _schedule_operation(features, "scheduleRun", "Run a schedule now.", found, *kinds)
    return operation | {"description": "Also a paused one. While a run is in progress, no other one begins."}


def _runs(features: ApiFeatures) -> dict[str, Any]:
    found = success("Some of the runs.", json_content(RunList))
    operation = _schedule_operation(features, "scheduleRuns", "Runs of a schedule, newest first.", found)
    return operation | {"parameters": [_SCHEDULE, *_page_parameters(DEFAULT_RUNS, MAX_RUNS), REQUEST_ID]}


def _run(features: ApiFeatures) -> dict[str, Any]:
    found = success("The run.", json_content(RunReport))
    operation = _schedule_operation(features, "scheduleRunReport", "A run of a schedule with all its pages.", found)
    return operation | {"parameters": [_SCHEDULE, _RUN, REQUEST_ID]}


def _preview(features: ApiFeatures) -> dict[str, Any]:
    found = success("The preview.", responses.any_media("image/webp"), "ETag", *RATE_LIMIT) | responses.not_modified()
    kinds = (errors.Closed, errors.RateLimited, errors.Overloaded)
    summary = "Small image of a page of a run, of the one before, or of their difference."
    operation = _schedule_operation(features, "scheduleRunPreview", summary, found, *kinds)
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_SCHEDULE_PAGES}
    number = {"name": "number", "in": "path", "required": True, "description": "Number of the page.", "schema": schema}
    small, large = (f"{size.width} × {size.height}" for size in SIZES.values())
    size_text = f"`small`: at most {small} pixels; `large`: at most {large}."
    chosen = [
        query_parameter("of", "Which image.", {"enum": [*PICTURES], "default": next(iter(PICTURES))}),
        query_parameter("size", size_text, {"enum": [*SIZES], "default": next(iter(SIZES))}),
    ]
    return operation | {"parameters": [_SCHEDULE, _RUN, number, *chosen, IF_NONE_MATCH, REQUEST_ID]}


def _target_errors(features: ApiFeatures) -> tuple[type[errors.TintypeError], ...]:
    """Errors of a sitemap; those of pages are invalid parameters."""
    bound: tuple[type[errors.TintypeError], ...] = (errors.HostNotAllowed,) if features.keys else ()
    return errors.TargetDenied, *bound


def _page_parameters(default: int, most: int) -> list[dict[str, Any]]:
    limit = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return [
        query_parameter("before", "The member `next` of the previous page.", TEXT),
        query_parameter("limit", "Entries of one response.", limit),
    ]


def _with_status(status: str, found: Responses) -> Responses:
    return {status: found["200"]}


def _schedule_operation(
    features: ApiFeatures, name: str, summary: str, found: Responses, *kinds: type[errors.TintypeError]
) -> dict[str, Any]:
    operation = _operation(features, name, summary, found, errors.NotFound, *kinds)
    return operation | {"parameters": [_SCHEDULE, REQUEST_ID]}


def _operation(
    features: ApiFeatures, name: str, summary: str, found: Responses, *kinds: type[errors.TintypeError]
) -> dict[str, Any]:
    limited = errors.RateLimited in kinds
    return client_operation(features, name, summary, found, *kinds, rate_limited=limited, tag="schedules")
