"""IP addresses of this host's network interfaces."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import psutil
import structlog

from tintype.network.egress import Address

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
