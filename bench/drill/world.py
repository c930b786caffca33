"""World of a drill: the node with a memory limit and a small disk, its Redis and S3 servers, and the captured sites."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from bench import process_tree
from harness import processes
from harness.hostile_site import HostileSite
from harness.node import Node
from harness.servers import RedisServer, S3Server
from harness.site_server import SiteServer

MEMORY = 2 << 30
"""Bytes that the node may use, where the kernel lets this process set a limit."""
DISK = 256 << 20
"""Bytes of the file system with the data folder, where this process may mount one."""
BUCKET = "thumbs"
_CGROUP = Path(f"/sys/fs/cgroup/memory/tintype-drill-{os.getpid()}")
_CHUNK = 1 << 16


class World:
    """All servers of a drill; a context manager. Limits that need root are left out without it."""

    def __enter__(self) -> Self:
        with ExitStack() as running:
            self.folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="tintype-drill-")))
            self.folder.chmod(0o711)  # the browser's user needs access
            self.site = running.enter_context(SiteServer())
            self.hostile = running.enter_context(HostileSite())
            self.redis = running.enter_context(RedisServer(persistent=True))
            self.storage = running.enter_context(S3Server())
            self.storage.create_bucket(BUCKET)
            self.path_to_storage = running.enter_context(Forwarder(self.storage.port))
            self._disk = running.enter_context(_Disk(self.folder / "disk"))
            self.temporary = self.folder / "tmp"
            self.temporary.mkdir()
            self.temporary.chmod(0o1777)
            self.node = running.enter_context(Node(data=self.folder / "disk" / "data", env=self._environment()))
            self._cgroup = running.enter_context(_MemoryLimit(self.pids()))
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def pids(self) -> list[int]:
        """Process ids of the node: parent, workers, capture daemon and Chromium."""
        return processes.find_by_text(str(self.node.data))

    def memory(self) -> int:
        """Memory of the node in bytes (PSS)."""
        return sum(map(process_tree.pss, self.pids()))

    def out_of_memory_kills(self) -> int | None:
        """Processes that the kernel ended at the limit; None without a limit."""
        return self._cgroup.kills()

    def fill_disk(self) -> None:
        """Leave no free byte on the disk of the data folder, if it has a file system of its own."""
        self._disk.fill()

    def free_disk(self) -> None:
        """Undo :meth:`fill_disk`."""
        self._disk.free()

    def leftovers(self) -> list[str]:
        """Processes and temporary files that remain after the node has ended."""
        return [*(f"process {pid}" for pid in self.pids()), *(path.name for path in self.temporary.iterdir())]

    def _environment(self) -> dict[str, str]:
        sites = f"127.0.0.1:{self.site.port},127.0.0.1:{self.hostile.port}"
        return {
            "TMPDIR": str(self.temporary),
            "REDIS_URL": self.redis.url,
            "S3_BUCKET": BUCKET,
            "S3_REGION": "us-east-1",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{self.path_to_storage.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "TINTYPE_ALLOW_ADDRESSES": sites,
            "TINTYPE_LIMIT_EXEMPT": "",
            "TINTYPE_TIMEOUT": "10s",
            "TINTYPE_DAEMON_IDLE_TIMEOUT": "60s",
        }


class Forwarder:
    """A TCP forwarder on loopback that can stop passing bytes while it keeps its connections open."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._flowing.set()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def stall(self) -> None:
        """Accept connections and bytes, and pass nothing on."""
        self._flowing.clear()

    def resume(self) -> None:
        """Pass bytes on again."""
        self._flowing.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._flowing.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=30)
        except OSError:
            client.close()
            return
        with client, server:
            back = threading.Thread(target=self._pipe, args=(server, client), daemon=True)
            back.start()
            self._pipe(client, server)
            back.join()

    def _pipe(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                self._flowing.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class _Disk:
    """A folder on a tmpfs of its own; without root an ordinary folder, which is never filled."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._ballast = folder, folder / "ballast"
        self._mounted = False

    def __enter__(self) -> Self:
        self._folder.mkdir()
        if os.geteuid() == 0:
            options = f"size={DISK},mode=711"
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self._folder], check=False)
            self._mounted = done.returncode == 0
        return self

    def __exit__(self, *_: object) -> None:
        if self._mounted:
            subprocess.run(["umount", "--lazy", self._folder], check=False)

    def fill(self) -> None:
        if self._mounted:
            with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(_CHUNK))

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


class _MemoryLimit:
    """A memory cgroup (version 1) with the processes of a node; nothing where it cannot be created."""

    def __init__(self, pids: list[int]) -> None:
        self._pids, self._active = pids, False

    def __enter__(self) -> Self:
        with suppress(OSError):
            _CGROUP.mkdir(exist_ok=True)
            (_CGROUP / "memory.limit_in_bytes").write_text(str(MEMORY))
            for pid in self._pids:
                (_CGROUP / "cgroup.procs").write_text(str(pid))
            self._active = True
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            for pid in (_CGROUP / "cgroup.procs").read_text().split():
                (_CGROUP.parent / "cgroup.procs").write_text(pid)
            _CGROUP.rmdir()

    def kills(self) -> int | None:
        if not self._active:
            return None
        fields = dict(line.split() for line in (_CGROUP / "memory.oom_control").read_text().splitlines())
        return int(fields.get("oom_kill", 0))
