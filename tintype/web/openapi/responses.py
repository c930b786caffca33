"""What does each route answer? Pictures, objects, and every failure of the error tree under its status."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, get_args

from tintype import errors
from tintype.errors import TintypeError
from tintype.options import FormatName
from tintype.web.header_catalog import ALWAYS, COUNTED, OF_PICTURES, references

Kinds = Iterable[type[TintypeError]]
Answers = dict[str, Any]

PROBLEM = "application/problem+json"
PICTURES = tuple(f"image/{name}" for name in get_args(FormatName))

_ASKED = (errors.NotFound, errors.MethodNotAllowed)
"""Failures of addresses, not of routes."""
_SENT = (errors.BodyTooLarge, errors.UnsupportedMedia)
_GUARDED = (errors.Unauthorized, errors.BadSignature)

OF_QUERIES: tuple[type[TintypeError], ...] = tuple(
    kind for kind in errors.ALL if kind not in (*_ASKED, *_SENT, *_GUARDED)
)
"""What may go wrong with a picture that an address asks for."""
OF_BODIES: tuple[type[TintypeError], ...] = (*OF_QUERIES, *_SENT)
"""And with one that a body asks for."""


def picture() -> Answers:
    """A picture, a document, or what the page says of itself."""
    content: dict[str, Any] = {media: {} for media in (*PICTURES, "application/pdf")}
    return {
        "200": {
            "description": "The picture, in the format that was asked for.",
            "headers": references(*ALWAYS, *COUNTED, *OF_PICTURES),
            "content": {**content, "application/json": {"schema": reference("Meta")}},
        },
        **unchanged(),
    }


def unchanged() -> Answers:
    """The answer to a client whose copy is the same."""
    headers = references(*ALWAYS, *COUNTED, "Age", "ETag")
    return {"304": {"description": "The client's copy is still the picture.", "headers": headers}}


def json(description: str, schema: dict[str, Any], *more: str) -> Answers:
    """A JSON object; ``more`` are further header fields."""
    content = {"application/json": {"schema": schema}}
    return {"200": {"description": description, "headers": references(*ALWAYS, *more), "content": content}}


def guarded(kinds: Kinds, *, keys: bool, signatures: bool) -> tuple[type[TintypeError], ...]:
    """These failures and those of whoever has no key, or no signature."""
    refusals = ((errors.Unauthorized, keys or signatures), (errors.BadSignature, signatures))
    return (*kinds, *(kind for kind, possible in refusals if possible))


def failures(kinds: Kinds, *, drawn: bool = False, counted: bool = False) -> Answers:
    """One answer for each status; ``drawn``: with ``on_error=image`` it may be a picture."""
    by_status: dict[int, list[type[TintypeError]]] = defaultdict(list)
    possible: Kinds = (*kinds, TintypeError)
    for kind in possible:
        by_status[kind.status].append(kind)
    return {str(status): _failure(by_status[status], drawn=drawn, counted=counted) for status in sorted(by_status)}


def _failure(kinds: list[type[TintypeError]], *, drawn: bool, counted: bool) -> dict[str, Any]:
    codes = {"type": "object", "properties": {"error": {"enum": [kind.code for kind in kinds]}}}
    told = {kind.code: {"$ref": f"#/components/examples/{kind.code}"} for kind in kinds}
    problem = {"schema": {"allOf": [reference("Problem"), codes]}, "examples": told}
    pictures: dict[str, Any] = {media: {} for media in PICTURES} if drawn else {}
    return {
        "description": " ".join(f"`{kind.code}`: {' '.join((kind.__doc__ or '').split())}" for kind in kinds),
        "headers": references(*ALWAYS, "Retry-After", *(COUNTED if counted else ())),
        "content": {PROBLEM: problem, "text/html": {"schema": {"type": "string"}}, **pictures},
    }


def examples() -> dict[str, Any]:
    """Each failure once, by its code."""
    kinds: Kinds = (*errors.ALL, TintypeError)
    return {kind.code: {"summary": kind.title, "value": _example(kind)} for kind in kinds}


def _example(kind: type[TintypeError]) -> dict[str, Any]:
    told: TintypeError
    if issubclass(kind, errors.InvalidRequest):
        told = kind(errors.InvalidParameter("width", "must be a whole number from 320 to 3840 pixels, not 'wide'"))
    else:
        told = kind(retry_after=10 if kind.status in (429, 503) else None)
    return {**told.problem(), "instance": "urn:tintype:request:4bf92f3577b34da6a3ce929d0e0e4736"}


def reference(name: str) -> dict[str, str]:
    """A schema told once."""
    return {"$ref": f"#/components/schemas/{name}"}
