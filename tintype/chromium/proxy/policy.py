"""Egress policy of the proxy: permits or denies names and addresses; always denies the proxy itself."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Self

from tintype.network.egress import Address, AllowRule, Policy, is_public, matches_host
from tintype.urls import canonical_hosts


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Decides about names before they are resolved, and about addresses before they are dialled."""

    addresses: Policy = field(default_factory=Policy)
    allow_hosts: tuple[str, ...] = ()
    """Hosts that may have private names. They restrict which targets are captured, not what a page loads."""
    deny_hosts: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        allow_addresses: Iterable[str] = (),
        allow_hosts: Iterable[str] = (),
        deny_hosts: Iterable[str] = (),
        local_addresses: Container[Address] = (),
    ) -> Self:
        """Build from the texts of the settings; raises ValueError."""
        allowed = tuple(AllowRule.parse(text) for text in allow_addresses)
        addresses = Policy(allowed, local_addresses)
        return cls(addresses, canonical_hosts(tuple(allow_hosts)), canonical_hosts(tuple(deny_hosts)))

    def permits_name(self, name: str, port: int) -> bool:
        """Return whether a name may be resolved."""
        if matches_host(name, self.deny_hosts):
            return False
        return self.addresses.permits_name(name, port, named=matches_host(name, self.allow_hosts))

    def permits(self, address: Address, port: int, proxy_port: int) -> bool:
        """Return whether an address may be dialled by the proxy that listens on ``proxy_port``; 0: in a namespace.

        The proxy itself is denied even if an allow rule includes it.
        """
        if port == proxy_port and not is_public(address):
            return False
        return self.addresses.permits(address, port) and not matches_host(str(address), self.deny_hosts)
