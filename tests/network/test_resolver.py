"""Tests of DNS resolution of targets: permitted answers, time limits, cache, forks."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

import pytest

from tests.support import url_table
from tests.support.concurrency import eventually
from tests.support.fakes import Clock
from tintype.errors import Overloaded, TargetDenied, TargetUnreachable
from tintype.network.egress import AllowRule, Policy, parse_address
from tintype.network.resolver import MAX_CACHED_BYTES, MAX_CACHED_NAMES, Resolver, TargetResolver, TooManyLookups
from tintype.urls import TargetPolicy, endpoint_of

PUBLIC, PUBLIC_V6 = "93.184.216.34", "2606:4700::1111"
ACCEPTED = [canonical for lines in url_table.accepted().values() for _, canonical in lines]


class FakeGetaddrinfo:
    """A fake getaddrinfo; ``answers`` maps a name to its addresses or to an exception."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.lookups: list[str] = []
        self.release: threading.Event | None = None
        """Lookups wait until it is set."""

    def __call__(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.lookups.append(host)
        if self.release:
            self.release.wait()
        answer = self.answers.get(host, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(answer, Exception):
            raise answer
        return answers(*answer)


def answers(*addresses: str) -> list[Any]:
    return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, 0)) for a in addresses]


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Set to answer blocked lookups; set at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


def resolving_to(*addresses: str) -> Any:
    return lambda *_, **__: answers(*addresses)


def blocked(release: threading.Event, *addresses: str) -> Any:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        release.wait()
        return answers(*addresses)

    return resolve


@pytest.mark.parametrize("addresses", [[PUBLIC], [PUBLIC_V6], [PUBLIC, PUBLIC_V6], [PUBLIC] * 20])
def test_accepts_a_name_with_public_addresses(addresses: list[str]) -> None:
    TargetResolver(Policy(), resolve=FakeGetaddrinfo(a_com=addresses)).check("https://a.com/")


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
def test_denies_a_name_with_one_internal_address(addresses: list[str]) -> None:
    with pytest.raises(TargetDenied) as denied:
        TargetResolver(Policy(), resolve=FakeGetaddrinfo(a_com=addresses)).check("https://a.com/")
    assert denied.value.detail == TargetDenied.default_detail


@pytest.mark.parametrize("url", ACCEPTED)
class TestAcceptedUrls:
    def test_accepts_a_url_if_its_name_has_a_public_address(self, url: str) -> None:
        TargetResolver(Policy(), resolve=resolving_to(PUBLIC)).check(url)

    def test_denies_a_url_if_its_name_has_an_internal_address(self, url: str) -> None:
        lookup = TargetResolver(Policy(), resolve=resolving_to("10.0.0.5"))
        if parse_address(endpoint_of(url)[0]):
            lookup.check(url)
        else:
            with pytest.raises(TargetDenied):
                lookup.check(url)


@pytest.mark.parametrize(
    "answer", [[], socket.gaierror(-2, "unknown"), OSError("down"), UnicodeError("label too long")]
)
def test_reports_a_name_without_an_answer_as_unreachable(answer: Any) -> None:
    with pytest.raises(TargetUnreachable):
        TargetResolver(Policy(), resolve=FakeGetaddrinfo(a_com=answer)).check("https://a.com/")


def test_reports_a_slow_name_as_unreachable(release: threading.Event) -> None:
    with pytest.raises(TargetUnreachable, match="within"):
        TargetResolver(Policy(), timeout=0.05, resolve=blocked(release, PUBLIC)).check("https://a.com/")


def test_limits_concurrent_lookups_to_64_threads(release: threading.Event) -> None:
    lookup = TargetResolver(Policy(), timeout=0.001, resolve=blocked(release, PUBLIC))
    for number in range(64):
        with pytest.raises(TargetUnreachable):
            lookup.check(f"https://{number}.a.com/")
    with pytest.raises(Overloaded):
        lookup.check("https://b.com/")
    assert sum(thread.name == "lookup" for thread in threading.enumerate()) == 64


def test_checks_an_address_without_a_lookup() -> None:
    names = FakeGetaddrinfo()
    lookup = TargetResolver(Policy((AllowRule.parse("127.0.0.1:8090"),)), resolve=names)
    lookup.check("http://93.184.216.34/")
    lookup.check("http://[2606:4700::1111]:8080/")
    lookup.check("http://127.0.0.1:8090/")
    with pytest.raises(TargetDenied):
        lookup.check("http://127.0.0.1:8091/")
    assert names.lookups == []


def test_allows_a_private_name_at_the_port_of_an_allow_rule_only() -> None:
    lookup = TargetResolver(
        Policy((AllowRule.parse("10.1.0.0/16:443"),)), resolve=FakeGetaddrinfo(wiki_corp=["10.1.2.3"])
    )
    lookup.check("https://wiki.corp/")
    with pytest.raises(TargetDenied):
        lookup.check("http://wiki.corp/")


def test_caches_an_answer() -> None:
    names = FakeGetaddrinfo(a_com=[PUBLIC])
    lookup = TargetResolver(Policy(), resolve=names)
    for _ in range(3):
        lookup.check("https://a.com/")
    assert names.lookups == ["a.com"]


def test_caches_a_failure_for_two_seconds() -> None:
    names, clock = FakeGetaddrinfo(), Clock()
    lookup = TargetResolver(Policy(), resolve=names, clock=clock)
    for _ in range(3):
        with pytest.raises(TargetUnreachable, match="does not resolve"):
            lookup.check("https://a.com/")
    assert names.lookups == ["a.com"]
    names.answers["a.com"] = [PUBLIC]
    clock.advance(2)
    lookup.check("https://a.com/")
    assert names.lookups == ["a.com"] * 2


def test_caches_that_a_name_was_slow_until_its_answer_arrives(release: threading.Event) -> None:
    names = FakeGetaddrinfo(a_com=[PUBLIC])
    names.release = release
    lookup = TargetResolver(Policy(), timeout=0.05, resolve=names)
    for _ in range(3):
        with pytest.raises(TargetUnreachable, match="within"):
            lookup.check("https://a.com/")
    release.set()
    assert eventually(lambda: lookup._in_flight == {})
    lookup.check("https://a.com/")
    assert names.lookups == ["a.com"]


class TestConcurrentChecks:
    def test_share_one_lookup_of_a_name(self, release: threading.Event) -> None:
        names = FakeGetaddrinfo(a_com=[PUBLIC])
        names.release = release
        lookup = TargetResolver(Policy(), timeout=60, resolve=names, clock=Clock())
        with ThreadPoolExecutor(96) as pool:
            checks = [pool.submit(lookup.check, f"https://a.com/{number}") for number in range(96)]
            assert eventually(lambda: names.lookups == ["a.com"])
            release.set()
            assert [check.exception() for check in checks] == [None] * 96
        assert names.lookups == ["a.com"]

    def test_share_one_failure_of_a_name(self, release: threading.Event) -> None:
        names = FakeGetaddrinfo()
        names.release = release
        lookup = TargetResolver(Policy(), timeout=60, resolve=names, clock=Clock())
        with ThreadPoolExecutor(96) as pool:
            checks = [pool.submit(lookup.check, "https://a.com/") for _ in range(96)]
            assert eventually(lambda: names.lookups == ["a.com"])
            release.set()
            assert {type(check.exception()) for check in checks} == {TargetUnreachable}
        assert names.lookups == ["a.com"]

    def test_pass_for_names_in_flight_while_others_are_rejected(self, release: threading.Event) -> None:
        lookup = TargetResolver(Policy(), resolve=blocked(release, PUBLIC))
        with ThreadPoolExecutor(96) as pool:
            checks = [pool.submit(lookup.check, f"https://{number % 64}.a.com/") for number in range(96)]
            assert eventually(lambda: len(lookup._in_flight) == 64)
            with pytest.raises(Overloaded):
                lookup.check("https://b.com/")
            release.set()
            assert [check.exception() for check in checks] == [None] * 96


class TestCachedAnswers:
    def test_have_a_bounded_number(self) -> None:
        lookup = TargetResolver(Policy(), resolve=resolving_to(PUBLIC))
        for number in range(1100):
            lookup.check(f"https://{number}.a.com/")
        assert len(lookup._answers) <= MAX_CACHED_NAMES

    def test_have_a_bounded_size(self) -> None:
        addresses = [f"93.184.{number // 256}.{number % 256}" for number in range(2000)]
        lookup = TargetResolver(Policy(), resolve=resolving_to(*addresses))
        for number in range(10):
            lookup.check(f"https://{number}.a.com/")
        assert 0 < lookup._answers.bytes <= MAX_CACHED_BYTES


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_resolves_in_a_forked_child(release: threading.Event) -> None:
    resolver = Resolver(limit=1, resolve=blocked(release, PUBLIC))
    resolver.submit("a.com")
    with pytest.raises(TooManyLookups):
        resolver.submit("b.com")
    child = os.fork()
    if not child:
        release.set()
        status = 1
        try:
            status = 0 if resolver.submit("b.com").result(5) == (ip_address(PUBLIC),) else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_uses_the_resolver_of_the_system() -> None:
    with pytest.raises(TargetUnreachable):
        TargetResolver(Policy()).check("http://no-such-name.example.com.invalid/")
    with pytest.raises(TargetDenied):
        TargetResolver(Policy()).check("http://localhost/")


def test_denies_a_private_address_like_the_target_policy() -> None:
    with pytest.raises(TargetDenied):
        TargetPolicy().canonicalize("http://10.0.0.5/")
    with pytest.raises(TargetDenied):
        TargetResolver(Policy()).check("http://10.0.0.5/")
