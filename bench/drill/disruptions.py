"""Disruptions of a drill: restarts and stalls of backends, killed processes, a full disk; one after another."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress

from bench import process_tree
from bench.drill.world import World
from harness.processes import command_line


class Disruptions:
    """Causes each disruption in turn, with ``period`` seconds between two; ``counts`` has their numbers."""

    def __init__(
        self, world: World, stopping: threading.Event, period: float, kinds: Collection[str] | None = None
    ) -> None:
        self._world, self._stopping, self._period = world, stopping, period
        self.counts: Counter[str] = Counter()
        self.current = ""
        """The disruption that runs, or the last one."""
        every: dict[str, Callable[[], None]] = {
            "Redis restarts": self.restart_redis,
            "worker killed": self.kill_worker,
            "S3 stalls": self.stall_storage,
            "browser killed": self.kill_browser,
            "Redis freezes": self.freeze_redis,
            "disk full": self.fill_disk,
            "daemon killed": self.kill_daemon,
        }
        self._kinds = every if kinds is None else {kind: every[kind] for kind in kinds}

    def run(self) -> None:
        """Disrupt until the drill ends; every disruption ends with it."""
        for name, disrupt in itertools.cycle(self._kinds.items()):
            if self._stopping.wait(self._period):
                return
            self.current = name
            disrupt()
            self.counts[name] += 1

    def restart_redis(self) -> None:
        self._world.redis.stop()
        self._world.redis.start()

    def freeze_redis(self) -> None:
        self._world.redis.freeze()
        self._last()
        self._world.redis.thaw()

    def stall_storage(self) -> None:
        self._world.path_to_storage.stall()
        self._last()
        self._world.path_to_storage.resume()

    def fill_disk(self) -> None:
        self._world.fill_disk()
        self._last()
        self._world.free_disk()

    def kill_worker(self) -> None:
        workers = [pid for pid in process_tree.children(self._world.node.process.pid) if "spawn" in command_line(pid)]
        self._kill(workers or process_tree.children(self._world.node.process.pid))

    def kill_daemon(self) -> None:
        self._kill([pid for pid in self._world.pids() if "tintype.chromium" in command_line(pid)])

    def kill_browser(self) -> None:
        daemons = [pid for pid in self._world.pids() if "tintype.chromium" in command_line(pid)]
        self._kill([child for daemon in daemons for child in process_tree.children(daemon)])

    def _kill(self, pids: list[int]) -> None:
        for pid in pids[:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _last(self) -> None:
        """Keep a disruption for as long as the time between two."""
        self._stopping.wait(self._period)
