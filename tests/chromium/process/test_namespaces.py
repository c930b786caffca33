"""Kernel namespaces of the browser: loopback only, passed listeners, no root, hidden folders."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tintype.chromium.process import namespaces
from tintype.chromium.process.namespaces import NamespaceSpec

NOBODY = pwd.getpwnam("nobody")
AS_UNPRIVILEGED = (
    NamespaceSpec(listener_socket=-1, uid=NOBODY.pw_uid, gid=NOBODY.pw_gid)
    if os.geteuid() == 0
    else NamespaceSpec(listener_socket=-1)
)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the programs in the namespaces need bash")


@contextmanager
def inside(plan: NamespaceSpec, program: str, line: Sequence[str] = ()) -> Iterator[tuple[list[socket.socket], str]]:
    """Run a bash program in the namespaces; yields the listeners passed out and its output."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        plan = replace(plan, listener_socket=theirs.fileno())
        command = [*line, plan.to_argument(), "--"] if line else namespaces.command(plan, [])
        process = subprocess.Popen(
            [*command, "/bin/bash", "-c", program], pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True
        )
        theirs.close()
        listeners = namespaces.receive_listeners(ours, plan.listeners)
        output, _ = process.communicate(timeout=30)
    if process.returncode == namespaces.UNSUPPORTED_EXIT:
        pytest.skip("THE KERNEL REFUSES NAMESPACES HERE: they are not tested")
    try:
        assert len(listeners) == plan.listeners
        yield listeners, output
    finally:
        for listener in listeners:
            listener.close()


def test_cuts_off_the_network_of_the_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.setblocking(False)
        port = canary.getsockname()[1]
        with inside(AS_UNPRIVILEGED, f"(: </dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo reached || echo refused") as (
            _,
            output,
        ):
            assert output.strip() == "refused"
        with pytest.raises(BlockingIOError):
            canary.accept()


def test_has_no_interface_but_loopback() -> None:
    with inside(AS_UNPRIVILEGED, "tail -n +3 /proc/net/dev") as (_, output):
        assert [row.partition(":")[0].strip() for row in output.splitlines()] == ["lo"]


def test_listeners_are_reachable_from_inside() -> None:
    program = (
        "while read -r _ at _; do echo hello >/dev/tcp/127.0.0.1/$((16#${at#*:})); done < <(tail -n +2 /proc/net/tcp)"
    )
    with inside(replace(AS_UNPRIVILEGED, listeners=2), program) as (listeners, _):
        for listener in listeners:
            listener.settimeout(5)
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(5) == b"hello"


def test_hides_folders_as_empty_and_read_only(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("hush")
    plan = replace(AS_UNPRIVILEGED, hidden=(str(secret), "/absent"))
    with inside(plan, f"cat {secret}/* 2>/dev/null; touch {secret}/new 2>/dev/null && echo wrote") as (_, output):
        assert output == ""
    assert [entry.name for entry in secret.iterdir()] == ["key"]


def test_drops_root_and_privileges_permanently() -> None:
    with inside(AS_UNPRIVILEGED, "echo uid $UID; cat /proc/self/status") as (_, output):
        assert "uid 0\n" not in output
        assert "CapEff:\t0000000000000000" in output
        assert "NoNewPrivs:\t1" in output


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change its user")
def test_needs_no_privileges_if_user_namespaces_work() -> None:
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin")
    if python is None:
        pytest.skip("no interpreter that another user may run")
    with tempfile.NamedTemporaryFile(suffix=".py", dir="/tmp") as script:
        script.write(Path(namespaces.__file__).read_bytes())
        script.flush()
        os.fchmod(script.fileno(), 0o644)
        drop = ["setpriv", "--reuid", str(NOBODY.pw_uid), "--regid", str(NOBODY.pw_gid), "--clear-groups"]
        line = [*drop, python, "-I", script.name]
        with inside(NamespaceSpec(listener_socket=-1, listeners=1), "id -u; tail -n +3 /proc/net/dev", line) as (
            _,
            output,
        ):
            assert output.split()[:2] == [str(NOBODY.pw_uid), "lo:"]
