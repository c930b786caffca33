"""Egress self-test: a page tries to reach a canary on loopback; returns the protocols that leak.

Run once before a daemon serves. It detects faults of this machine that no test elsewhere can find: a Chromium that
ignores a flag or a proxy setting, a namespace that leaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

RunScript = Callable[[str, int, int, int], Awaitable[Any]]
"""Runs one of ``scripts/`` on an empty page behind a proxy, with arguments."""

_PROBE_TIMEOUT_MS = 1000
"""Milliseconds for the attempts; where the isolation works they all fail sooner."""


@dataclass(slots=True)
class Canary(asyncio.DatagramProtocol):
    """Listens on loopback by TCP and UDP, on ports that no allow-list names."""

    tcp_port: int = 0
    udp_port: int = 0
    protocols: set[str] = field(default_factory=set)

    def datagram_received(self, _data: bytes, _sender: tuple[str | Any, int]) -> None:
        """Record a UDP packet."""
        self.protocols.add("UDP")

    def on_connection(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Record a TCP connection."""
        self.protocols.add("TCP")
        writer.close()


async def probe_egress(run_script: RunScript) -> str:
    """Return how a page reached the canary, such as ``TCP and UDP``; empty if it did not."""
    async with _canary() as canary:
        await run_script("probe_canary", canary.tcp_port, canary.udp_port, _PROBE_TIMEOUT_MS)
        return " and ".join(sorted(canary.protocols))


@asynccontextmanager
async def _canary() -> AsyncIterator[Canary]:
    canary = Canary()
    server = await asyncio.start_server(canary.on_connection, "127.0.0.1", 0)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: canary, local_addr=("127.0.0.1", 0)
    )
    canary.tcp_port = server.sockets[0].getsockname()[1]
    canary.udp_port = transport.get_extra_info("sockname")[1]
    try:
        yield canary
    finally:
        transport.close()
        server.close()
        await server.wait_closed()
