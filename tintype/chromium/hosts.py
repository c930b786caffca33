"""Which hosts carry advertising or tracking? Sets of domains, and the one that comes with Tintype."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Self


@dataclass(frozen=True, slots=True)
class HostRules:
    """A set of domains; each stands for itself and everything below it."""

    domains: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """One domain a line; ``#`` starts a comment, case and outer dots do not matter."""
        texts = (line.partition("#")[0].strip().lower().strip(".") for line in lines)
        return cls(frozenset(text for text in texts if text))

    def matches(self, host: str) -> bool:
        """Whether a host or a domain above it is listed: one set look-up a label."""
        return any(domain in self.domains for domain in _upwards(host))

    def sparing(self, host: str) -> Self:
        """The same rules for a capture of this very host, which is what the caller wants to see."""
        spared = self.domains.intersection(_upwards(host))
        return type(self)(self.domains - spared) if spared else self


@cache
def bundled() -> HostRules:
    """The list that comes with Tintype, read once."""
    text = files("tintype").joinpath("chromium", "data", "advertising.txt").read_text(encoding="utf-8")
    return HostRules.parse(text.splitlines())


def _upwards(host: str) -> Iterator[str]:
    rest = host.lower().rstrip(".")
    while rest:
        yield rest
        rest = rest.partition(".")[2]
