"""Parsers of other services' URLs: parameters from a query, a path, or a query with the format in the path."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from urllib.parse import SplitResult, parse_qsl, unquote

Parser = Callable[[SplitResult, Collection[str]], dict[str, str]]


def from_query(parts: SplitResult, _: Collection[str] = ()) -> dict[str, str]:
    """Parameters of the query; values of a repeated parameter are joined by commas."""
    values: dict[str, str] = {}
    for written, value in parse_qsl(parts.query, keep_blank_values=True):
        name = written.removesuffix("[]")
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def from_render_link(parts: SplitResult, _: Collection[str] = ()) -> dict[str, str]:
    """Parameters of ``/v1/KEY/TOKEN/FORMAT?…``: the query, with the format from the path."""
    last = parts.path.rstrip("/").rpartition("/")[2]
    return {"format": last, **from_query(parts)} if last else from_query(parts)


def from_path(parts: SplitResult, takes_value: Collection[str]) -> dict[str, str]:
    """Parameters of ``/get/name/value/flag/https://…``; the target is the end of the path or in the query."""
    segments = parts.path.removeprefix("/get/").split("/")
    values = dict(_leading_parameters(segments, takes_value))
    if page := "/".join(segments):
        url = page if "://" in page else unquote(page)
        return {**values, "url": url + (f"?{parts.query}" if parts.query else "")}
    return {**values, **from_query(parts)}


def _leading_parameters(segments: list[str], takes_value: Collection[str]) -> Iterator[tuple[str, str]]:
    """Remove parameters from the front of the path; the first segment of the target contains a dot or a colon."""
    while segments and "." not in segments[0] and ":" not in unquote(segments[0]):
        name = segments.pop(0)
        if name in takes_value and segments:
            yield name, segments.pop(0)
        elif name:
            yield name, "true"


PARSERS: dict[str, Parser] = {"query": from_query, "render-link": from_render_link, "path": from_path}
"""By the value of ``urls`` in a rules file."""
