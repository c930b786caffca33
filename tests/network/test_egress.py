"""Tests of the egress policy: every special-purpose range of both families, borders included."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tintype.network.egress import AllowRule, Policy, is_name, is_private_name, is_public, matches_host, parse_address

INTERNAL = {
    "this network": ["0.0.0.0", "0.0.0.1", "0.255.255.255"],
    "private 10/8": ["10.0.0.0", "10.0.0.5", "10.255.255.255"],
    "private 172.16/12": ["172.16.0.0", "172.20.1.1", "172.31.255.255"],
    "private 192.168/16": ["192.168.0.0", "192.168.1.1", "192.168.255.255"],
    "loopback": ["127.0.0.0", "127.0.0.1", "127.1.2.3", "127.255.255.255"],
    "link local": ["169.254.0.0", "169.254.1.1", "169.254.255.255"],
    "carrier NAT": ["100.64.0.0", "100.127.255.255"],
    "cloud metadata": ["169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16"],
    "protocol assignments": ["192.0.0.0", "192.0.0.8", "192.0.0.170", "192.0.0.255"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1"],
    "6to4 relay": ["192.88.99.0", "192.88.99.1", "192.88.99.255"],
    "benchmarking": ["198.18.0.0", "198.19.255.255"],
    "multicast": ["224.0.0.1", "232.1.1.1", "239.255.255.250"],
    "reserved": ["240.0.0.1", "250.1.2.3", "255.255.255.254"],
    "broadcast": ["255.255.255.255"],
    "IPv6 unspecified": ["::"],
    "IPv6 loopback": ["::1"],
    "IPv4-compatible": ["::127.0.0.1", "::8.8.8.8", "::10.0.0.5"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.5", "::ffff:8.8.8.8", "::ffff:169.254.169.254"],
    "IPv4-translated": ["::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:5", "64:ff9b:1:ffff::1"],
    "6to4": ["2002:7f00:1::", "2002:a00:5::1", "2002:808:808::1"],
    "Teredo": ["2001::1", "2001:0:53aa:64c:0:fbfe:80ff:fffe"],
    "ORCHID and benchmarking": ["2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff::"],
    "IPv6 documentation": ["2001:db8::1", "2001:db8:ffff::", "3fff::1", "3fff:fff:ffff::"],
    "discard": ["100::1", "100:0:0:1::1"],
    "segment routing": ["5f00::1"],
    "unique local": ["fc00::1", "fd00::5", "fdff:ffff::1", "fd00:ec2::254"],
    "IPv6 link local": ["fe80::1", "febf::1"],
    "site local": ["fec0::1", "feff::1"],
    "IPv6 multicast": ["ff00::1", "ff02::1", "ff0e::1"],
    "unallocated": ["1000::1", "4000::1", "8000::1", "e000::1"],
    "AS112": ["2620:4f:8000::1"],
    "zone": ["fe80::1%eth0", "2606:4700::1111%1"],
}

PUBLIC = [
    "1.0.0.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0",
    "172.15.255.255", "172.32.0.0", "172.217.16.142", "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255",
    "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
    "203.0.112.255", "203.0.114.0", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2003::1",
    "2606:4700::1111", "2a00:1450:4001::1", "2620:4f:7fff::1", "2c0f:fb50::1", "3ffe:ffff::1", "2400:cb00::1",
]  # fmt: skip


@pytest.mark.parametrize("text", [pytest.param(a, id=f"{kind} {a}") for kind, all_ in INTERNAL.items() for a in all_])
def test_denies_internal_addresses(text: str) -> None:
    assert not is_public(ip_address(text))
    assert not Policy().permits(ip_address(text), 80)


@pytest.mark.parametrize("text", PUBLIC)
def test_permits_public_addresses_next_to_internal_ranges(text: str) -> None:
    assert Policy().permits(ip_address(text), 443)


@given(st.ip_addresses(v=6).filter(lambda a: a not in ip_network("2000::/3")))
def test_denies_ipv6_outside_of_global_unicast(address: IPv6Address) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_denies_ipv4_addresses_embedded_in_ipv6(address: IPv4Address) -> None:
    number = int(address)
    embedded = [number, 0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80]
    assert not any(is_public(IPv6Address(address_)) for address_ in embedded)


@given(st.ip_addresses(v=4))
def test_permits_nothing_that_python_does_not_call_global(address: IPv4Address) -> None:
    assert address.is_global or not is_public(address)


class TestLocalAddresses:
    policy = Policy(local_addresses=frozenset({ip_address("93.184.216.34"), ip_address("2606:4700::1")}))

    def test_denies_public_addresses_of_this_host(self) -> None:
        assert not self.policy.permits(ip_address("93.184.216.34"), 443)
        assert not self.policy.permits(ip_address("2606:4700::1"), 443)

    def test_permits_addresses_next_to_them(self) -> None:
        assert self.policy.permits(ip_address("93.184.216.35"), 443)

    def test_permits_them_by_an_allow_rule(self) -> None:
        policy = Policy((AllowRule.parse("93.184.216.34:8443"),), self.policy.local_addresses)
        assert policy.permits(ip_address("93.184.216.34"), 8443)
        assert not policy.permits(ip_address("93.184.216.34"), 443)


class TestAllowRule:
    policy = Policy(
        tuple(map(AllowRule.parse, ("127.0.0.1:8090", "10.1.0.0/16:443", "[fd00::1]:80", "[fe80::/10]:81")))
    )

    @pytest.mark.parametrize(
        ("address", "port"), [("127.0.0.1", 8090), ("10.1.2.3", 443), ("fd00::1", 80), ("fe80::1", 81)]
    )
    def test_permits_an_address_at_its_port(self, address: str, port: int) -> None:
        assert self.policy.permits(ip_address(address), port)

    @pytest.mark.parametrize(
        ("address", "port"),
        [
            ("127.0.0.1", 80),
            ("127.0.0.2", 8090),
            ("10.1.2.3", 80),
            ("10.2.0.1", 443),
            ("fd00::1", 81),
            ("fd00::2", 80),
            ("::ffff:127.0.0.1", 8090),
            ("::127.0.0.1", 8090),
            ("fe80::1%1", 81),
        ],
    )
    def test_permits_no_other_address_or_port(self, address: str, port: int) -> None:
        assert not self.policy.permits(ip_address(address), port)

    @pytest.mark.parametrize(
        "text",
        ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:８０", "127.0.0.1:+80",
         "::1:80", "fd00::1", "[fd00::1]", "10.0.0.1/8:443", "localhost:80", "*:80", "127.1:80", "012.0.0.1:80"],
    )  # fmt: skip
    def test_rejects_text_that_is_not_an_address_with_a_port(self, text: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            AllowRule.parse(text)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_denies_invalid_ports(port: int) -> None:
    assert not Policy().permits(ip_address("8.8.8.8"), port)


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["example.com", "10.example.com", "1e100.net", "0x7f.com", "127.0.0.1.nip.io", "xn--bcher-kva.de",
         "a_b.example.com", "-x.tumblr.com", "localhost.com", "local.ch", "internal.io", "mylocal.net", "lan.org",
         "0.com", "x.y.z.co.uk", "a" * 63 + ".com"],
    )  # fmt: skip
    def test_permits_public_names(self, name: str) -> None:
        assert Policy().permits_name(name, 443)

    @pytest.mark.parametrize(
        "name",
        ["localhost", "intranet", "a.localhost", "printer.local", "metadata.google.internal", "router.home.arpa",
         "nas.lan", "wiki.corp", "x.home", "x.localdomain", "x.intranet", "x.private", "kubernetes.default.svc",
         "kubernetes.default.svc.cluster.local", "duck.onion", "x.test", "x.invalid", "x.example", "home.arpa",
         "1.0.0.127.in-addr.arpa"],
    )  # fmt: skip
    def test_denies_private_names(self, name: str) -> None:
        assert is_private_name(name)
        assert not Policy().permits_name(name, 443)

    @pytest.mark.parametrize(
        "name",
        ["", ".", "a..com", ".com", "com.", "A.com", "a b.com", "a%2e.com", "a/b.com", "a@b.com", "a:b.com", "ü.com",
         "１.com", "a\x00.com", "127.0.0.1", "2130706433", "0x7f.1", "foo.0x", "foo.123", "foo.0x1f", "foo.1a", "[::1]",
         "::1", "a" * 64 + ".com", ".".join(["abcd"] * 60), "*.com", "a!b.com", "localhost\n", "a.com\n"],
    )  # fmt: skip
    def test_rejects_names_that_a_resolver_can_read_as_numbers(self, name: str) -> None:
        assert not is_name(name)
        assert not Policy().permits_name(name, 443, named=True)

    def test_permits_private_names_at_the_port_of_an_allow_rule(self) -> None:
        policy = Policy((AllowRule.parse("10.1.0.0/16:443"),))
        assert policy.permits_name("wiki.corp", 443)
        assert not policy.permits_name("wiki.corp", 80)

    def test_permits_private_names_that_the_operator_named(self) -> None:
        assert Policy().permits_name("wiki.corp", 80, named=True)


class TestHostPatterns:
    @pytest.mark.parametrize("host", ["a.com", "www.b.com", "x.y.b.com"])
    def test_matches_a_host_exactly_or_below_a_wildcard(self, host: str) -> None:
        assert matches_host(host, ("a.com", "*.b.com"))

    @pytest.mark.parametrize("host", ["www.a.com", "b.com", "xb.com", "a.com.evil.net", ""])
    def test_matches_no_other_host(self, host: str) -> None:
        assert not matches_host(host, ("a.com", "*.b.com"))


class TestParseAddress:
    @pytest.mark.parametrize("text", ["127.0.0.1", "::1", "[::1]", "2001:4860:4860::8888"])
    def test_parses_canonical_addresses(self, text: str) -> None:
        assert str(parse_address(text)) == text.strip("[]")

    @pytest.mark.parametrize("text", ["127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "127.0.0.01", "１.1.1.1", "a"])
    def test_returns_none_for_other_text(self, text: str) -> None:
        assert parse_address(text) is None
