"""OpenAPI operations: the routes, their parameters and their responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tintype import errors, signing
from tintype.imaging.documents import PageMetadata
from tintype.options import PdfOptions, Rendition
from tintype.service.purge import SelectorKind
from tintype.service.stored_objects import MAX_LIMIT
from tintype.web.bodies import (
    CancelReport,
    HealthReport,
    KeyUsage,
    PersistedThumbnail,
    ProgressReport,
    PurgeReport,
    ReadinessReport,
    StatusReport,
    StoredList,
    StoredRemovalReport,
    UsageReport,
)
from tintype.web.header_catalog import RATE_LIMIT
from tintype.web.jobs.bodies import JobReport
from tintype.web.openapi import parameters, responses
from tintype.web.openapi.features import IF_NONE_MATCH, REQUEST_ID, TEXT, ApiFeatures, security
from tintype.web.openapi.jobs import IDEMPOTENCY_HEADER, job_paths
from tintype.web.openapi.responses import Responses, any_media, failures, json_content, success
from tintype.web.openapi.schedules import schedule_paths
from tintype.web.openapi.schemas import reference
from tintype.web.openapi.webhook_body import body_with_webhook
from tintype.web.openapi.webhooks import accepted, webhook_paths, webhook_sentence
from tintype.web.purge import MAX_SELECTORS

_EXPIRES = {
    "name": signing.EXPIRES,
    "in": "query",
    "description": "When the signed URL expires, in seconds since the epoch.",
    "schema": {"type": "integer", "minimum": 0},
}
_KEY = {"name": "key", "in": "path", "required": True, "schema": TEXT}

_DELIVERY_OPTIONS = (*Rendition.model_fields, *PdfOptions.model_fields, "placeholder")
"""Options without effect on page metadata."""


def paths(features: ApiFeatures) -> dict[str, Any]:
    """All documented operations, by path and method."""
    found = {
        "/thumb": {"get": _thumb(features), "post": _thumb_post(features)},
        "/meta": {"get": _meta(features)},
        "/persist": {"post": _persist(features)},
        "/stored": {"get": _stored_list(), "delete": _stored_delete()},
        "/stored/{key}": {
            **({"get": _stored()} if features.serves_stored else {}),
            **({"delete": _stored_delete_one()} if features.admin else {}),
        },
        **(job_paths(features) if features.jobs else {}),
        **(schedule_paths(features) if features.schedules else {}),
        **(webhook_paths(features) if features.webhooks else {}),
        "/purge": {"post": _purge()},
        "/health": {
            "get": _operator("health", "Liveness.", success("The process is running.", json_content(HealthReport)))
        },
        "/ready": {"get": _ready()},
        "/usage": {"get": _usage(features)},
        "/status.json": {"get": _status(features)},
        "/progress/{id}": {"get": _progress(), "delete": _cancel()},
        "/metrics": {"get": _metrics()},
        "/openapi.json": {"get": _openapi()},
    }
    enabled = {
        "/stored": features.admin,
        "/stored/{key}": features.serves_stored or features.admin,
        "/purge": features.admin,
        "/status.json": features.status,
        "/progress/{id}": features.progress,
        "/metrics": features.metrics,
    }
    return {path: methods for path, methods in found.items() if enabled.get(path, True)}


def _thumb(features: ApiFeatures) -> dict[str, Any]:
    return {
        "operationId": "thumb",
        "summary": "Thumbnail of a page.",
        "description": "From the cache, rendered from a cached capture, or captured now. `HEAD`: the same headers.",
        **_with_options(features, responses.thumbnail(), query=parameters.parameters(), as_image=True),
    }


def _thumb_post(features: ApiFeatures) -> dict[str, Any]:
    return {
        "operationId": "thumbPosted",
        "summary": "Thumbnail of a page, with options that a query string cannot carry.",
        "description": "The same options as JSON; also inline HTML, headers, cookies and a password."
        + webhook_sentence(features),
        **_with_options(features, responses.thumbnail() | accepted(features, JobReport), as_image=True),
    }


def _meta(features: ApiFeatures) -> dict[str, Any]:
    found = responses.thumbnail()
    found["200"] |= {"description": "The metadata.", "content": json_content(PageMetadata)}
    return {
        "operationId": "meta",
        "summary": "Metadata of a page.",
        "description": "Title, description, icons and link previews, from the same capture as the thumbnail.",
        **_with_options(features, found, query=parameters.parameters(without=_DELIVERY_OPTIONS)),
    }


def _persist(features: ApiFeatures) -> dict[str, Any]:
    found = success("The thumbnail is stored.", json_content(PersistedThumbnail), *RATE_LIMIT)
    found |= accepted(features, JobReport)
    return {
        "operationId": "persist",
        "summary": "Store a thumbnail permanently.",
        "description": "The URL in the response does not expire. The same target with the same options is stored once."
        + webhook_sentence(features),
        **_with_options(features, found, more_errors=(errors.StorageFull,)),
        "parameters": [*([IDEMPOTENCY_HEADER] if features.webhooks else []), REQUEST_ID],
    }


def _with_options(
    features: ApiFeatures,
    found: Responses,
    *,
    query: Sequence[dict[str, Any]] = (),
    as_image: bool = False,
    more_errors: responses.ErrorTypes = (),
) -> dict[str, Any]:
    """Part of an operation that takes options: those of ``query``, or all of them as a JSON body."""
    kinds = (
        *(responses.QUERY_ERRORS if query else responses.BODY_ERRORS),
        *more_errors,
        *responses.auth_errors(keys=features.keys, signatures=features.signatures),
    )
    signed = features.signatures and bool(query)
    of_webhooks = [IDEMPOTENCY_HEADER] if features.webhooks and not query else []
    kinds += (errors.IdempotencyConflict,) if of_webhooks else ()
    example = {"url": "https://example.com/"}
    body = {"application/json": {"schema": body_with_webhook(features), "example": example}}
    return {
        "tags": ["thumbnails"],
        "parameters": [*query, *([_EXPIRES] if signed else []), *of_webhooks, IF_NONE_MATCH, REQUEST_ID],
        **({} if query else {"requestBody": {"required": True, "content": body}}),
        "responses": {**found, **failures(kinds, as_image=as_image, rate_limited=True)},
        "security": security(features, signed=signed),
    }


def _stored() -> dict[str, Any]:
    content = any_media(*responses.IMAGES, "application/pdf", "application/json")
    found = success("The stored object.", content, "Content-Disposition", "ETag", *RATE_LIMIT)
    return {
        "operationId": "stored",
        "tags": ["thumbnails"],
        "summary": "A stored thumbnail.",
        "description": "The key may contain slashes. It identifies the content, so responses may be cached for ever.",
        "parameters": [_KEY, IF_NONE_MATCH, REQUEST_ID],
        "responses": {
            **found,
            **responses.not_modified(),
            **failures(
                (errors.Closed, errors.NotFound, errors.RateLimited, errors.BackendUnavailable), rate_limited=True
            ),
        },
        "security": [],
    }


_ADMIN_ERRORS = (errors.Unauthorized, errors.Forbidden, errors.InvalidRequest, errors.Overloaded)


def _stored_list() -> dict[str, Any]:
    found = success("One page of objects.", json_content(StoredList))
    kinds = (*_ADMIN_ERRORS, errors.BackendUnavailable)
    operation = _operator("storedList", "List of stored objects, for operators.", found, *kinds)
    return operation | {"parameters": [*_conditions(), REQUEST_ID], "security": security(ApiFeatures(keys=True))}


def _stored_delete() -> dict[str, Any]:
    found = success("The objects are deleted.", json_content(StoredRemovalReport))
    kinds = (*_ADMIN_ERRORS, errors.BackendUnavailable)
    operation = _operator("storedDelete", "Delete the stored objects that match, for operators.", found, *kinds)
    dry_run = {"name": "dry_run", "in": "query", "description": "Delete nothing.", "schema": {"type": "boolean"}}
    more = {"parameters": [*_conditions(), dry_run, REQUEST_ID], "security": security(ApiFeatures(keys=True))}
    return operation | more


def _stored_delete_one() -> dict[str, Any]:
    found = success("The object is deleted.", json_content(StoredRemovalReport))
    kinds = (*_ADMIN_ERRORS, errors.NotFound, errors.BackendUnavailable)
    operation = _operator("storedDeleteOne", "Delete a stored object, for operators.", found, *kinds)
    return operation | {"parameters": [_KEY, REQUEST_ID], "security": security(ApiFeatures(keys=True))}


def _conditions() -> list[dict[str, Any]]:
    """Query parameters that select stored objects; all conditions must hold."""
    described = {
        "prefix": "The key begins with this.",
        "url": "The captured URL.",
        "host": "The host of the captured URL; `*.example.com`: all hosts below it.",
        "before": "Stored before this date, time (ISO 8601) or number of seconds since 1970.",
        "cursor": "The member `next` of the previous page.",
    }
    texts = [{"name": name, "in": "query", "description": text, "schema": TEXT} for name, text in described.items()]
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
    return [*texts, {"name": "limit", "in": "query", "description": "Objects of one page.", "schema": limit}]


def _ready() -> dict[str, Any]:
    found = success("All backends work.", json_content(ReadinessReport))
    return _operator("ready", "Readiness: whether a capture would work.", found, errors.BackendUnavailable)


def _status(features: ApiFeatures) -> dict[str, Any]:
    found = success("The totals.", json_content(StatusReport))
    kinds = responses.auth_errors(keys=features.keys, signatures=features.signatures)
    operation = _operator("status", "Totals of the node, as the page at `/` shows them.", found, *kinds)
    return operation | {"security": security(features)}


def _progress() -> dict[str, Any]:
    found = success("The step.", json_content(ProgressReport))
    summary = "Step of the capture that a client requested with this id in `X-Progress-Id`."
    return _followed("progress", summary, found)


def _cancel() -> dict[str, Any]:
    found = success("Whether a capture was cancelled; its request returns 409.", json_content(CancelReport))
    return _followed("cancel", "Cancel the capture that a client requested with this id.", found)


def _followed(name: str, summary: str, found: Responses) -> dict[str, Any]:
    operation = _operator(name, summary, found, errors.NotFound, errors.RateLimited, errors.Overloaded)
    schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
    description = "32 random hex digits, made by the client."
    progress_id = {"name": "id", "in": "path", "required": True, "schema": schema, "description": description}
    return operation | {"parameters": [progress_id, REQUEST_ID]}


def _metrics() -> dict[str, Any]:
    media = ("text/plain", "application/openmetrics-text")
    found = success("The metrics.", {name: {"schema": TEXT} for name in media})
    summary = "Metrics for Prometheus, for clients that the operator allows."
    return _operator("metrics", summary, found, errors.Unauthorized, errors.NotFound)


def _purge() -> dict[str, Any]:
    kinds = (
        *(
            errors.InvalidRequest,
            errors.Unauthorized,
            errors.Forbidden,
            errors.Closed,
            errors.BodyTooLarge,
            errors.UnsupportedMedia,
        ),
        *(errors.RateLimited, errors.Overloaded, errors.BackendUnavailable),
    )
    texts = {"oneOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": MAX_SELECTORS}]}
    names = {kind.value: {"const": True} if kind is SelectorKind.ALL else texts for kind in SelectorKind}
    schema = {"type": "object", "properties": names, "minProperties": 1, "additionalProperties": False}
    example = {"url": "https://example.com/", "host": ["example.org"]}
    found = success("The entries are removed.", json_content(PurgeReport), *RATE_LIMIT)
    return {
        "operationId": "purge",
        "tags": ["operation"],
        "summary": "Remove thumbnails from the cache.",
        "description": "By URL, host, path prefix, tag or ETag, or all. Needs an admin key. Stored objects are kept.",
        "parameters": [REQUEST_ID],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}},
        "responses": {**found, **failures(kinds, rate_limited=True)},
        "security": [{"bearer": []}, {"key": []}],
    }


def _openapi() -> dict[str, Any]:
    found = success("OpenAPI 3.1.", {"application/json": {"schema": {"type": "object"}}})
    return _operator("openapi", "This document.", found)


def _usage(features: ApiFeatures) -> dict[str, Any]:
    either = {"schema": {"anyOf": [reference(KeyUsage), reference(UsageReport)]}}
    found = success("Usage of the API key, or for an admin key of all keys.", {"application/json": either})
    kinds = (errors.InvalidRequest, errors.Unauthorized, errors.BackendUnavailable)
    texts = {
        "month": "Calendar month (UTC), such as 2026-11; by default the current one.",
        "after": "For an admin key: name of the key after which the page begins.",
        "limit": "For an admin key: keys per page, from 1 to 1000; by default 100.",
    }
    query = [{"name": name, "in": "query", "description": text, "schema": TEXT} for name, text in texts.items()]
    return {
        **_operator("usage", "Requests, captures and bytes of API keys in a month.", found, *kinds),
        "parameters": [*query, REQUEST_ID],
        "security": security(features),
    }


def _operator(name: str, summary: str, found: Responses, *kinds: type[errors.TintypeError]) -> dict[str, Any]:
    """An operation without options and authentication."""
    return {
        "operationId": name,
        "tags": ["operation"],
        "summary": summary,
        "parameters": [REQUEST_ID],
        "responses": {**found, **failures(kinds)},
        "security": [],
    }
