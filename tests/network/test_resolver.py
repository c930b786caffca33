"""The early look-up: every answer must be permitted, and nothing takes longer than its limit."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from tests.support import url_table
from tintype.errors import Overloaded, TargetDenied, TargetUnreachable
from tintype.network.egress import AllowRule, Policy, parse_address
from tintype.network.resolver import Resolver, TargetResolver, TooManyLookups, local_addresses
from tintype.urls import TargetPolicy, endpoint_of

PUBLIC, PUBLIC_V6 = "93.184.216.34", "2606:4700::1111"
ACCEPTED = [canonical for lines in url_table.accepted().values() for _, canonical in lines]


class Names:
    """A resolver by the book; ``answers`` maps a name to its addresses or to what is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        answer = self.answers.get(host, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(answer, Exception):
            raise answer
        return answers(*answer)


def answers(*addresses: str) -> list[Any]:
    return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, 0)) for a in addresses]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Held names are answered once this is set; it is at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


def everything_at(*addresses: str) -> Any:
    return lambda *_, **__: answers(*addresses)


def held(gate: threading.Event, *addresses: str) -> Any:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        gate.wait()
        return answers(*addresses)

    return resolve


@pytest.mark.parametrize("addresses", [[PUBLIC], [PUBLIC_V6], [PUBLIC, PUBLIC_V6], [PUBLIC] * 20])
def test_a_name_that_leads_to_public_addresses_passes(addresses: list[str]) -> None:
    TargetResolver(Policy(), resolve=Names(a_com=addresses)).check("https://a.com/")


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.5"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["::1"],
        ["fd00::1"],
        ["::ffff:93.184.216.34"],
        ["64:ff9b::a00:5"],
        ["2002:a00:5::1"],
        ["fe80::1%2"],
        ["0.0.0.0"],
        [PUBLIC, "10.0.0.5"],
        ["10.0.0.5", PUBLIC],
        [PUBLIC, PUBLIC_V6, "::1"],
    ],
)
def test_a_name_with_one_internal_answer_is_refused(addresses: list[str]) -> None:
    with pytest.raises(TargetDenied) as refused:
        TargetResolver(Policy(), resolve=Names(a_com=addresses)).check("https://a.com/")
    assert refused.value.detail == TargetDenied.title


@pytest.mark.parametrize("url", ACCEPTED)
class TestEveryAcceptedUrl:
    def test_passes_when_its_name_leads_to_public_addresses(self, url: str) -> None:
        TargetResolver(Policy(), resolve=everything_at(PUBLIC)).check(url)

    def test_is_refused_when_its_name_leads_inside(self, url: str) -> None:
        lookup = TargetResolver(Policy(), resolve=everything_at("10.0.0.5"))
        if parse_address(endpoint_of(url)[0]):
            lookup.check(url)
        else:
            with pytest.raises(TargetDenied):
                lookup.check(url)


@pytest.mark.parametrize(
    "answer", [[], socket.gaierror(-2, "unknown"), OSError("down"), UnicodeError("label too long")]
)
def test_a_name_without_an_answer_is_unreachable(answer: Any) -> None:
    with pytest.raises(TargetUnreachable):
        TargetResolver(Policy(), resolve=Names(a_com=answer)).check("https://a.com/")


def test_a_name_that_is_slow_to_resolve_is_unreachable(gate: threading.Event) -> None:
    with pytest.raises(TargetUnreachable, match="within"):
        TargetResolver(Policy(), timeout=0.05, resolve=held(gate, PUBLIC)).check("https://a.com/")


def test_many_slow_names_do_not_take_threads_without_end(gate: threading.Event) -> None:
    lookup = TargetResolver(Policy(), timeout=0.001, resolve=held(gate, PUBLIC))
    for number in range(64):
        with pytest.raises(TargetUnreachable):
            lookup.check(f"https://{number}.a.com/")
    with pytest.raises(Overloaded):
        lookup.check("https://b.com/")
    assert sum(thread.name == "lookup" for thread in threading.enumerate()) == 64


def test_an_address_is_judged_without_a_look_up() -> None:
    names = Names()
    lookup = TargetResolver(Policy((AllowRule.parse("127.0.0.1:8090"),)), resolve=names)
    lookup.check("http://93.184.216.34/")
    lookup.check("http://[2606:4700::1111]:8080/")
    lookup.check("http://127.0.0.1:8090/")
    with pytest.raises(TargetDenied):
        lookup.check("http://127.0.0.1:8091/")
    assert names.asked == []


def test_an_opened_network_is_reached_by_name_at_its_port_only() -> None:
    lookup = TargetResolver(Policy((AllowRule.parse("10.1.0.0/16:443"),)), resolve=Names(wiki_corp=["10.1.2.3"]))
    lookup.check("https://wiki.corp/")
    with pytest.raises(TargetDenied):
        lookup.check("http://wiki.corp/")


def test_an_answer_is_used_again_for_a_moment() -> None:
    names = Names(a_com=[PUBLIC])
    lookup = TargetResolver(Policy(), resolve=names)
    for _ in range(3):
        lookup.check("https://a.com/")
    assert names.asked == ["a.com"]


def test_a_failure_is_not() -> None:
    names = Names()
    lookup = TargetResolver(Policy(), resolve=names)
    for _ in range(2):
        with pytest.raises(TargetUnreachable):
            lookup.check("https://a.com/")
    names.answers["a.com"] = [PUBLIC]
    lookup.check("https://a.com/")
    assert names.asked == ["a.com"] * 3


def test_answers_remembered_are_bounded() -> None:
    lookup = TargetResolver(Policy(), resolve=everything_at(PUBLIC))
    for number in range(1100):
        lookup.check(f"https://{number}.a.com/")
    assert len(lookup._answers) <= 1024


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_looks_up_on_its_own(gate: threading.Event) -> None:
    resolver = Resolver(limit=1, resolve=held(gate, PUBLIC))
    resolver.submit("a.com")
    with pytest.raises(TooManyLookups):
        resolver.submit("b.com")
    child = os.fork()
    if not child:
        gate.set()
        status = 1
        try:
            status = 0 if resolver.submit("b.com").result(5) == (ip_address(PUBLIC),) else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_the_systems_own_resolver_is_asked_in_earnest() -> None:
    with pytest.raises(TargetUnreachable):
        TargetResolver(Policy()).check("http://no-such-name.example.com.invalid/")
    with pytest.raises(TargetDenied):
        TargetResolver(Policy()).check("http://localhost/")


def test_own_addresses_are_those_of_the_interfaces() -> None:
    own = local_addresses()
    assert ip_address("127.0.0.1") in own
    for address in (address for address in own if address.version == 4):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))  # the kernel refuses addresses of others


def test_text_and_look_up_agree_about_addresses() -> None:
    with pytest.raises(TargetDenied):
        TargetPolicy().canonicalize("http://10.0.0.5/")
    with pytest.raises(TargetDenied):
        TargetResolver(Policy()).check("http://10.0.0.5/")
