"""Compiles filter lists and matches requests and page elements, by Brave's adblock engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import structlog

if TYPE_CHECKING:  # the engine is imported only if lists are configured
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
"""Resource types of the CDP, and their names in filter lists."""


class NotCompiled(Exception):
    """A file is not a compiled engine of this version."""


@dataclass(frozen=True, slots=True)
class CosmeticRules:
    """Elements to hide on one page. ``generic``: rules for all pages apply too."""

    selectors: tuple[str, ...]
    exceptions: frozenset[str]
    generic: bool


class FilterEngine:
    """Compiled filter lists."""

    def __init__(self, engine: adblock.Engine) -> None:
        self._engine = engine

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the output of :func:`compile_lists`; raises OSError or NotCompiled."""
        import adblock  # noqa: PLC0415

        engine = adblock.Engine(adblock.FilterSet())
        try:
            engine.deserialize(path.read_bytes())
        except adblock.AdblockException as error:
            raise NotCompiled(type(error).__name__) from error
        return cls(engine)

    def blocks(self, url: str, source: str, kind: str) -> bool:
        """Whether the lists block a request; ``source`` is the URL of the page, ``kind`` a CDP resource type."""
        return bool(self._engine.check_network_urls(url, source, _RESOURCE_TYPES.get(kind, "other")).matched)

    def cosmetic_rules(self, url: str) -> CosmeticRules:
        """The rules for a page by its URL alone."""
        rules = self._engine.url_cosmetic_resources(url)
        return CosmeticRules(
            tuple(sorted(rules.hide_selectors)), frozenset(rules.exceptions), not getattr(rules, "generichide", False)
        )

    def hidden_by_class_or_id(self, names: Iterable[str], ids: Iterable[str], hidden: CosmeticRules) -> tuple[str, ...]:
        """Additional selectors to hide, for well-formed class names and ids on the page."""
        if not hidden.generic:
            return ()
        classes, identifiers = _well_formed(names), _well_formed(ids)
        return tuple(self._engine.hidden_class_id_selectors(classes, identifiers, set(hidden.exceptions)))


class FilterFile:
    """A file of compiled lists, which may be replaced at any time and is then loaded again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._filters: FilterEngine | None = None

    def current(self) -> FilterEngine | None:
        """The engine in the file; None while the file is missing or invalid."""
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
    """Compile all lists into one engine; unknown rules are ignored, as the format requires."""
    import adblock  # noqa: PLC0415

    rules = adblock.FilterSet()
    for text in texts:
        rules.add_filter_list(text, "hosts" if is_hosts(text) else "standard")
    return bytes(adblock.Engine(rules, optimize=True).serialize())


def _well_formed(names: Iterable[str]) -> list[str]:
    """The names without lone surrogates: the engine takes UTF-8, and a page can name its elements by any UTF-16."""
    return [name for name in names if not any("\ud800" <= letter <= "\udfff" for letter in name)]


def is_hosts(text: str) -> bool:
    """Whether a list is in the format of /etc/hosts."""
    lines = [line for line in text.splitlines()[:200] if line.strip() and not line.startswith(("#", "!"))]
    return bool(lines) and all(line.startswith(("0.0.0.0 ", "127.0.0.1 ", "::")) for line in lines)
