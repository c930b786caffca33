"""What a capture did on the network, and what it was refused; and what all of them did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

from tintype.chromium.proxy.socks5 import Socks5Request

Reason = Literal["policy", "unknown-host", "unreachable", "blocked", "limit"]

_MAX_DENIALS = 256
"""Refusals remembered for a capture; a page can provoke any number."""


@dataclass(frozen=True, slots=True)
class DenialReason:
    """A connection that was not made. ``host`` is what the browser asked for, IPv6 without brackets."""

    host: str
    port: int
    reason: Reason


@dataclass(slots=True)
class Traffic:
    """What one capture did on the network."""

    denials: list[DenialReason] = field(default_factory=list)
    bytes: int = 0
    connections: int = 0
    exceeded: Literal["", "bytes", "connections"] = ""
    """The limit that was met, if one was. Meeting that of bytes ends every connection of the capture."""

    def find_denial(self, host: str, port: int) -> DenialReason | None:
        """The first refusal of a host, written as in a URL, at a port."""
        bare = host.lower().strip("[]")
        return next((note for note in self.denials if (note.host, note.port) == (bare, port)), None)

    def record_denial(self, request: Socks5Request, reason: Reason) -> bool:
        """Remember a refusal, once; whether it is news."""
        refusal = DenialReason(request.host.lower(), request.port, reason)
        is_news = refusal not in self.denials and len(self.denials) < _MAX_DENIALS
        if is_news:
            self.denials.append(refusal)
        return is_news


@dataclass(slots=True)
class TrafficTotals:
    """What all captures of this process did together; those whose refusals are expected are left out."""

    denied: Counter[Reason] = field(default_factory=lambda: Counter(dict.fromkeys(get_args(Reason), 0)))
    bytes: int = 0
    connections: int = 0

    def add(self, traffic: Traffic) -> None:
        """Add a capture that is over."""
        self.bytes += traffic.bytes
        self.connections += traffic.connections


TOTALS = TrafficTotals()
