"""Tests of canonical target URLs: a table of several hundred cases, and properties of all URLs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import url_table
from tintype import urls
from tintype.errors import InvalidRequest, TargetDenied
from tintype.network import egress
from tintype.urls import TargetPolicy, with_scheme

TRACKING = ("utm_*", "gclid", "fbclid")
REFUSALS = (InvalidRequest, TargetDenied)


def each(sections: Mapping[str, Sequence[Any]]) -> list[Any]:
    cases = [(name, case) for name, lines in sections.items() for case in lines]
    return [pytest.param(case, id=f"{name}: {case!a}") for name, case in cases]


@pytest.fixture
def rules() -> TargetPolicy:
    return TargetPolicy(tracking_parameters=TRACKING)


@pytest.mark.parametrize("raw", each(url_table.rejected()))
def test_rejects_urls_of_the_table(rules: TargetPolicy, raw: str) -> None:
    with pytest.raises(REFUSALS):
        rules.canonicalize(raw)


@pytest.mark.parametrize("case", each(url_table.accepted()))
def test_canonicalizes_urls_of_the_table(rules: TargetPolicy, case: tuple[str, str]) -> None:
    raw, canonical = case
    assert rules.canonicalize(raw) == canonical
    assert rules.canonicalize(canonical) == canonical


def test_table_has_enough_cases() -> None:
    assert sum(map(len, url_table.rejected().values())) >= 400
    assert sum(map(len, url_table.accepted().values())) >= 150


class TestLength:
    def test_counts_bytes_of_the_canonical_url(self, rules: TargetPolicy) -> None:
        room = urls.MAX_BYTES - len("http://example.com/")
        assert rules.canonicalize("http://example.com/" + "a" * room)
        for path in ("a" * (room + 1), "ü" * (room // 2 + 1), "ü" * (room // 4)):
            with pytest.raises(InvalidRequest, match="2048 bytes"):
                rules.canonicalize("http://example.com/" + path)

    def test_checks_the_length_before_parsing(self, rules: TargetPolicy) -> None:
        with pytest.raises(InvalidRequest):
            rules.canonicalize("http://" + "a" * 10_000_000)


class TestOperatorRules:
    def test_allows_an_address_at_a_port(self) -> None:
        rules = TargetPolicy(egress.Policy((egress.AllowRule.parse("127.0.0.1:8090"),)))
        assert rules.canonicalize("http://127.0.0.1:8090/x") == "http://127.0.0.1:8090/x"
        for raw in (
            "http://127.0.0.1/",
            "http://127.0.0.2:8090/",
            "http://127.1:8090/",
            "http://[::ffff:7f00:1]:8090/",
        ):
            with pytest.raises(REFUSALS):
                rules.canonicalize(raw)

    def test_allows_private_names_at_the_port_of_a_network(self) -> None:
        rules = TargetPolicy(egress.Policy((egress.AllowRule.parse("10.0.0.0/8:443"),)))
        assert rules.canonicalize("https://wiki.corp/") == "https://wiki.corp/"
        with pytest.raises(TargetDenied):
            rules.canonicalize("http://wiki.corp/")

    def test_allows_an_ipv6_address_at_a_port(self) -> None:
        rules = TargetPolicy(egress.Policy((egress.AllowRule.parse("[fd00::1]:80"),)))
        assert rules.canonicalize("http://[FD00::0:1]/") == "http://[fd00::1]/"

    @pytest.mark.parametrize("raw", ["http://a.com/", "http://A.COM./", "http://x.b.com/", "http://xn--bcher-kva.de/"])
    def test_denies_hosts_outside_of_the_allow_list(self, raw: str) -> None:
        rules = TargetPolicy(allow_hosts=("A.com", "*.b.com", "bücher.de"))
        assert rules.canonicalize(raw)
        with pytest.raises(TargetDenied):
            rules.canonicalize("http://c.com/")

    def test_allows_a_private_host_by_name(self) -> None:
        assert TargetPolicy(allow_hosts=("wiki.corp",)).canonicalize("http://wiki.corp/") == "http://wiki.corp/"

    def test_denies_a_private_address_in_the_host_list(self) -> None:
        for host in ("127.0.0.1", "[::1]"):
            with pytest.raises(TargetDenied):
                TargetPolicy(allow_hosts=(host,)).canonicalize(f"http://{host}/")

    @pytest.mark.parametrize(
        "raw", ["http://a.com/", "http://A.Com./", "http://www.b.com/", "http://8.8.8.8/", "http://[2606:4700::1]/"]
    )
    def test_denies_hosts_of_the_deny_list(self, raw: str) -> None:
        rules = TargetPolicy(deny_hosts=("a.com", "*.B.com", "8.8.8.8", "[2606:4700:0::1]"))
        with pytest.raises(TargetDenied):
            rules.canonicalize(raw)
        assert rules.canonicalize("http://b.com/")

    def test_denies_addresses_of_this_host(self) -> None:
        rules = TargetPolicy(egress.Policy(local_addresses=frozenset({ip_address("93.184.216.34")})))
        with pytest.raises(TargetDenied):
            rules.canonicalize("http://93.184.216.34/")


class TestErrors:
    @pytest.mark.parametrize("raw", ["http://127.0.0.1/", "http://localhost/", "http://printer.local/"])
    def test_does_not_reveal_the_network(self, rules: TargetPolicy, raw: str) -> None:
        with pytest.raises(TargetDenied) as denied:
            rules.canonicalize(raw)
        assert denied.value.detail == TargetDenied.default_detail

    @pytest.mark.parametrize(
        ("raw", "reason"),
        [
            ("ftp://example.com/", "http://"),
            ("http://user@example.com/", "user name"),
            ("http://example.com:99999/", "valid URL"),
            ("http://example.com:0/", "port from 1 to 65535"),
            ("http://134744072/", "four decimal numbers"),
            ("http://ex%61mple.com/", "percent signs"),
            ("http://example.com/\t", "control characters"),
        ],
    )
    def test_names_the_parameter_and_the_reason(self, rules: TargetPolicy, raw: str, reason: str) -> None:
        with pytest.raises(InvalidRequest, match=reason) as denied:
            rules.canonicalize(raw)
        assert [mistake.parameter for mistake in denied.value.invalid_parameters] == ["url"]


def test_endpoint_of_returns_host_and_port() -> None:
    assert urls.endpoint_of("https://example.com/x") == ("example.com", 443)
    assert urls.endpoint_of("http://[2606:4700::1111]:8080/") == ("2606:4700::1111", 8080)


awkward = st.text(
    st.sampled_from("htps:/\\.@%[]#?&=\t\n 0123456789abcdfx-_~'\"<>{}|^`\u3002\uff11\u2460\xad\u200b\xfc\ud800")
)
hosts = st.one_of(
    st.from_regex(r"[a-z0-9-]{1,9}(\.[a-z0-9-]{1,9}){0,4}\.?", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=4).map(int).map(str),
    st.ip_addresses(v=4).map(int).map(hex),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    st.text(min_size=1, max_size=20),
)
webby = st.builds(
    "{}://{}{}/{}".format, st.sampled_from(["http", "https", "HTTP"]), hosts, st.just("") | awkward, awkward
)


@given(st.one_of(webby, awkward, st.text()))
@example("http://x.com/" + "ü" * 400)
@example("http://x.com/?&utm_a&")
def test_rejects_a_url_or_returns_one_canonical_form(raw: str) -> None:
    rules = TargetPolicy(tracking_parameters=TRACKING)
    try:
        canonical = rules.canonicalize(raw)
    except REFUSALS:
        return
    assert rules.canonicalize(canonical) == canonical
    assert canonical.isascii()
    host, port = urls.endpoint_of(canonical)
    address = egress.parse_address(host)
    assert egress.is_public(address) if address else egress.is_name(host) and not egress.is_private_name(host)
    assert 0 < port < 65536


@given(st.ip_addresses())
def test_accepts_public_addresses_only(address: egress.Address) -> None:
    raw = f"http://{address}/" if address.version == 4 else f"http://[{address}]/"
    try:
        assert TargetPolicy().canonicalize(raw)
    except TargetDenied:
        assert not egress.is_public(address)
    else:
        assert egress.is_public(address)


class TestWithScheme:
    @pytest.mark.parametrize(
        ("text", "completed"),
        [
            ("site.org", "https://site.org"),
            (" site.org/a?b=http://c ", "https://site.org/a?b=http://c"),
            ("site.org:8443/a", "https://site.org:8443/a"),
            ("xn--bcher-kva.example#!/a", "https://xn--bcher-kva.example#!/a"),
            ("bücher.example", "https://bücher.example"),
            ("a.b.co.uk?x", "https://a.b.co.uk?x"),
            ("127.0.0.1", "http://127.0.0.1"),
            ("1.2.3.4:80/a", "http://1.2.3.4:80/a"),
            ("LOCALHOST:3000?x", "http://LOCALHOST:3000?x"),
            ("[fd00::1]:80", "http://[fd00::1]:80"),
        ],
    )
    def test_completes_a_host_name_with_a_dot_or_a_local_host(self, text: str, completed: str) -> None:
        assert with_scheme(text) == completed

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "",
                " ",
                "nonsense",
                "wiki:80",
                "127.1:80",
                "localhosts",
                "localhost.:80",
                "[::1",
                "1.2.3.4.5",
                "site.org:x",
                "site.123",
            ),
            *("http://site.org", "javascript:alert(1)", "data:text/html,a.b", "file:///a.b", "//site.org", "/a.html"),
            *("user@site.org", "site.org:123456", "mailto:a@site.org", "site.org\\evil.org", "site..org", ".org"),
        ],
    )
    def test_returns_any_other_text_unchanged(self, text: str) -> None:
        assert with_scheme(text) == text

    def test_takes_linear_time(self) -> None:
        assert with_scheme("a." * 100_000 + "!") == "a." * 100_000 + "!"
