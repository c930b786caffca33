"""Options as OpenAPI query parameters and as the JSON Schema of a request body, made from the options model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tintype.jobs.submission import NOT_ACCEPTED
from tintype.options import Options, accepts, is_body_only
from tintype.request_parser import MAX_PARAMETERS
from tintype.web.openapi.markdown import markdown

Schema = dict[str, Any]

_EXTRA_KEYS = ("accepts", "body_only", "accepts_json", "title", "description", "default")
ACCEPTS = " Accepts "
"""Separates the meaning of an option from the values it accepts, in its description."""
_RENAMED = {"ge": "minimum", "le": "maximum"}
"""pydantic does not translate the bounds of optional values."""


def parameters(without: Sequence[str] = ()) -> list[Schema]:
    """References to the options that a query string may contain."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in components() if name not in without]


def components() -> dict[str, Schema]:
    """A query parameter for each option that a query string may contain; lists are separated by commas."""
    return {
        name: {
            "name": name,
            "in": "query",
            "required": name == "url",
            "description": _meaning(name),
            "schema": _schema(name),
            **({"style": "form", "explode": False} if _schema(name).get("type") == "array" else {}),
            **({"example": "https://example.com/"} if name == "url" else {}),
        }
        for name in _in_order()
        if not is_body_only(name)
    }


def body() -> Schema:
    """JSON Schema of the body of a POST: ``url`` or ``html``, and options."""
    return {
        "type": "object",
        "properties": {name: {"description": _meaning(name), **_schema(name)} for name in _in_order()},
        "additionalProperties": False,
        "maxProperties": MAX_PARAMETERS,
        "oneOf": [{"required": ["url"]}, {"required": ["html"]}],
    }


def job_options() -> Schema:
    """JSON Schema of the options of a job's pages: those of a request, without HTML and credentials."""
    names = [name for name in _in_order() if name not in NOT_ACCEPTED]
    return {
        "type": "object",
        "properties": {name: {"description": _meaning(name), **_schema(name)} for name in names},
        "additionalProperties": False,
        "maxProperties": MAX_PARAMETERS,
    }


def _in_order() -> list[str]:
    return ["url", *(name for name in Options.model_fields if name != "url")]


def _schema(name: str) -> Schema:
    """JSON Schema of the value of an option."""
    field, schema = Options.model_fields[name], _MODEL["properties"][name]
    types = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(types) == 1:  # an optional value; leaving the option out is the only way to unset it
        schema = {key: value for key, value in {**schema, **types[0]}.items() if key != "anyOf"}
    schema = {_RENAMED.get(key, key): value for key, value in schema.items() if key not in _EXTRA_KEYS}
    has_default = not field.is_required() and field.default not in ("", None, ())
    return {**schema, "default": field.default} if has_default else schema


def _meaning(name: str) -> str:
    return f"{markdown(Options.model_fields[name].description or '')}{ACCEPTS}{accepts(name)}."


_MODEL = Options.model_json_schema()
