"""May a capture go there? The address policy and the operator's hosts, as the capture daemon asks them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from tintype.network.egress import Address, AllowRule, Policy, matches_host
from tintype.urls import canonical_hosts


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Pure: names before they are looked up, addresses before they are dialled."""

    policy: Policy = field(default_factory=Policy)
    allow_hosts: tuple[str, ...] = ()
    """Hosts that may have private names. That *only* these are photographed concerns targets, not what they load."""
    deny_hosts: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        allow_addresses: Iterable[str] = (),
        allow_hosts: Iterable[str] = (),
        deny_hosts: Iterable[str] = (),
        own: Iterable[Address] = (),
    ) -> Self:
        """From plain values, ``allow_addresses`` as operators write them; raises ValueError."""
        allowed = tuple(AllowRule.parse(text) for text in allow_addresses)
        policy = Policy(allowed, frozenset(own))
        return cls(policy, canonical_hosts(tuple(allow_hosts)), canonical_hosts(tuple(deny_hosts)))

    def permits_name(self, name: str, port: int) -> bool:
        """Whether a name may be looked up."""
        if matches_host(name, self.deny_hosts):
            return False
        return self.policy.permits_name(name, port, named=matches_host(name, self.allow_hosts))

    def permits(self, address: Address, port: int) -> bool:
        """Whether an address may be dialled."""
        return self.policy.permits(address, port) and not matches_host(str(address), self.deny_hosts)
