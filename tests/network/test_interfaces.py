"""Tests of the addresses of this host."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import NamedTuple

import psutil
import pytest
from structlog.testing import capture_logs

from tests.support.fakes import Clock
from tintype.network import interfaces
from tintype.network.egress import Policy
from tintype.network.interfaces import LocalAddresses, local_addresses


class Entry(NamedTuple):
    family: int
    address: str


def test_lists_addresses_that_the_kernel_lets_a_socket_bind() -> None:
    addresses = local_addresses()
    assert ip_address("127.0.0.1") in addresses
    for address in (address for address in addresses if address.version == 4):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))


def test_removes_scopes_and_ignores_hardware_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        Entry(socket.AF_INET, "192.0.2.7"),
        Entry(socket.AF_INET6, "fe80::1%eth0"),
        Entry(psutil.AF_LINK, "02:42:ac:11:00:02"),
    ]
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"eth0": entries})
    assert local_addresses() == {ip_address("192.0.2.7"), ip_address("fe80::1")}


def test_warns_when_the_kernel_lists_no_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("netlink is not available")

    monkeypatch.setattr(psutil, "net_if_addrs", fail)
    with capture_logs() as logs:
        assert local_addresses() == frozenset()
    assert [(line["event"], line["log_level"]) for line in logs] == [("local_addresses_unavailable", "warning")]


def test_address_that_the_host_gets_later_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    new, clock = ip_address("93.184.216.34"), Clock()
    policy = Policy(local_addresses=LocalAddresses(clock))
    assert policy.permits(new, 443)
    monkeypatch.setattr(interfaces, "local_addresses", lambda: frozenset({new}))
    clock.advance(interfaces.REFRESH_AFTER)
    assert not policy.permits(new, 443)


def test_last_known_addresses_count_if_the_kernel_lists_none(monkeypatch: pytest.MonkeyPatch) -> None:
    own, clock = ip_address("93.184.216.34"), Clock()
    monkeypatch.setattr(interfaces, "local_addresses", lambda: frozenset({own}))
    policy = Policy(local_addresses=LocalAddresses(clock))
    monkeypatch.setattr(interfaces, "local_addresses", frozenset)
    clock.advance(interfaces.REFRESH_AFTER)
    assert not policy.permits(own, 443)
