"""Which requests do the lists refuse, and what do they hide? Brave's engine, compiled once, loaded where needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import structlog

if TYPE_CHECKING:  # few daemons have lists, so only those load the engine
    import adblock

log = structlog.get_logger("tintype.filters")

_RESOURCE_TYPES = {
    "Document": "subdocument",
    "Stylesheet": "stylesheet",
    "Image": "image",
    "Media": "media",
    "Font": "font",
    "Script": "script",
    "XHR": "xmlhttprequest",
    "Fetch": "xmlhttprequest",
    "EventSource": "xmlhttprequest",
    "WebSocket": "websocket",
    "Ping": "ping",
    "CSPViolationReport": "csp_report",
}
"""Chromium's resource types in the words of the lists."""


class NotCompiled(Exception):
    """A file that is no compiled engine of this version."""


@dataclass(frozen=True, slots=True)
class CosmeticRules:
    """What lists hide on one page. ``generic``: rules for all pages hold there too."""

    selectors: tuple[str, ...]
    exceptions: frozenset[str]
    generic: bool


class FilterEngine:
    """Compiled lists."""

    def __init__(self, engine: adblock.Engine) -> None:
        self._engine = engine

    @classmethod
    def load(cls, path: Path) -> Self:
        """From the bytes of :func:`compile_lists`; raises OSError or NotCompiled."""
        import adblock  # noqa: PLC0415

        engine = adblock.Engine(adblock.FilterSet())
        try:
            engine.deserialize(path.read_bytes())
        except adblock.AdblockException as error:
            raise NotCompiled(type(error).__name__) from error
        return cls(engine)

    def blocks(self, url: str, source: str, kind: str) -> bool:
        """Whether a request of one of Chromium's resource types, made by a page, is refused."""
        return bool(self._engine.check_network_urls(url, source, _RESOURCE_TYPES.get(kind, "other")).matched)

    def cosmetic_rules(self, url: str) -> CosmeticRules:
        """What is hidden on a page by its address alone."""
        found = self._engine.url_cosmetic_resources(url)
        return CosmeticRules(
            tuple(sorted(found.hide_selectors)), frozenset(found.exceptions), not getattr(found, "generichide", False)
        )

    def hidden_by_class_or_id(self, names: Iterable[str], ids: Iterable[str], hidden: CosmeticRules) -> tuple[str, ...]:
        """What is hidden besides because of class names and ids that are on the page."""
        if not hidden.generic:
            return ()
        return tuple(self._engine.hidden_class_id_selectors(list(names), list(ids), set(hidden.exceptions)))


class FilterFile:
    """Compiled lists in a file that may be replaced at any time: taken anew when it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._filters: FilterEngine | None = None

    def current(self) -> FilterEngine | None:
        """What the file holds now; None while it holds nothing that can be used."""
        mark = self._read_stamp()
        if mark != self._stamp:
            self._stamp = mark
            self._filters = self._load() if mark else None
        return self._filters

    def _read_stamp(self) -> tuple[int, int] | None:
        try:
            state = self._path.stat()
        except OSError:
            return None
        return state.st_ino, state.st_mtime_ns

    def _load(self) -> FilterEngine | None:
        try:
            return FilterEngine.load(self._path)
        except (OSError, NotCompiled) as error:
            log.warning(
                "filter_lists_invalid", path=str(self._path), reason=str(error), remedy="tintype update-filters"
            )
            return None


def compile_lists(texts: Iterable[str]) -> bytes:
    """One engine for all lists; rules that it does not know are left out, as the format wants it."""
    import adblock  # noqa: PLC0415

    rules = adblock.FilterSet()
    for text in texts:
        rules.add_filter_list(text, "hosts" if is_hosts(text) else "standard")
    return bytes(adblock.Engine(rules, optimize=True).serialize())


def is_hosts(text: str) -> bool:
    """Whether a list is in the format of /etc/hosts."""
    lines = [line for line in text.splitlines()[:200] if line.strip() and not line.startswith(("#", "!"))]
    return bool(lines) and all(line.startswith(("0.0.0.0 ", "127.0.0.1 ", "::")) for line in lines)
