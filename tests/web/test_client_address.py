"""Client addresses behind trusted proxies: notation, garbage, long chains, and what a cache may keep of a header."""

from __future__ import annotations

import pytest

from tintype.web.client_address import MAX_CACHED_FORWARDED_LENGTH, MAX_HOPS, ProxyTrust

PROXIES = ProxyTrust(("10.0.0.0/8", "fd00::/8"))
PROXY = "10.0.0.1"


def client(forwarded: str, peer: str = PROXY) -> str:
    return str(PROXIES.client_address(peer, forwarded))


class TestClientAddress:
    @pytest.mark.parametrize(
        ("forwarded", "address"),
        [
            ("198.51.100.7", "198.51.100.7"),
            ("198.51.100.7:5123", "198.51.100.7"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("[::ffff:c633:6407]:80", "198.51.100.7"),
            ("fe80::1%eth0", "fe80::1"),
            (" 198.51.100.7\t", "198.51.100.7"),
        ],
    )
    def test_parses_the_notations_of_proxies(self, forwarded: str, address: str) -> None:
        assert client(forwarded) == address

    def test_takes_the_rightmost_address_that_is_no_proxy(self) -> None:
        assert client("9.9.9.9, 198.51.100.7, 10.0.0.2,fd00::2") == "198.51.100.7"

    def test_takes_the_first_proxy_if_all_addresses_are_proxies(self) -> None:
        assert client("10.9.9.9, 10.0.0.2") == "10.9.9.9"

    @pytest.mark.parametrize(
        "garbage",
        [
            "unknown",
            "_hidden",
            ",",
            "1.2.3.4,",
            "1.2.3.4.5",
            "1.2.3.4:x",
            "[::1",
            "[::1]x",
            "1.2.3.4 5",
            "ü",
            "9" * 300,
        ],
    )
    def test_takes_the_proxy_if_the_last_entry_is_no_address(self, garbage: str) -> None:
        assert client(garbage) == PROXY
        assert client(f"198.51.100.7, {garbage}") == PROXY
        assert client(f"198.51.100.7, {garbage}, 10.0.0.2") == "10.0.0.2"

    def test_ignores_the_header_of_an_untrusted_peer(self) -> None:
        assert client("198.51.100.7", peer="192.0.2.1") == "192.0.2.1"

    def test_reads_a_bounded_number_of_hops(self) -> None:
        assert client("198.51.100.7, " + ", ".join(["10.0.0.2"] * (MAX_HOPS - 1))) == "198.51.100.7"
        assert client("198.51.100.7, " + ", ".join(["10.0.0.2"] * MAX_HOPS)) == "10.0.0.2"

    def test_reads_a_bounded_number_of_characters_from_the_right(self) -> None:
        assert client("9.9.9.9, " * 100_000 + "198.51.100.7, 10.0.0.2") == "198.51.100.7"
        assert client("1" * 5000 + ".2.3.4") == PROXY


class TestTrustedPart:
    def test_contains_nothing_of_an_untrusted_peer(self) -> None:
        assert PROXIES.trusted_part("192.0.2.1", "198.51.100.7") == ""
        assert ProxyTrust().trusted_part("127.0.0.1", "198.51.100.7") == ""

    @pytest.mark.parametrize(
        "forwarded", ["198.51.100.7", "198.51.100.7, 10.0.0.2", "9.9.9.9, " * 50_000 + "198.51.100.7", "x" * 400_000]
    )
    def test_stays_short_and_has_the_same_client_address(self, forwarded: str) -> None:
        part = PROXIES.trusted_part(PROXY, forwarded)
        assert len(part) <= MAX_CACHED_FORWARDED_LENGTH
        assert PROXIES.client_address(PROXY, part) == PROXIES.client_address(PROXY, forwarded)


class TestForwardedHeader:
    """``Forwarded`` (RFC 7239), whose name has one spelling only."""

    PROXIES = ProxyTrust(("10.0.0.0/8",), "Forwarded")

    @pytest.mark.parametrize(
        ("forwarded", "address"),
        [
            ("for=198.51.100.7", "198.51.100.7"),
            ('For="198.51.100.7:47011";proto=https;by=10.0.0.1', "198.51.100.7"),
            ('proto=https;for="[2001:db8::1]:4711"', "2001:db8::1"),
            ("for=2001:db8::1", "2001:db8::1"),
            ("for=9.9.9.9, for=198.51.100.7, for=10.0.0.2", "198.51.100.7"),
            ("for=198.51.100.7, for=unknown", PROXY),
            ("for=198.51.100.7, by=9.9.9.9", PROXY),
            ("198.51.100.7", PROXY),
            ("for=9.9.9.9, " * 50_000 + "for=198.51.100.7", "198.51.100.7"),
        ],
    )
    def test_takes_the_address_of_the_client(self, forwarded: str, address: str) -> None:
        environ = {"REMOTE_ADDR": PROXY, "HTTP_FORWARDED": forwarded, "HTTP_X_FORWARDED_FOR": "9.9.9.9"}
        assert str(self.PROXIES.client_address(PROXY, self.PROXIES.forwarded(environ))) == address

    def test_ignores_it_unless_it_is_configured(self) -> None:
        environ = {"REMOTE_ADDR": PROXY, "HTTP_FORWARDED": "for=198.51.100.7"}
        assert PROXIES.forwarded(environ) == ""
