"""What an address of another service says, as names and values: in its query, or in its path."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qsl, unquote

_VALUED = ("width", "crop", "height", "maxAge", "wait", "viewportWidth", "auth", "page")


def from_query(parts: SplitResult) -> dict[str, str]:
    """Names and values of the query; what is said several times is joined by commas."""
    said: dict[str, str] = {}
    for written, value in parse_qsl(parts.query, keep_blank_values=True):
        name = written.removesuffix("[]")
        said[name] = f"{said[name]},{value}" if name in said else value
    return said


def from_render_link(parts: SplitResult) -> dict[str, str]:
    """``/v1/KEY/TOKEN/FORMAT?…``: the query, with the format from the path."""
    last = parts.path.rstrip("/").rpartition("/")[2]
    return {"format": last, **from_query(parts)} if last else from_query(parts)


def from_path(parts: SplitResult) -> dict[str, str]:
    """``/get/name/value/flag/https://…``: pairs and flags in the path, and the page at its end or in the query."""
    segments = parts.path.removeprefix("/get/").split("/")
    said = dict(_modifiers(segments))
    if page := "/".join(segments):
        return {**said, "url": (page if "://" in page else unquote(page)) + (f"?{parts.query}" if parts.query else "")}
    return {**said, **from_query(parts)}


def _modifiers(segments: list[str]) -> Iterator[tuple[str, str]]:
    """Names and values from the front of the path, which are taken off it; the page has a dot in its first segment."""
    while segments and "." not in segments[0] and ":" not in unquote(segments[0]):
        name = segments.pop(0)
        if name in _VALUED and segments:
            yield name, segments.pop(0)
        elif name:
            yield name, "true"
