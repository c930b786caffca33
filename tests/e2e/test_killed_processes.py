"""``kill -9`` of any process, and signals from a terminal: nothing remains, captures in progress are answered."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx
import pytest

from harness import processes
from harness.node import Node
from harness.site_server import SiteServer
from harness.waiting import eventually
from tests.e2e.conftest import StartNode

pytestmark = pytest.mark.browser

KILLS = [("worker", True), ("daemon", False), ("daemon", True), ("zygote", False), ("browser", True)]
"""The process to kill, and whether a capture is under way."""
_IDLE_TIMEOUT = "10m"  # a process that only ended by the idle timeout would fail these tests


def command(pid: int) -> list[str]:
    return processes.command_line(pid).split("\0")


def workers(node: Node) -> list[int]:
    return [pid for pid in processes.tree(node.process.pid)[1:] if "serve" in command(pid)]


def find(victim: str, node: Node) -> int:
    if victim == "worker":
        return workers(node)[0]
    daemon, *below = processes.tree(node.daemon_pid())
    browsers = [pid for pid in below if "chrom" in command(pid)[0]]
    if victim == "browser":
        return next(pid for pid in browsers if not any("--type=" in part for part in command(pid)))
    return daemon if victim == "daemon" else next(pid for pid in browsers if "--type=zygote" in " ".join(command(pid)))


def family(node: Node) -> list[int]:
    return [*processes.tree(node.process.pid), *processes.tree(node.daemon_pid())]


def profiles(daemon: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"tintype-browser-{daemon}-*"))


def recovers(node: Node, page: str) -> bool:
    """Whether a page is captured; the kernel resets connections that a killed worker had not accepted yet."""
    try:
        return node.thumb(page).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def capture_under_way(node: Node, site: SiteServer) -> Iterator[Future[httpx.Response]]:
    """A request whose page does not load before the end of the block; yields its response."""
    page = f"/plain.html?held={site.visits('/plain.html')}&port={node.port}"
    site.release_held.clear()
    with ThreadPoolExecutor(1) as pool:
        try:
            base = f"http://127.0.0.1:{node.port}"
            answer = pool.submit(
                httpx.get, f"{base}/thumb", params={"url": site.url(page)}, timeout=60, trust_env=False
            )
            assert eventually(lambda: site.visits(page))
            yield answer
        finally:
            site.release_held.set()


class TestKillOfAnyProcess:
    def test_service_recovers_and_leaves_nothing_behind(self, start_node: StartNode, site: SiteServer) -> None:
        node = start_node(env={"TINTYPE_DAEMON_IDLE_TIMEOUT": _IDLE_TIMEOUT})
        assert node.thumb(site.url("/plain.html")).status_code == 200
        seen: list[int] = []
        daemons: list[int] = []
        for victim, busy in KILLS:
            daemon = node.daemon_pid()
            seen += family(node)
            with capture_under_way(node, site) if busy else nullcontext() as answer:
                pid = find(victim, node)
                os.kill(pid, signal.SIGKILL)
                site.release_held.set()
                # a capture is repeated; only the client of a killed worker may lose its connection
                error = answer.exception(60) if answer else None
                assert isinstance(error, httpx.TransportError) or not answer or answer.result().is_success, victim
            page = site.url(f"/plain.html?after={victim}{busy}")
            assert eventually(lambda page=page: recovers(node, page)), (victim, busy)
            assert eventually(lambda pid=pid: processes.have_ended([pid]))
            daemons += [daemon, node.daemon_pid()]
        node.stop()
        assert eventually(lambda: processes.have_ended(seen)), [command(pid) for pid in seen]
        assert eventually(lambda: not any(map(profiles, daemons)))
        assert not list((node.data / "run").glob("*.sock"))

    def test_workers_daemon_and_browser_end_with_a_killed_parent(self, start_node: StartNode, site: SiteServer) -> None:
        node = start_node(env={"TINTYPE_DAEMON_IDLE_TIMEOUT": _IDLE_TIMEOUT})
        assert node.thumb(site.url("/plain.html")).status_code == 200
        running, daemon = family(node), node.daemon_pid()
        with capture_under_way(node, site) as answer:
            node.process.kill()
            node.process.wait(10)
            assert eventually(lambda: processes.have_ended(running), within=15), [command(pid) for pid in running]
            assert answer.exception(10) or not answer.result().is_success
        assert not profiles(daemon)
        node.start()  # the port is free
        assert node.thumb(site.url("/plain.html?again=1")).status_code == 200


class TestSignals:
    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
    def test_signal_to_the_group_lets_a_capture_finish(
        self, how: signal.Signals, start_node: StartNode, site: SiteServer
    ) -> None:
        node = start_node(env={"TINTYPE_DAEMON_IDLE_TIMEOUT": _IDLE_TIMEOUT})
        assert node.thumb(site.url("/plain.html")).status_code == 200
        running = family(node)
        with capture_under_way(node, site) as answer:
            for pid in [node.process.pid, *workers(node)]:
                os.kill(pid, how)
            assert not eventually(lambda: node.process.poll() is not None, within=0.5)
            site.release_held.set()
            assert answer.result().status_code == 200
        assert node.process.wait(10) == 0
        assert eventually(lambda: processes.have_ended(running), within=10)

    def test_second_interrupt_ends_the_service_immediately(self, start_node: StartNode, site: SiteServer) -> None:
        node = start_node(env={"TINTYPE_DAEMON_IDLE_TIMEOUT": _IDLE_TIMEOUT})
        assert node.thumb(site.url("/plain.html")).status_code == 200
        running = family(node)
        with capture_under_way(node, site) as answer:
            node.process.send_signal(signal.SIGINT)
            assert not eventually(lambda: node.process.poll() is not None, within=0.2)
            node.process.send_signal(signal.SIGINT)
            assert node.process.wait(5) == 0
            assert eventually(lambda: processes.have_ended(running), within=5), [command(pid) for pid in running]
            assert answer.exception(10)
