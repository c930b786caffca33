"""What becomes of target URLs: a table of several hundred spellings, then properties that hold for all of them."""

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
from tintype.urls import TargetPolicy

TRACKING = ("utm_*", "gclid", "fbclid")
REFUSALS = (InvalidRequest, TargetDenied)


def each(sections: Mapping[str, Sequence[Any]]) -> list[Any]:
    cases = [(name, case) for name, lines in sections.items() for case in lines]
    return [pytest.param(case, id=f"{name}: {case!a}") for name, case in cases]


@pytest.fixture
def rules() -> TargetPolicy:
    return TargetPolicy(tracking_parameters=TRACKING)


@pytest.mark.parametrize("raw", each(url_table.refused()))
def test_refused_by_text(rules: TargetPolicy, raw: str) -> None:
    with pytest.raises(REFUSALS):
        rules.canonicalize(raw)


@pytest.mark.parametrize("case", each(url_table.accepted()))
def test_accepted_in_one_spelling(rules: TargetPolicy, case: tuple[str, str]) -> None:
    raw, canonical = case
    assert rules.canonicalize(raw) == canonical
    assert rules.canonicalize(canonical) == canonical


def test_the_table_is_large() -> None:
    assert sum(map(len, url_table.refused().values())) >= 400
    assert sum(map(len, url_table.accepted().values())) >= 150


class TestLength:
    def test_counts_bytes_as_sent(self, rules: TargetPolicy) -> None:
        room = urls.MAX_BYTES - len("http://example.com/")
        assert rules.canonicalize("http://example.com/" + "a" * room)
        for path in ("a" * (room + 1), "ü" * (room // 2 + 1), "ü" * (room // 4)):
            with pytest.raises(InvalidRequest, match="2048 bytes"):
                rules.canonicalize("http://example.com/" + path)

    def test_is_bounded_before_anything_is_parsed(self, rules: TargetPolicy) -> None:
        with pytest.raises(InvalidRequest):
            rules.canonicalize("http://" + "a" * 10_000_000)


class TestTheOperator:
    def test_opens_an_address_at_a_port(self) -> None:
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

    def test_opens_a_network_to_private_names_at_its_port(self) -> None:
        rules = TargetPolicy(egress.Policy((egress.AllowRule.parse("10.0.0.0/8:443"),)))
        assert rules.canonicalize("https://wiki.corp/") == "https://wiki.corp/"
        with pytest.raises(TargetDenied):
            rules.canonicalize("http://wiki.corp/")

    def test_opens_an_ipv6_address_at_a_port(self) -> None:
        rules = TargetPolicy(egress.Policy((egress.AllowRule.parse("[fd00::1]:80"),)))
        assert rules.canonicalize("http://[FD00::0:1]/") == "http://[fd00::1]/"

    @pytest.mark.parametrize("raw", ["http://a.com/", "http://A.COM./", "http://x.b.com/", "http://xn--bcher-kva.de/"])
    def test_names_the_only_hosts_there_are(self, raw: str) -> None:
        rules = TargetPolicy(allow_hosts=("A.com", "*.b.com", "bücher.de"))
        assert rules.canonicalize(raw)
        with pytest.raises(TargetDenied):
            rules.canonicalize("http://c.com/")

    def test_may_name_a_private_host(self) -> None:
        assert TargetPolicy(allow_hosts=("wiki.corp",)).canonicalize("http://wiki.corp/") == "http://wiki.corp/"

    def test_cannot_open_an_address_by_naming_it(self) -> None:
        for host in ("127.0.0.1", "[::1]"):
            with pytest.raises(TargetDenied):
                TargetPolicy(allow_hosts=(host,)).canonicalize(f"http://{host}/")

    @pytest.mark.parametrize(
        "raw", ["http://a.com/", "http://A.Com./", "http://www.b.com/", "http://8.8.8.8/", "http://[2606:4700::1]/"]
    )
    def test_names_hosts_that_are_never_photographed(self, raw: str) -> None:
        rules = TargetPolicy(deny_hosts=("a.com", "*.B.com", "8.8.8.8", "[2606:4700:0::1]"))
        with pytest.raises(TargetDenied):
            rules.canonicalize(raw)
        assert rules.canonicalize("http://b.com/")

    def test_keeps_this_machine_out_of_the_picture(self) -> None:
        rules = TargetPolicy(egress.Policy(local_addresses=frozenset({ip_address("93.184.216.34")})))
        with pytest.raises(TargetDenied):
            rules.canonicalize("http://93.184.216.34/")


class TestRefusals:
    @pytest.mark.parametrize("raw", ["http://127.0.0.1/", "http://localhost/", "http://printer.local/"])
    def test_say_nothing_about_the_network(self, rules: TargetPolicy, raw: str) -> None:
        with pytest.raises(TargetDenied) as refused:
            rules.canonicalize(raw)
        assert refused.value.detail == TargetDenied.title

    @pytest.mark.parametrize(
        ("raw", "reason"),
        [
            ("ftp://example.com/", "http://"),
            ("http://user@example.com/", "user name"),
            ("http://example.com:99999/", "valid URL"),
            ("http://example.com:0/", "port from 1 to 65535"),
            ("http://134744072/", "four plain decimal numbers"),
            ("http://ex%61mple.com/", "percent signs"),
            ("http://example.com/\t", "control characters"),
        ],
    )
    def test_name_the_parameter_and_what_it_accepts(self, rules: TargetPolicy, raw: str, reason: str) -> None:
        with pytest.raises(InvalidRequest, match=reason) as refused:
            rules.canonicalize(raw)
        assert [mistake.parameter for mistake in refused.value.invalid_parameters] == ["url"]


def test_the_endpoint_is_what_will_be_dialled() -> None:
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
def test_a_url_is_refused_or_has_one_spelling(raw: str) -> None:
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
def test_an_address_is_accepted_only_when_public(address: egress.Address) -> None:
    raw = f"http://{address}/" if address.version == 4 else f"http://[{address}]/"
    try:
        assert TargetPolicy().canonicalize(raw)
    except TargetDenied:
        assert not egress.is_public(address)
    else:
        assert egress.is_public(address)
