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
from tintype.chromium.process.watchdog import memory, usage
from tintype.chromium.proxy.blocklist import blocklists
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.chromium.proxy.traffic import LEDGER
from tintype.errors import ConfigurationError
from tintype.network.resolver import own_addresses
from tintype.provision.find_browser import find_chromium

if TYPE_CHECKING:
    from tintype.chromium.daemon.pool import Pool

_HOMES = ("/root", "/home")
_COUNTED_WITHIN = 1.0


@dataclass(frozen=True, slots=True)
class CaptureRuntime:
    """A pool and what it stands on."""

    pool: Pool
    launcher: Launcher
    closed: EgressProxy
    """The filter without a session: what refuses everything."""
    territory: ProfileRoot
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
        judge = EgressPolicy.of(config.allow_addresses, config.allow_hosts, config.deny_hosts, own_addresses())
        lanes = 2 * config.slots + 1  # while one capture's page is cleared away the next one has begun
        closed = await EgressProxy.start(judge)
        recipe = LaunchOptions(
            binary=str(binary),
            account=user.choose(config.browser_user, allow_root=config.allow_no_sandbox),
            proxy_port=closed.port,
            listeners=lanes,
            hidden=(*_HOMES, *config.hidden),
        )
        territory = ProfileRoot.claim()
        launcher = Launcher(recipe, territory, allow_no_sandbox=config.allow_no_sandbox)
        launcher.begin()
        try:
            pool = await _pool(config, launcher, judge, lanes)
        except BaseException:
            await launcher.close()
            await closed.close()
            territory.release()
            raise
        booth = cls(pool, launcher, closed, territory, config.slots)
        try:
            await pool.start()
            await booth.verify_guard()
        except BaseException:
            await booth.close()
            raise
        return booth

    async def verify_guard(self) -> None:
        """Raise LaunchFailed when a page reaches this machine in spite of all layers: then nothing is photographed."""
        browser = self.pool.browser
        try:
            leak = await selftest.leak(browser.attempt) if browser else "nothing that could be tried"
        except (TargetClosed, ProtocolError, ScriptFailed) as failure:
            raise LaunchFailed(f"the self test of the egress guard did not run: {failure}") from failure
        if leak:
            raise LaunchFailed(f"the egress guard leaks: a page reached a canary on loopback by {leak}")

    async def close(self) -> None:
        """End the browsers and remove their files. Idempotent."""
        await self.pool.close()
        await self.launcher.close()
        await self.closed.close()
        self.territory.release()

    async def status(self) -> dict[str, Any]:
        """What an operator wants to know."""
        pool, recipe = self.pool, self.launcher.recipe
        return {
            **await self._inventory(),
            "pid": os.getpid(),
            "slots": self.slots,
            "busy": pool.busy,
            "waiting": pool.waiting,
            "captures": pool.captures,
            "restarts": pool.restarts,
            "browser": pool.browser.version if pool.browser else "",
            "browser_pid": pool.browser.pid if pool.browser else 0,
            "binary": recipe.binary,
            "user": recipe.account.name,
            "sandbox": recipe.sandbox,
            "enclosed": recipe.enclosed,
        }

    def figures(self) -> dict[str, Any]:
        """What is measured over time; counts begin with this process."""
        pool, recipe = self.pool, self.launcher.recipe
        tree = usage(pool.browser.pid) if pool.browser else []
        return {
            "slots": self.slots,
            "queue": pool.limit,
            "busy": pool.busy,
            "waiting": pool.waiting,
            "captures": pool.captures,
            "restarts": pool.restarts,
            "renewals": pool.renewals,
            "browser": pool.browser.version if pool.browser else "",
            "bytes": LEDGER.bytes,
            "connections": LEDGER.connections,
            "refused": dict(LEDGER.refused),
            "memory": {"daemon": memory(os.getpid()), "browser": sum(process.memory for process in tree)},
            "layers": {"sandbox": recipe.sandbox, "enclosure": recipe.enclosed},
        }

    async def _inventory(self) -> dict[str, int]:
        """What is open in the browser; empty while there is none that answers."""
        try:
            async with asyncio.timeout(_COUNTED_WITHIN):
                return await self.pool.browser.inventory() if self.pool.browser else {}
        except (TimeoutError, TargetClosed):
            return {}


async def _pool(config: DaemonConfig, launcher: Launcher, judge: EgressPolicy, lanes: int) -> Pool:
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
    return Pool(lambda: Browser.start(launcher, judge, lanes, lists), terms, blocklists(config.block_hosts))
