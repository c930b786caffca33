"""What do options look like as JSON Schema? Made from the model that reads them, for queries and for bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tintype.options import Options, accepts, is_body_only

Schema = dict[str, Any]

_OURS = ("accepts", "body_only", "accepts_json", "title", "description", "default")
ACCEPTS = " Accepts "
"""Between what an option means and what it takes."""
_RENAMED = {"ge": "minimum", "le": "maximum"}
"""Bounds of a value that may be absent, which pydantic leaves by their own names."""


def parameters(without: Sequence[str] = ()) -> list[Schema]:
    """The options an address may say, by reference to ``components``."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in components() if name not in without]


def components() -> dict[str, Schema]:
    """One parameter of a query for each option an address may say; lists are written with commas."""
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
    """The JSON object of a POST: either the address of a page or the page itself, and options."""
    return {
        "type": "object",
        "properties": {name: {"description": _meaning(name), **_schema(name)} for name in _in_order()},
        "additionalProperties": False,
        "oneOf": [{"required": ["url"]}, {"required": ["html"]}],
    }


def _in_order() -> list[str]:
    return ["url", *(name for name in Options.model_fields if name != "url")]


def _schema(name: str) -> Schema:
    """What a value looks like where it is said; what is left out is the default."""
    told = _MODEL["properties"][name]
    several = [each for each in told.get("anyOf", ()) if each != {"type": "null"}]
    said = {**told, **several[0]} if len(several) == 1 else told
    kept = {key: value for key, value in said.items() if key not in _OURS and (key != "anyOf" or len(several) > 1)}
    schema = {_RENAMED.get(key, key): value for key, value in kept.items()}
    default = Options.model_fields[name].default
    return schema if Options.model_fields[name].is_required() or default in ("", None, ()) else _with(schema, default)


def _with(schema: Mapping[str, Any], default: Any) -> Schema:
    return {**schema, "default": default}


def _meaning(name: str) -> str:
    return f"{Options.model_fields[name].description}{ACCEPTS}{accepts(name)}."


_MODEL = Options.model_json_schema()
