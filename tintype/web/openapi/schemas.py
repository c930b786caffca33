"""JSON objects that the service answers, member by member."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from tintype.model import PersistResult, Verdict

_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_CHECKS = {"type": "object", "description": "ok, or what is wrong, by part.", "additionalProperties": _TEXT}
_FIGURES = ("hits", "stale", "derived", "coalesced", "misses")


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": [*required], "properties": properties}


def _texts(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, _TEXT)


_ICON = _object(("url",), **_texts("url", "rel", "sizes", "type"))
_SOCIAL = {"type": "object", "additionalProperties": _TEXT}
_OF_PERSISTED = {
    "url": "Its lasting address.",
    "key": "Its name in the storage.",
    "cached": "Whether the picture was there already.",
    "verdict": "What the picture shows.",
}


def _persisted() -> dict[str, Any]:
    """Told by the class itself."""
    told = TypeAdapter(PersistResult).json_schema()["properties"]
    plain = {name: {"type": schema["type"]} for name, schema in told.items() if "type" in schema}
    properties = {**plain, "verdict": {"type": "string", "enum": [verdict.value for verdict in Verdict]}}
    described = {name: {**properties[name], "description": said} for name, said in _OF_PERSISTED.items()}
    return _object(tuple(told), **{name: described.get(name, properties[name]) for name in told})


SCHEMAS: dict[str, Any] = {
    "Problem": {
        **_object(
            ("type", "title", "status", "detail", "error", "message"),
            type={"type": "string", "format": "uri-reference"},
            title=_TEXT,
            status={"type": "integer", "minimum": 400, "maximum": 599},
            detail={**_TEXT, "description": "What went wrong, and what would be right."},
            instance={**_TEXT, "description": "This request, as the log calls it."},
            error={**_TEXT, "description": "The code that programs may rely on."},
            message={**_TEXT, "description": "The same as detail."},
            errors={
                "type": "array",
                "description": "Every mistake, with its parameter.",
                "items": _object(("parameter", "message"), **_texts("parameter", "message")),
            },
            retry_after={"type": "integer", "minimum": 1, "description": "Seconds."},
        ),
        "description": "Why there is no picture (RFC 9457).",
    },
    "Meta": {
        **_object(
            ("final_url", "status", "verdict"),
            final_url={**_TEXT, "description": "Where the page was after its redirects."},
            status={"type": ["integer", "null"], "description": "The status the page was answered with."},
            verdict={"type": "string", "enum": [verdict.value for verdict in Verdict]},
            **_texts("title", "description", "canonical", "language", "theme_color", "author"),
            icons={"type": "array", "items": _ICON},
            open_graph=_SOCIAL,
            twitter=_SOCIAL,
        ),
        "description": "What the page says of itself.",
    },
    "Persisted": _persisted(),
    "Health": _object(("ok", "service", "version"), ok={"type": "boolean"}, **_texts("service", "version")),
    "Readiness": _object(
        ("ok", "checks", "warnings"),
        ok={"type": "boolean"},
        checks=_CHECKS,
        warnings={"type": "array", "description": "Isolation layers that are missing.", "items": _TEXT},
    ),
    "Status": _object(
        ("time", "hit_ratio", "pictures", "captures", "failures", "capture_seconds", "line"),
        time={"type": "number", "description": "Seconds since the epoch."},
        hit_ratio={"type": ["number", "null"], "minimum": 0, "maximum": 1},
        pictures=_object(_FIGURES, **dict.fromkeys(_FIGURES, _COUNT)),
        captures=_COUNT,
        failures=_COUNT,
        capture_seconds={"type": "number", "minimum": 0},
        line={
            **_object(("waiting", "busy", "slots"), **dict.fromkeys(("waiting", "busy", "slots"), _COUNT)),
            "type": ["object", "null"],
        },
    ),
}
"""By name."""
