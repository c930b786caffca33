"""View model of the page at ``/docs``: the operations of the OpenAPI document, with references resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tintype.options import format_value
from tintype.web.openapi import curl
from tintype.web.openapi.parameters import ACCEPTS
from tintype.web.openapi.responses import PROBLEM_JSON

Json = Mapping[str, Any]

_METHODS = ("get", "post", "patch", "delete")
_OPTIONS = ("Request", "JobOptions", "WebhookRequest")
"""Objects whose members are the options, which the page lists with their routes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRow:
    """A parameter, a member of a JSON object, or a response header. ``kind`` describes the accepted values."""

    name: str
    kind: str
    meaning: str
    default: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """An error response."""

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
    body: str
    """Name of the JSON object in the response; empty for other media."""
    headers: tuple[ParameterRow, ...]
    errors: tuple[ErrorRow, ...]
    curl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagGroup:
    """Operations with the same tag."""

    name: str
    title: str
    operations: tuple[OperationView, ...]


def operation_groups(document: Json) -> tuple[TagGroup, ...]:
    """All operations of a document, grouped by tag."""
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
    """Descriptions and members of the JSON objects, by name."""
    schemas = document["components"]["schemas"]
    return {
        name: {"description": schema.get("description", ""), "rows": _rows(schema)}
        for name, schema in schemas.items()
        if name not in _OPTIONS
    }


def _rows(schema: Json) -> tuple[ParameterRow, ...]:
    required = schema.get("required", ())
    return tuple(
        _row(name, member, member.get("description", ""), required=name in required)
        for name, member in schema["properties"].items()
    )


def _operation(document: Json, path: str, method: str, operation: Json) -> OperationView:
    success = next(found for status, found in operation["responses"].items() if status.startswith("2"))
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    schema = success["content"].get("application/json", {}).get("schema", {}).get("$ref", "")
    parameters = [_resolve_ref(document, each) for each in operation["parameters"]]
    return OperationView(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        parameters=tuple(
            _row(each["name"], each["schema"], each.get("description", ""), required=each.get("required", False))
            for each in parameters
        ),
        members=_body_rows(document, content["schema"]) if content else (),
        media=tuple(success["content"]),
        body=schema.rpartition("/")[2],
        headers=tuple(
            _row(name, field["schema"], field["description"])
            for name, field in ((name, _resolve_ref(document, each)) for name, each in success["headers"].items())
        ),
        errors=tuple(_error_rows(document, operation["responses"])),
        curl=curl.command(path, method, operation),
    )


def _body_rows(document: Json, schema: Json) -> tuple[ParameterRow, ...]:
    """Members of a body; of one with alternatives all, and required is what each alternative requires."""
    alternatives = [_rows(_resolve_ref(document, each)) for each in schema.get("anyOf", [schema])]
    required = set.intersection(*({row.name for row in rows if row.required} for rows in alternatives))
    found = {row.name: replace(row, required=row.name in required) for rows in reversed(alternatives) for row in rows}
    first = [row.name for rows in alternatives for row in rows]
    return tuple(found[name] for name in dict.fromkeys(first))


def _row(name: str, schema: Json, meaning: str, *, required: bool = False) -> ParameterRow:
    text, _, accepted = meaning.partition(ACCEPTS)
    kind = accepted.rstrip(".") or _kind(schema)
    return ParameterRow(
        name=name, kind=kind, meaning=text, default=format_value(schema.get("default")), required=required
    )


def _kind(schema: Json) -> str:
    """Type and range of a value in words."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "oneOf" in schema:
        return " or ".join(_kind(each) for each in schema["oneOf"])
    if "allOf" in schema:
        return _kind(schema["allOf"][0])
    if "enum" in schema:
        return " · ".join(schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if kinds == ["array"]:
        items = schema.get("items")
        return f"list of {_kind(items)}" if items else f"list of {len(schema['prefixItems'])}"
    bounds = [str(schema[name]) for name in ("minimum", "maximum") if name in schema]
    return " or ".join(kinds) + (f" {'–'.join(bounds)}" if len(bounds) > 1 else "")


def _error_rows(document: Json, responses: Json) -> Iterable[ErrorRow]:
    for status, response in responses.items():
        for code in response.get("content", {}).get(PROBLEM_JSON, {}).get("examples", {}):
            yield ErrorRow(status=status, code=code, meaning=document["components"]["examples"][code]["summary"])


def _resolve_ref(document: Json, schema: Json) -> Json:
    """The part of the document that a reference points to, or the schema itself."""
    if "$ref" not in schema:
        return schema
    found: Any = document
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found  # type: ignore[no-any-return]
