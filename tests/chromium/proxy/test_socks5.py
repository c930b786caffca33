"""SOCKS5 parser: requests in fragments, malformed bytes, and the size limit."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support.proxy_fixtures import GREETING, METHOD_ACCEPTED, request, request_address
from tintype.chromium.proxy.socks5 import (
    GENERAL_FAILURE,
    MAX_HANDSHAKE,
    MalformedHandshake,
    Socks5Handshake,
    Socks5Request,
)


def cut(data: bytes, where: list[int]) -> list[bytes]:
    borders = [0, *sorted(min(place, len(data)) for place in where), len(data)]
    return [data[start:end] for start, end in pairwise(borders)]


@given(
    st.binary(max_size=255),
    st.integers(0, 65535),
    st.binary(max_size=100),
    st.lists(st.integers(0, 500), max_size=20),
)
def test_reads_a_request_by_name_in_any_chunks(name: bytes, port: int, rest: bytes, where: list[int]) -> None:
    handshake = Socks5Handshake()
    whole = GREETING + request(name.decode("latin-1"), port)
    replies = [handshake.feed(part) for part in cut(whole, where)]
    assert b"".join(replies) == METHOD_ACCEPTED
    assert handshake.request is not None
    assert handshake.request.port == port
    assert handshake.request.host == name.decode("ascii", errors="replace")
    handshake.feed(rest)
    assert handshake.buffer == rest


@given(st.ip_addresses(), st.integers(0, 65535))
def test_reads_a_request_by_address_as_text(address: object, port: int) -> None:
    handshake = Socks5Handshake()
    handshake.feed(GREETING + request_address(str(address), port))
    assert handshake.request is not None
    assert handshake.request.port == port


@given(st.lists(st.binary(max_size=400)))
def test_rejects_or_awaits_other_bytes_within_bounds(parts: list[bytes]) -> None:
    handshake = Socks5Handshake()
    try:
        for part in parts:
            assert handshake.feed(part) in {b"", METHOD_ACCEPTED}
            assert handshake.request or len(handshake.buffer) < MAX_HANDSHAKE
    except MalformedHandshake as error:
        assert error.reply in {b"", b"\x05\xff", GENERAL_FAILURE}  # noqa: PT017 - either outcome is fine


@given(st.binary(min_size=MAX_HANDSHAKE))
def test_buffers_no_more_than_the_longest_handshake(data: bytes) -> None:
    handshake = Socks5Handshake()
    with suppress(MalformedHandshake):
        handshake.feed(b"\x05" + data)
        assert handshake.request


def test_accepts_the_longest_name() -> None:
    handshake = Socks5Handshake()
    handshake.feed(GREETING + request("a" * 255, 80))
    assert handshake.request == Socks5Request("a" * 255, 80)
