"""The document as people read it: operations with everything they refer to in its place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tintype.options import format_value
from tintype.web.openapi.parameters import ACCEPTS
from tintype.web.openapi.responses import PROBLEM

Json = Mapping[str, Any]

_METHODS = ("get", "post")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRow:
    """A parameter, a member or a header field: what it is called, is made of and means."""

    name: str
    kind: str
    meaning: str
    default: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """A way to fail."""

    status: str
    code: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationView:
    """One method of one route."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[ParameterRow, ...]
    members: tuple[ParameterRow, ...]
    media: tuple[str, ...]
    answer: str
    """Name of the object that is answered, if it is one."""
    fields: tuple[ParameterRow, ...]
    failures: tuple[ErrorRow, ...]
    curl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagGroup:
    """Operations that belong together."""

    name: str
    title: str
    operations: tuple[OperationView, ...]


def chapters(document: Json) -> tuple[TagGroup, ...]:
    """All operations of a document, by its tags."""
    found = [
        (operation["tags"][0], _operation(document, path, method, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    ]
    return tuple(
        TagGroup(
            name=tag["name"],
            title=tag["description"].rstrip("."),
            operations=tuple(operation for name, operation in found if name == tag["name"]),
        )
        for tag in document["tags"]
    )


def objects(document: Json) -> dict[str, Any]:
    """What is sent and answered as JSON, by name: a description and members."""
    schemas = document["components"]["schemas"]
    return {
        name: {"description": schema.get("description", ""), "rows": _rows(schema)}
        for name, schema in schemas.items()
        if name != "Request"
    }


def _rows(schema: Json) -> tuple[ParameterRow, ...]:
    needed = schema.get("required", ())
    return tuple(
        _row(name, member, member.get("description", ""), required=name in needed)
        for name, member in schema["properties"].items()
    )


def _operation(document: Json, path: str, method: str, told: Json) -> OperationView:
    said = told["responses"]["200"]
    content = told.get("requestBody", {}).get("content", {}).get("application/json")
    answered = said["content"].get("application/json", {}).get("schema", {}).get("$ref", "")
    parameters = [_followed(document, each) for each in told["parameters"]]
    return OperationView(
        name=told["operationId"],
        method=method.upper(),
        path=path,
        summary=told["summary"],
        description=told.get("description", ""),
        parameters=tuple(
            _row(each["name"], each["schema"], each.get("description", ""), required=each.get("required", False))
            for each in parameters
        ),
        members=_rows(_followed(document, content["schema"])) if content else (),
        media=tuple(said["content"]),
        answer=answered.rpartition("/")[2],
        fields=tuple(
            _row(name, field["schema"], field["description"])
            for name, field in ((name, _followed(document, each)) for name, each in said["headers"].items())
        ),
        failures=tuple(_failures(document, told["responses"])),
        curl=_curl(document, path, method, content),
    )


def _row(name: str, schema: Json, meaning: str, *, required: bool = False) -> ParameterRow:
    said, _, accepted = meaning.partition(ACCEPTS)
    kind = accepted.rstrip(".") or _kind(schema)
    return ParameterRow(
        name=name, kind=kind, meaning=said, default=format_value(schema.get("default")), required=required
    )


def _kind(schema: Json) -> str:
    """What a value is, in a few words."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " · ".join(schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if kinds == ["array"]:
        listed = schema.get("items")
        return f"list of {_kind(listed)}" if listed else f"list of {len(schema['prefixItems'])}"
    bounds = [str(schema[name]) for name in ("minimum", "maximum") if name in schema]
    return " or ".join(kinds) + (f" {'–'.join(bounds)}" if len(bounds) > 1 else "")


def _failures(document: Json, responses: Json) -> Iterable[ErrorRow]:
    for status, response in responses.items():
        for code in response.get("content", {}).get(PROBLEM, {}).get("examples", {}):
            yield ErrorRow(status=status, code=code, meaning=document["components"]["examples"][code]["summary"])


def _followed(document: Json, told: Json) -> Json:
    """What a reference refers to."""
    if "$ref" not in told:
        return told
    found: Any = document
    for part in told["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found  # type: ignore[no-any-return]


def _curl(document: Json, path: str, method: str, content: Json | None) -> str:
    base = document["servers"][0]["url"].rstrip("/") or "http://127.0.0.1:8000"
    if content:
        body = json.dumps(content["example"])
        return f"curl -H 'Content-Type: application/json' -d '{body}' {base}{path}"
    asked = "?url=https%3A%2F%2Fexample.com%2F" if path in {"/thumb", "/meta"} else ""
    out = "-o picture.png " if path == "/thumb" else ""
    return f"curl {out}'{base}{path}{asked}'" if method == "get" else ""
