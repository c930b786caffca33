"""Kept browser contexts of one browser: for which captures, how many, how long, how large.

A kept context has no document and no storage, only its in-memory HTTP cache, and sometimes an empty page, whose
renderer still has the compiled scripts, decoded images and fonts of the last one. It serves captures of one origin,
with the same user agent, language and blocking: servers may choose what they send by the first two without saying so in
``Vary``, and what the egress proxy blocks must not come from a cache instead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tintype.chromium.capture.credential_scope import origin_of
from tintype.chromium.capture.emulation import is_mobile
from tintype.chromium.process.machine_memory import RESERVED, memory_limit
from tintype.chromium.proxy.server import EgressProxy
from tintype.options import Shot

MAX_AGE = 600.0
"""Seconds since its creation after which a context is disposed of."""
MAX_CAPTURES = 50
"""Captures in one context."""
MAX_CONTEXT_BYTES = 32 << 20
"""Bytes that the captures in one context may have transferred: no HTTP cache holds more than was transferred. Chromium
itself limits the in-memory cache of a context to 2 % of the machine's memory, at most 50 MiB."""
MAX_BYTES = 64 << 20
"""The same for all kept contexts of a browser."""
MAX_TAB_MEMORY = 128 << 20
"""Bytes of private memory that the renderers of all kept tabs of a browser may have: a renderer has 25 to 75 MB."""
TAB_IDLE = 30.0
"""Seconds without a capture after which a kept tab is closed if another one needs its memory. Those in use stay: with
more sites in turn than there is memory for, each would displace the one that is needed next."""
_PARTS = 12
"""Parts of the memory for browsers, of which a browser's kept tabs may have one."""


@dataclass(slots=True)
class ContextHistory:
    """The captures that a browser context has served so far."""

    created_at: float
    """Time of the event loop."""
    captures: int = 0
    bytes: int = 0
    """Transferred by its captures."""

    def is_usable(self, now: float) -> bool:
        """Whether the context is within its limits."""
        age = now - self.created_at
        return age < MAX_AGE and self.captures < MAX_CAPTURES and self.bytes <= MAX_CONTEXT_BYTES


@dataclass(frozen=True, slots=True)
class KeptTab:
    """An empty page in the renderer that has served its site: compiled scripts, decoded images and fonts are there."""

    target: str
    renderers: frozenset[int]
    """Its process."""
    memory: int
    """Bytes of private memory of its process."""
    kept_at: float = 0.0
    """Time of the event loop."""


@dataclass(slots=True)
class KeptContext:
    """A browser context between two captures."""

    id: str
    proxy: EgressProxy
    """Its egress proxy, which denies every connection while it serves no capture."""
    site: str
    """The captures that it may serve, see :func:`site_of`."""
    history: ContextHistory
    tab: KeptTab | None = None
    """Its empty page, if that is kept, too."""


@dataclass(slots=True)
class KeptContexts:
    """At most ``limit`` contexts, one for each site; those used least recently go first, and their tabs before them."""

    limit: int
    tab_memory: int = 0
    """Bytes of private memory that the renderers of all kept tabs may have."""
    _contexts: dict[str, KeptContext] = field(default_factory=dict)
    """By site, the one used last at the end."""

    def __len__(self) -> int:
        """Number of contexts."""
        return len(self._contexts)

    def __contains__(self, site: str) -> bool:
        """Whether there is a context for a site."""
        return site in self._contexts

    def take(self, site: str) -> KeptContext | None:
        """Remove and return the context of a site; None if there is none."""
        return self._contexts.pop(site, None)

    def add(self, context: KeptContext, now: float) -> list[KeptContext]:
        """Add a context; returns those that do not stay, which the caller disposes of."""
        replaced = self._contexts.pop(context.site, None)
        self._contexts[context.site] = context
        removed = [replaced] if replaced else []
        removed += self.remove_expired(now)
        while len(self) > self.limit or sum(each.history.bytes for each in self._contexts.values()) > MAX_BYTES:
            removed.append(self._contexts.pop(next(iter(self._contexts))))
        return removed

    @property
    def tabs(self) -> list[KeptTab]:
        """Tabs of the contexts, the one used last at the end."""
        return [each.tab for each in self._contexts.values() if each.tab]

    def has_room_for(self, memory: int) -> bool:
        """Whether there is memory for another tab; one tab may have at most half of it."""
        return memory <= min(self.tab_memory // 2, self.tab_memory - sum(tab.memory for tab in self.tabs))

    def remove_idle_tabs(self, memory: int, now: float) -> list[KeptTab]:
        """Remove and return tabs that were not used for 30 s until there is memory for another one.

        Empty if that would not be enough. The caller closes them.
        """
        in_use = sum(tab.memory for tab in self.tabs if now - tab.kept_at < TAB_IDLE)
        if memory > min(self.tab_memory // 2, self.tab_memory - in_use):
            return []
        removed = []
        for context in self._contexts.values():
            if context.tab and now - context.tab.kept_at >= TAB_IDLE and not self.has_room_for(memory):
                removed.append(context.tab)
                context.tab = None
        return removed

    def take_tab(self, target: str) -> KeptContext | None:
        """Remove and return the context with a tab; None if there is none."""
        found = next((each for each in self._contexts.values() if each.tab and each.tab.target == target), None)
        return self._contexts.pop(found.site) if found else None

    def remove_expired(self, now: float) -> list[KeptContext]:
        """Remove and return the contexts that are over a limit."""
        expired = [each for each in self._contexts.values() if not each.history.is_usable(now)]
        for each in expired:
            del self._contexts[each.site]
        return expired

    def remove_all(self) -> list[KeptContext]:
        """Remove and return every context."""
        contexts = [*self._contexts.values()]
        self._contexts.clear()
        return contexts

    def seconds_until_expiry(self, now: float) -> float | None:
        """Seconds until the oldest context expires; None without contexts."""
        return min((each.history.created_at + MAX_AGE - now for each in self._contexts.values()), default=None)


def memory_for_tabs() -> int:
    """Bytes of private memory for the renderers of kept tabs of a browser, on this machine."""
    return max(0, min(MAX_TAB_MEMORY, (memory_limit() - RESERVED) // _PARTS))


def may_keep_tab(shot: Shot) -> bool:
    """Whether the page of a shot has been emulated and changed only by what ends with its session and its document."""
    emulation, changes = shot.emulation, shot.page_changes
    is_visitor_plain = not (emulation.locale or emulation.timezone or emulation.geolocation or emulation.user_agent)
    is_page_plain = not (changes.css or changes.hide_selectors or changes.js or changes.click)
    return is_visitor_plain and is_page_plain and not is_mobile(emulation) and not shot.region.omit_background


def site_of(shot: Shot) -> str:
    """Return what captures have in common that may use the same context; empty if a shot may use none.

    Neither shots with credentials or inline HTML may, nor those with ``js``: a script of one client would choose what
    the captures of others find in the cache.
    """
    if shot.has_credentials or shot.navigation.html or shot.page_changes.js:
        return ""
    emulation, changes = shot.emulation, shot.page_changes
    device = emulation.device if is_mobile(emulation) else ""
    client = (device, emulation.user_agent, emulation.locale)
    blocking = (changes.block_ads, changes.block_trackers, changes.block_chats)
    return json.dumps((origin_of(shot.url), client, blocking))
