"""Dialling: attempts overlap, and only the given addresses are tried."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.proxy import relay
from tintype.chromium.proxy.relay import RelayEnd, dial

SILENT, LISTENING = ip_address("127.0.0.2"), ip_address("127.0.0.3")


async def dialled(monkeypatch: pytest.MonkeyPatch, *hosts: int, seconds: float = 30.0) -> str:
    """The address that is connected, of 127.0.0.HOST; 2 never replies, 3 accepts, all others reject."""
    sock_connect = asyncio.get_running_loop().sock_connect

    async def connect(sock: socket.socket, where: tuple[str, int]) -> None:
        if where[0] == str(SILENT):
            await asyncio.Future()
        await sock_connect(sock, where)

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    monkeypatch.setattr(relay, "_ATTEMPT_DELAY", 0.01)
    end = RelayEnd(lambda _: None)
    async with await asyncio.start_server(lambda _, writer: writer.close(), str(LISTENING), 0) as server:
        port = server.sockets[0].getsockname()[1]
        await dial([ip_address(f"127.0.0.{host}") for host in hosts], port, end, seconds)
        peer: str = end.transport.get_extra_info("peername")[0]
        end.transport.abort()
        return peer


class TestDial:
    @pytest.mark.parametrize("hosts", [(3,), (2, 3), (4, 3), (2, 4, 3), (3, 2)])
    def test_connects_to_the_address_that_accepts(
        self, hosts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @async_test
        async def scenario() -> None:
            assert await dialled(monkeypatch, *hosts) == str(LISTENING)

        scenario()

    def test_reports_that_no_address_accepts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        @async_test
        async def scenario() -> None:
            with pytest.raises(OSError, match=r"refused|Multiple exceptions"):
                await dialled(monkeypatch, 4, 5)

        scenario()

    def test_times_out_if_no_address_replies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        @async_test
        async def scenario() -> None:
            with pytest.raises(TimeoutError):
                await dialled(monkeypatch, 2, seconds=0.5)

        scenario()
