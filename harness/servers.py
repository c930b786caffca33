"""Redis, RabbitMQ and moto's S3 as child processes on loopback, which tests can stop, freeze and restart."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

import pytest

from harness.waiting import eventually

_TIMEOUT = 60.0
_MAX_SOCKET_FOLDER = 90
"""Characters: the path of a socket has at most 107."""
_MEMORY = Path("/dev/shm")


class _Server:
    """A subprocess on a loopback port, which stays the same over restarts; a context manager."""

    def __init__(self, folder: Path | None = None) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="tintype-test-", dir=folder))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start without data on the port of this server, and wait until it responds."""
        assert self._process is None, "already running"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._folder,
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        process = self._process
        assert eventually(lambda: self._responds() or process.poll() is not None, _TIMEOUT), self._log.read_text()
        assert process.poll() is None, self._log.read_text(errors="replace")

    def stop(self) -> None:
        """Kill the process, as in a crash, and wait for its end. Idempotent."""
        process, self._process = self._process, None
        if process:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(_TIMEOUT)

    def freeze(self) -> None:
        """Stop the process without closing its connections, as in a network failure."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue the process."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return {}

    def _responds(self) -> bool:
        raise NotImplementedError


class RedisServer(_Server):
    """redis-server without a memory limit. Skips the test if it is not installed.

    ``persistent``: a restart keeps all data, which is in ``folder`` or in memory.
    """

    def __init__(self, password: str = "", *, persistent: bool = False, folder: Path | None = None) -> None:
        binary = shutil.which("redis-server")
        if not binary:
            pytest.skip("redis-server is not installed")
        # in memory, because a busy disk would delay each response by more than the timeouts under test
        memory = _MEMORY if persistent and _MEMORY.is_dir() else None
        super().__init__(folder or memory)
        self._binary, self._password, self._persistent = binary, password, persistent

    @property
    def url(self) -> str:
        """URL over TCP."""
        login = f":{self._password}@" if self._password else ""
        return f"redis://{login}127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """URL over the socket file."""
        login = f":{self._password}@" if self._password else ""
        return f"unix://{login}{self._folder}/redis.sock?db=0"

    def _command(self) -> list[str]:
        listen = ["--bind", "127.0.0.1", "--port", str(self.port)]
        if len(str(self._folder)) < _MAX_SOCKET_FOLDER:
            listen += ["--unixsocket", str(self._folder / "redis.sock")]
        storage = ["--save", "", "--appendonly", "yes" if self._persistent else "no", "--dir", str(self._folder)]
        storage += ["--appendfsync", "always"]
        return [self._binary, *listen, *storage, *(["--requirepass", self._password] if self._password else [])]

    def _responds(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) in {b"+PONG\r\n", b"-NOAUTH"}
        except OSError:
            return False


class RabbitServer(_Server):
    """rabbitmq-server as a node of its own, with its own port mapper; a restart keeps durable messages.

    Skips the test if it is not installed. Debian's ``/usr/sbin/rabbitmq-server`` changes to a user, so it is not used.
    """

    def __init__(self) -> None:
        binary, mapper = Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), shutil.which("epmd")
        if not binary.exists() or not mapper:
            pytest.skip("rabbitmq-server is not installed")
        super().__init__()
        self._binary, self._mapper_binary = binary, mapper
        self._mapper_port, self._node_port = free_port(), free_port()
        self._mapper: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL with the user that may connect from loopback only."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    def start(self) -> None:
        """Start the port mapper, which Erlang would otherwise start as a daemon, and the server."""
        if self._mapper is None:
            command = [self._mapper_binary, "-port", str(self._mapper_port), "-address", "127.0.0.1"]
            self._mapper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert eventually(lambda: _accepts(self._mapper_port), _TIMEOUT)
        super().start()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        mapper, self._mapper = self._mapper, None
        if mapper:
            mapper.kill()
            mapper.wait(_TIMEOUT)

    def _command(self) -> list[str]:
        return [str(self._binary)]

    def _environment(self) -> dict[str, str]:
        plugins = self._folder / "enabled_plugins"
        plugins.write_text("[].\n")
        return {
            "RUNNING_UNDER_SYSTEMD": "1",  # the server replaces its start script, so that a signal reaches it
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"tintype{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +A 2 -kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONFIG_FILE": str(self._folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_MNESIA_BASE": str(self._folder),
            "RABBITMQ_LOG_BASE": str(self._folder),
            "RABBITMQ_LOGS": "-",
        }

    def _responds(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"  # a method frame: connection.start
        except OSError:
            return False


class Forwarder:
    """A TCP port that leads to another port, as a moved DNS name or a proxy does; a context manager.

    A change of ``target`` affects new connections only: those that exist stay with the old server.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.accepted = 0
        """Connections accepted so far."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                server = socket.create_connection(("127.0.0.1", self.target))
                self._open += (client, server)
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


class S3Server(_Server):
    """moto's S3 over HTTP. It accepts any credentials and loses all objects when stopped."""

    @property
    def url(self) -> str:
        """Endpoint URL."""
        return f"http://127.0.0.1:{self.port}"

    def create_bucket(self, name: str) -> None:
        """Create a bucket with public read access, unless it exists."""
        read = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
        self._request("PUT", f"/{name}")
        self._request("PUT", f"/{name}?policy", json.dumps({"Version": "2012-10-17", "Statement": [read]}).encode())

    def _command(self) -> list[str]:
        return [sys.executable, str(Path(__file__).with_name("s3_server.py")), str(self.port)]

    def _responds(self) -> bool:
        try:
            self._request("GET", "/moto-api/data.json")
        except (OSError, urllib.error.URLError):
            return False
        return True

    def _request(self, method: str, path: str, body: bytes | None = None) -> None:
        headers = {
            "Content-Type": "application/json"
        }  # moto ignores the body of a form, which is the default of urllib
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=10) as response:
            response.read()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
