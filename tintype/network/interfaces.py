"""IP addresses of this host's network interfaces."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from ipaddress import ip_address

import psutil
import structlog

from tintype.network.egress import Address

REFRESH_AFTER = 10.0
"""Seconds after which the addresses are read again: DHCP and IPv6 privacy extensions add some while Tintype runs."""

log = structlog.get_logger("tintype.network")

_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def local_addresses() -> frozenset[Address]:
    """Every IPv4 and IPv6 address of this host, without scope; empty, with a warning, if the kernel does not list them.

    The egress policy denies them, because a public address of this host leads to its own services.
    """
    try:
        interfaces = psutil.net_if_addrs()
    except OSError as error:
        log.warning("local_addresses_unavailable", reason=str(error))
        return frozenset()
    entries = (entry for entries in interfaces.values() for entry in entries if entry.family in _FAMILIES)
    return frozenset(ip_address(entry.address.partition("%")[0]) for entry in entries)


class LocalAddresses:
    """The addresses of this host at the moment, for ``in``; read again when they are older than ``REFRESH_AFTER``.

    If the kernel does not list them, the last ones that it listed count.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._addresses = local_addresses()
        self._read_at = clock()

    def __contains__(self, address: object) -> bool:
        """Whether an address is one of this host."""
        if self._clock() >= self._read_at + REFRESH_AFTER:
            self._read_at = self._clock()
            self._addresses = local_addresses() or self._addresses
        return address in self._addresses
