"""Which hosts carry advertising, tracking or chats? Sets of domains, and those that come with Tintype."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:  # the daemon starts Chromium before it imports options
    from tintype.options import PageChanges


@dataclass(frozen=True, slots=True)
class DomainSet:
    """A set of domains; each stands for itself and everything below it."""

    domains: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """One domain a line; ``#`` starts a comment, case and outer dots do not matter."""
        texts = (line.partition("#")[0].strip().lower().strip(".") for line in lines)
        return cls(frozenset(text for text in texts if text))

    def matches(self, host: str) -> bool:
        """Whether a host or a domain above it is listed: one set look-up a label."""
        return any(domain in self.domains for domain in _parent_domains(host))


@dataclass(frozen=True, slots=True)
class Blocklists:
    """What each option keeps from loading."""

    ads: DomainSet = DomainSet()
    trackers: DomainSet = DomainSet()
    chats: DomainSet = DomainSet()

    def for_options(self, retouch: PageChanges, host: str) -> DomainSet | None:
        """The rules of one capture; None when it has none. Whoever asks for a picture of a listed host gets it."""
        wanted = (
            (self.ads, retouch.block_ads),
            (self.trackers, retouch.block_trackers),
            (self.chats, retouch.block_chats),
        )
        lists = frozenset(rules for rules, blocks in wanted if blocks and rules.domains and not rules.matches(host))
        return _union(lists) if lists else None


@cache
def bundled_domains(name: str) -> DomainSet:
    """One of the lists that come with Tintype, read once: ``advertising``, ``trackers`` or ``chats``."""
    text = files("tintype").joinpath("chromium", "data", f"{name}.txt").read_text(encoding="utf-8")
    return DomainSet.parse(text.splitlines())


def load_blocklists(extra_ad_hosts: Iterable[str] = ()) -> Blocklists:
    """All that come with Tintype, with more advertising hosts of the operator."""
    ads = DomainSet(bundled_domains("advertising").domains | DomainSet.parse(extra_ad_hosts).domains)
    return Blocklists(ads, bundled_domains("trackers"), bundled_domains("chats"))


@lru_cache(maxsize=32)
def _union(lists: frozenset[DomainSet]) -> DomainSet:
    return DomainSet(frozenset().union(*(rules.domains for rules in lists)))


def _parent_domains(host: str) -> Iterator[str]:
    rest = host.lower().rstrip(".")
    while rest:
        yield rest
        rest = rest.partition(".")[2]
