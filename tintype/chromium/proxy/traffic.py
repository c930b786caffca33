"""Network use and denied connections of one capture, and totals of all captures of the process."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

from tintype.chromium.proxy.socks5 import Socks5Request

Reason = Literal["policy", "unknown-host", "unreachable", "blocked", "limit"]

_MAX_DENIALS = 256
"""Distinct denials kept per capture; a page can cause any number."""


@dataclass(frozen=True, slots=True)
class DenialReason:
    """A denied connection. ``host`` is what the browser requested, IPv6 without brackets."""

    host: str
    port: int
    reason: Reason


@dataclass(slots=True)
class Traffic:
    """Network use of one capture."""

    denials: list[DenialReason] = field(default_factory=list)
    bytes: int = 0
    connections: int = 0
    page_hosts: set[str] = field(default_factory=set)
    """Hosts to which the page itself navigates although a blocklist contains their domain: it is then not blocked."""
    exceeded: Literal["", "bytes", "connections"] = ""
    """The limit that was reached, if any: the page lacks resources. At that of bytes all connections are aborted."""

    def find_denial(self, host: str, port: int) -> DenialReason | None:
        """Return the first denial of a host, written as in a URL, at a port."""
        bare = host.lower().strip("[]")
        return next((denial for denial in self.denials if (denial.host, denial.port) == (bare, port)), None)

    def record_denial(self, request: Socks5Request, reason: Reason) -> bool:
        """Keep a denial; return False if it is known already, or if there are too many."""
        denial = DenialReason(request.host.lower(), request.port, reason)
        is_new = denial not in self.denials and len(self.denials) < _MAX_DENIALS
        if is_new:
            self.denials.append(denial)
        return is_new


@dataclass(slots=True)
class TrafficTotals:
    """Totals over all captures of this process. Denials that a session expects are not counted."""

    denied: Counter[Reason] = field(default_factory=lambda: Counter(dict.fromkeys(get_args(Reason), 0)))
    bytes: int = 0
    connections: int = 0

    def add(self, traffic: Traffic) -> None:
        """Add a capture that has ended."""
        self.bytes += traffic.bytes
        self.connections += traffic.connections


TOTALS = TrafficTotals()
