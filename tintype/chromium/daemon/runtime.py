"""Everything a daemon's captures need, from its configuration: folder, filter, launcher, pool."""

from __future__ import annotations

import asyncio
import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tintype.chromium.cdp.connection import ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import ScriptFailed
from tintype.chromium.daemon.config import DaemonConfig
from tintype.chromium.process import selftest, user
from tintype.chromium.process.launch import Launcher, LaunchFailed
from tintype.chromium.process.launch_options import LaunchOptions
from tintype.chromium.process.profiles import ProfileRoot
from tintype.chromium.process.watchdog import private_memory, process_memory
from tintype.chromium.proxy.blocklist import load_blocklists
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.chromium.proxy.traffic import TOTALS
from tintype.errors import ConfigurationError
from tintype.network.interfaces import local_addresses
from tintype.provision.find_browser import find_chromium

if TYPE_CHECKING:
    from tintype.chromium.daemon.pool import Pool

_HOMES = ("/root", "/home")
_COUNT_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True)
class CaptureRuntime:
    """A pool and what it stands on."""

    pool: Pool
    launcher: Launcher
    deny_all_proxy: EgressProxy
    """The filter without a session: what refuses everything."""
    profiles: ProfileRoot
    slots: int

    @classmethod
    async def open(cls, config: DaemonConfig) -> Self:
        """With a browser that runs; raises ConfigurationError, LaunchFailed or OSError."""
        binary = find_chromium(config.binary)
        if binary is None:
            wanted = (
                f"TINTYPE_CHROMIUM: {config.binary} is no browser" if config.binary else "Chromium is not installed"
            )
            raise ConfigurationError(f"{wanted}; run: tintype install-browser")
        judge = EgressPolicy.of(config.allow_addresses, config.allow_hosts, config.deny_hosts, local_addresses())
        lanes = 2 * config.slots + 1  # while one capture's page is cleared away the next one has begun
        closed = await EgressProxy.start(judge)
        recipe = LaunchOptions(
            binary=str(binary),
            user=user.choose_user(config.browser_user, allow_root=config.allow_no_sandbox),
            proxy_port=closed.port,
            listeners=lanes,
            hidden=(*_HOMES, *config.hidden),
        )
        territory = ProfileRoot.create()
        launcher = Launcher(recipe, territory, allow_no_sandbox=config.allow_no_sandbox)
        launcher.prelaunch()
        try:
            pool = await _build_pool(config, launcher, judge, lanes)
        except BaseException:
            await launcher.close()
            await closed.close()
            territory.remove()
            raise
        booth = cls(pool, launcher, closed, territory, config.slots)
        try:
            await pool.start()
            await booth.run_egress_selftest()
        except BaseException:
            await booth.close()
            raise
        return booth

    async def run_egress_selftest(self) -> None:
        """Raise LaunchFailed when a page reaches this machine in spite of all layers: then nothing is photographed."""
        browser = self.pool.browser
        try:
            leak = await selftest.probe_egress(browser.run_script) if browser else "nothing that could be tried"
        except (TargetClosed, ProtocolError, ScriptFailed) as failure:
            raise LaunchFailed(f"the self test of the egress guard did not run: {failure}") from failure
        if leak:
            raise LaunchFailed(f"the egress guard leaks: a page reached a canary on loopback by {leak}")

    async def close(self) -> None:
        """End the browsers and remove their files. Idempotent."""
        await self.pool.close()
        await self.launcher.close()
        await self.deny_all_proxy.close()
        self.profiles.remove()

    async def status(self) -> dict[str, Any]:
        """What an operator wants to know."""
        pool, recipe = self.pool, self.launcher.options
        return {
            **await self._count_targets(),
            "pid": os.getpid(),
            "slots": self.slots,
            "busy": pool.busy,
            "waiting": pool.queue_length,
            "captures": pool.captures,
            "restarts": pool.restarts,
            "browser": pool.browser.version if pool.browser else "",
            "browser_pid": pool.browser.pid if pool.browser else 0,
            "binary": recipe.binary,
            "user": recipe.user.name,
            "sandbox": recipe.sandbox,
            "enclosed": recipe.namespaces,
        }

    def metrics(self) -> dict[str, Any]:
        """What is measured over time; counts begin with this process."""
        pool, recipe = self.pool, self.launcher.options
        tree = process_memory(pool.browser.pid) if pool.browser else []
        return {
            "slots": self.slots,
            "queue": pool.queue_limit,
            "busy": pool.busy,
            "waiting": pool.queue_length,
            "captures": pool.captures,
            "restarts": pool.restarts,
            "recycles": pool.recycles,
            "browser": pool.browser.version if pool.browser else "",
            "bytes": TOTALS.bytes,
            "connections": TOTALS.connections,
            "denied": dict(TOTALS.denied),
            "memory": {"daemon": private_memory(os.getpid()), "browser": sum(process.memory for process in tree)},
            "layers": {"sandbox": recipe.sandbox, "namespaces": recipe.namespaces},
        }

    async def _count_targets(self) -> dict[str, int]:
        """What is open in the browser; empty while there is none that answers."""
        try:
            async with asyncio.timeout(_COUNT_TIMEOUT):
                return await self.pool.browser.count_targets() if self.pool.browser else {}
        except (TimeoutError, TargetClosed):
            return {}


async def _build_pool(config: DaemonConfig, launcher: Launcher, policy: EgressPolicy, proxy_count: int) -> Pool:
    """Pages and options take as long to import as the browser to start: both at once."""
    await asyncio.to_thread(importlib.import_module, "tintype.chromium.daemon.pool")
    from tintype.chromium.browser import Browser  # noqa: PLC0415
    from tintype.chromium.daemon.pool import Pool, PoolLimits  # noqa: PLC0415
    from tintype.filters.engine import FilterFile  # noqa: PLC0415

    lists = FilterFile(Path(config.filters)) if config.filters else None
    terms = PoolLimits(
        slots=config.slots,
        queue=config.queue,
        timeout=config.timeout,
        recycle_after=config.recycle_after,
        recycle_age=config.recycle_age,
        max_page_height=config.max_page_height,
    )
    return Pool(lambda: Browser.start(launcher, policy, proxy_count, lists), terms, load_blocklists(config.block_hosts))
