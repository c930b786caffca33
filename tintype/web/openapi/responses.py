"""OpenAPI responses: thumbnails, JSON bodies, and the errors of the error tree by status."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel

from tintype import errors
from tintype.errors import TintypeError
from tintype.imaging.documents import PageMetadata
from tintype.options import FormatName
from tintype.web.bodies import Problem
from tintype.web.header_catalog import ALWAYS, RATE_LIMIT, THUMBNAIL
from tintype.web.openapi.markdown import first_paragraph
from tintype.web.openapi.schemas import reference

ErrorTypes = Iterable[type[TintypeError]]
Responses = dict[str, Any]

PROBLEM_JSON = "application/problem+json"
IMAGES = tuple(f"image/{name}" for name in get_args(FormatName))

_ROUTING_ERRORS = (errors.NotFound, errors.MethodNotAllowed)
_BODY_ERRORS = (errors.BodyTooLarge, errors.UnsupportedMedia)
_KEY_ERRORS = (errors.HostNotAllowed, errors.QuotaExceeded)
_AUTH_ERRORS = (errors.Unauthorized, errors.BadSignature, errors.Forbidden, *_KEY_ERRORS)

QUERY_ERRORS: tuple[type[TintypeError], ...] = tuple(
    kind for kind in errors.ALL if kind not in (*_ROUTING_ERRORS, *_BODY_ERRORS, *_AUTH_ERRORS, errors.StorageFull)
)
"""Possible errors of a thumbnail request by query string, authentication aside."""
BODY_ERRORS: tuple[type[TintypeError], ...] = (*QUERY_ERRORS, *_BODY_ERRORS)
"""Possible errors of a thumbnail request by JSON body, authentication aside."""


def thumbnail() -> Responses:
    """A thumbnail in any format, or 304."""
    return {
        "200": {
            "description": "The thumbnail, in the requested format.",
            "headers": header_references(*ALWAYS, *RATE_LIMIT, *THUMBNAIL),
            "content": {**any_media(*IMAGES, "application/pdf"), **json_content(PageMetadata)},
        },
        **not_modified(),
    }


def not_modified() -> Responses:
    """304 for a client whose copy is current."""
    headers = header_references(*ALWAYS, *RATE_LIMIT, "Age", "ETag")
    return {"304": {"description": "The client's copy is current.", "headers": headers}}


def success(description: str, content: dict[str, Any], *headers: str) -> Responses:
    """200 with a body; ``headers`` are sent besides those of every response."""
    return {"200": {"description": description, "headers": header_references(*ALWAYS, *headers), "content": content}}


def json_content(model: type[BaseModel]) -> dict[str, Any]:
    """A JSON body."""
    return {"application/json": {"schema": reference(model)}}


def any_media(*names: str) -> dict[str, Any]:
    """Bodies of these media types, without a schema."""
    return {name: {} for name in names}


def auth_errors(*, keys: bool, signatures: bool) -> ErrorTypes:
    """Errors of authentication, by the kinds of credentials that the service accepts."""
    possible = ((errors.Unauthorized, keys or signatures), (errors.BadSignature, signatures))
    return [*(kind for kind, is_possible in possible if is_possible), *(_KEY_ERRORS if keys else ())]


def failures(kinds: ErrorTypes, *, as_image: bool = False, rate_limited: bool = False) -> Responses:
    """One response per status, ``internal-error`` included; ``as_image``: ``on_error=image`` may send an image."""
    by_status: dict[int, list[type[TintypeError]]] = defaultdict(list)
    possible: ErrorTypes = (*kinds, TintypeError)
    for kind in possible:
        by_status[kind.status].append(kind)
    return {
        str(status): _failure(by_status[status], as_image=as_image, rate_limited=rate_limited)
        for status in sorted(by_status)
    }


def _failure(kinds: list[type[TintypeError]], *, as_image: bool, rate_limited: bool) -> dict[str, Any]:
    codes = {"type": "object", "properties": {"error": {"enum": [kind.code for kind in kinds]}}}
    problem = {
        "schema": {"allOf": [reference(Problem), codes]},
        "examples": {kind.code: {"$ref": f"#/components/examples/{kind.code}"} for kind in kinds},
    }
    return {
        "description": _described(kinds),
        "headers": header_references(*ALWAYS, "Retry-After", *(RATE_LIMIT if rate_limited else ())),
        "content": {
            PROBLEM_JSON: problem,
            "text/html": {"schema": {"type": "string"}},
            **any_media(*(IMAGES if as_image else ())),
        },
    }


def _described(kinds: list[type[TintypeError]]) -> str:
    """When each error is returned; a list if there are several."""
    texts = [f"`{kind.code}`: {first_paragraph(inspect.getdoc(kind))}" for kind in kinds]
    return texts[0] if len(texts) == 1 else "\n".join(f"- {text}" for text in texts)


def examples() -> dict[str, Any]:
    """One example of each error, by its code."""
    kinds: ErrorTypes = (*errors.ALL, TintypeError)
    return {kind.code: {"summary": kind.title, "value": _example(kind).members()} for kind in kinds}


def _example(kind: type[TintypeError]) -> Problem:
    error: TintypeError
    if issubclass(kind, errors.InvalidRequest):
        error = kind(errors.InvalidParameter("width", "must be a whole number from 320 to 3840 pixels, not 'wide'"))
    else:
        error = kind(retry_after=10 if kind.status == 429 else None)  # noqa: PLR2004 - the rest of the window
    return Problem(**error.problem(), instance="urn:tintype:request:4bf92f3577b34da6a3ce929d0e0e4736")


def header_references(*names: str) -> dict[str, Any]:
    """References to response headers in ``components``."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
