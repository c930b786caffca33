"""Domain blocklists of advertising, trackers and chats: matching, and the bundled lists."""

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
    """A set of domains, each with all its subdomains."""

    domains: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """Parse one domain per line; ``#`` starts a comment, case and outer dots are ignored."""
        texts = (line.partition("#")[0].strip().lower().strip(".") for line in lines)
        return cls(frozenset(text for text in texts if text))

    def matches(self, host: str) -> bool:
        """Return whether a host or one of its parent domains is listed."""
        return bool(self.find(host))

    def find(self, host: str) -> str:
        """Return the listed domain that a host belongs to, else an empty text: one set look-up per label."""
        return next((domain for domain in _parent_domains(host) if domain in self.domains), "")


@dataclass(frozen=True, slots=True)
class Blocklists:
    """The domains that each option blocks."""

    ads: DomainSet = DomainSet()
    trackers: DomainSet = DomainSet()
    chats: DomainSet = DomainSet()

    def for_options(self, retouch: PageChanges, host: str) -> DomainSet | None:
        """Return the domains to block in one capture; None for none. A list that contains the target is not applied."""
        wanted = (
            (self.ads, retouch.block_ads),
            (self.trackers, retouch.block_trackers),
            (self.chats, retouch.block_chats),
        )
        lists = frozenset(rules for rules, blocks in wanted if blocks and rules.domains and not rules.matches(host))
        return _union(lists) if lists else None


@cache
def bundled_domains(name: str) -> DomainSet:
    """Read a bundled list once: ``advertising``, ``trackers`` or ``chats``."""
    text = files("tintype").joinpath("chromium", "data", f"{name}.txt").read_text(encoding="utf-8")
    return DomainSet.parse(text.splitlines())


def load_blocklists(extra_ad_hosts: Iterable[str] = ()) -> Blocklists:
    """Load the bundled lists, and add the operator's hosts to those of advertising."""
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
