"""Routes: which there are, what they take, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tintype import errors, signing
from tintype.options import PdfOptions, Rendition
from tintype.web.header_catalog import ALWAYS, COUNTED, references
from tintype.web.openapi import parameters, responses
from tintype.web.openapi.responses import failures, json, reference

_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "What the log is to call this request.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
}
_HELD = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of the client's copy.",
    "schema": {"type": "string"},
}


_OF_DELIVERY = (*Rendition.model_fields, *PdfOptions.model_fields, "placeholder")
"""Options that mean nothing where there is neither a picture nor a sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFeatures:
    """What of the API is a matter of settings. ``base`` is where it is reached; empty: where it is asked."""

    base: str = ""
    keys: bool = False
    signatures: bool = False
    stores_here: bool = True
    status: bool = True
    metrics: bool = True


def paths(about: ApiFeatures) -> dict[str, Any]:
    """All routes that programs use, by address."""
    found: dict[str, Any] = {
        "/thumb": {"get": _thumb(about), "post": _posted(about)},
        "/meta": {"get": _meta(about)},
        "/persist": {"post": _persist(about)},
    }
    if about.stores_here:
        found["/stored/{key}"] = {"get": _stored()}
    found["/health"] = {"get": _ops("health", "Is the process alive?", json("It is.", reference("Health")))}
    found["/ready"] = {"get": _ready()}
    if about.status:
        found["/status.json"] = {"get": _status(about)}
    if about.metrics:
        found["/metrics"] = {"get": _metrics()}
    found["/openapi.json"] = {"get": _ops("openapi", "This document.", json("OpenAPI 3.1.", {"type": "object"}))}
    return found


def _thumb(about: ApiFeatures) -> dict[str, Any]:
    return {
        "operationId": "thumb",
        "tags": ["pictures"],
        "summary": "The picture of a page.",
        "description": "From the cache, from one of another size, or taken now. HEAD gives the same header fields.",
        "parameters": [*parameters.parameters(), *_signature(about), _HELD, _ID],
        "responses": {**responses.picture(), **_failures(about, responses.OF_QUERIES, drawn=True)},
        **_security(about, signed=True),
    }


def _posted(about: ApiFeatures) -> dict[str, Any]:
    return {
        "operationId": "thumbPosted",
        "tags": ["pictures"],
        "summary": "The picture of a page that needs more than an address can say.",
        "description": "The same options as JSON; HTML in place of an address, and headers, cookies and a password.",
        "parameters": [_HELD, _ID],
        "requestBody": _body(),
        "responses": {**responses.picture(), **_failures(about, responses.OF_BODIES, drawn=True)},
        **_security(about),
    }


def _meta(about: ApiFeatures) -> dict[str, Any]:
    said = responses.picture()
    said["200"] = {**said["200"], "description": "What the page says.", "content": _only_json("Meta")}
    return {
        "operationId": "meta",
        "tags": ["pictures"],
        "summary": "What a page says of itself.",
        "description": "Title, description, icons and link previews, from the visit that takes the picture.",
        "parameters": [*parameters.parameters(without=_OF_DELIVERY), *_signature(about), _HELD, _ID],
        "responses": {**said, **_failures(about, responses.OF_QUERIES)},
        **_security(about, signed=True),
    }


def _persist(about: ApiFeatures) -> dict[str, Any]:
    return {
        "operationId": "persist",
        "tags": ["pictures"],
        "summary": "Keep a picture for good.",
        "description": "The address in the answer lasts; the same page with the same options is kept once.",
        "parameters": [_ID],
        "requestBody": _body(),
        "responses": {
            **json("The picture is kept.", reference("Persisted"), *COUNTED),
            **_failures(about, responses.OF_BODIES),
        },
        **_security(about),
    }


def _stored() -> dict[str, Any]:
    key = {"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}
    content: dict[str, Any] = {media: {} for media in (*responses.PICTURES, "application/pdf", "application/json")}
    headers = references(*ALWAYS, "Content-Disposition", "ETag")
    return {
        "operationId": "stored",
        "tags": ["pictures"],
        "summary": "A picture that was kept.",
        "description": "The key may hold slashes. A key names its content, so an answer is good for ever.",
        "parameters": [key, _HELD, _ID],
        "responses": {
            "200": {"description": "The picture.", "headers": headers, "content": content},
            **responses.unchanged(),
            **failures((errors.NotFound, errors.BackendUnavailable)),
        },
    }


def _ready() -> dict[str, Any]:
    found = _ops("ready", "Would a capture work?", json("It would.", reference("Readiness")))
    return {**found, "responses": {**found["responses"], **failures((errors.BackendUnavailable,))}}


def _status(about: ApiFeatures) -> dict[str, Any]:
    found = _ops("status", "A few figures, as the page at / shows them.", json("The figures.", reference("Status")))
    refusals = responses.guarded((), keys=about.keys, signatures=about.signatures)
    return {**found, "responses": {**found["responses"], **failures(refusals)}, **_security(about)}


def _metrics() -> dict[str, Any]:
    media = {
        "text/plain": {"schema": {"type": "string"}},
        "application/openmetrics-text": {"schema": {"type": "string"}},
    }
    said = {"200": {"description": "Figures for Prometheus.", "headers": references(*ALWAYS), "content": media}}
    found = _ops("metrics", "Figures for Prometheus, for those whom the operator lets read them.", said)
    return {**found, "responses": {**said, **failures((errors.Unauthorized, errors.NotFound))}}


def _ops(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": name,
        "tags": ["operation"],
        "summary": summary,
        "parameters": [_ID],
        "responses": {**responses, **failures(())},
        "security": [],
    }


def _failures(about: ApiFeatures, kinds: responses.Kinds, *, drawn: bool = False) -> dict[str, Any]:
    all_kinds = responses.guarded(kinds, keys=about.keys, signatures=about.signatures)
    return failures(all_kinds, drawn=drawn, counted=True)


def _body() -> dict[str, Any]:
    return {
        "required": True,
        "content": {
            "application/json": {"schema": reference("Request"), "example": {"url": "https://example.com/"}},
        },
    }


def _only_json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": reference(name)}}


def _signature(about: ApiFeatures) -> list[dict[str, Any]]:
    """What a signed address says besides; the signature itself is a security scheme."""
    moment = {"type": "integer", "minimum": 0, "description": "Seconds since the epoch."}
    expires = {
        "name": signing.EXPIRES,
        "in": "query",
        "description": "When a signed address ends to be good.",
        "schema": moment,
    }
    return [expires] if about.signatures else []


def _security(about: ApiFeatures, *, signed: bool = False) -> dict[str, Any]:
    ways = [("bearer", about.keys), ("key", about.keys), ("signature", about.signatures and signed)]
    allowed: list[dict[str, list[str]]] = [{name: []} for name, there in ways if there]
    return {"security": allowed}
