"""Parts of the capture daemon: builds proxies, launcher and pool; reports status and metrics."""

from __future__ import annotations

import asyncio
import importlib
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tintype.chromium.cdp.connection import ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import ScriptFailed
from tintype.chromium.daemon.config import DaemonConfig
from tintype.chromium.process import selftest, user
from tintype.chromium.process.launch import Launcher, LaunchFailed
from tintype.chromium.process.launch_options import HOMES, PROXIES, LaunchOptions
from tintype.chromium.process.profiles import ProfileRoot
from tintype.chromium.process.watchdog import private_memory, process_memory
from tintype.chromium.proxy.blocklist import load_blocklists
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.chromium.proxy.traffic import TOTALS
from tintype.errors import ConfigurationError
from tintype.network.interfaces import LocalAddresses
from tintype.provision.find_browser import find_chromium
from tintype.rpc.messages import DaemonMetrics, DaemonStatus

if TYPE_CHECKING:
    from tintype.chromium.browser import TargetCounts
    from tintype.chromium.daemon.pool import Pool

_COUNT_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True)
class CaptureRuntime:
    """The capture pool of a daemon and everything it needs."""

    pool: Pool
    launcher: Launcher
    deny_all_proxy: EgressProxy
    """Chromium's default proxy: has no session and denies every connection."""
    profiles: ProfileRoot
    slots: int

    @classmethod
    async def open(cls, config: DaemonConfig) -> Self:
        """Start Chromium and test the isolation; raises ConfigurationError, LaunchFailed or OSError."""
        binary = find_chromium(config.binary)
        if binary is None:
            problem = (
                f"TINTYPE_CHROMIUM: {config.binary} is no browser" if config.binary else "Chromium is not installed"
            )
            raise ConfigurationError(f"{problem}; run: tintype install-browser")
        policy = EgressPolicy.of(config.allow_addresses, config.allow_hosts, config.deny_hosts, LocalAddresses())
        deny_all_proxy = await EgressProxy.start(policy)
        options = LaunchOptions(
            binary=str(binary),
            user=user.choose_user(config.browser_user, allow_root=config.allow_no_sandbox),
            proxy_port=deny_all_proxy.port,
            listeners=PROXIES + config.site_cache,
            hidden=(*HOMES, *config.hidden),
            webgl=config.webgl,
        )
        profiles = ProfileRoot.create()
        launcher = Launcher(options, profiles, allow_no_sandbox=config.allow_no_sandbox)
        launcher.prelaunch()
        try:
            pool = await _build_pool(config, launcher, policy)
        except BaseException:
            await launcher.close()
            await deny_all_proxy.close()
            profiles.remove()
            raise
        runtime = cls(pool, launcher, deny_all_proxy, profiles, config.slots)
        try:
            await pool.start()
            await runtime.run_egress_selftest()
        except BaseException:
            await runtime.close()
            raise
        return runtime

    async def run_egress_selftest(self) -> None:
        """Raise LaunchFailed if a page can reach this machine in spite of proxy and namespaces."""
        browsers = self.pool.browsers.all
        try:
            leak = await selftest.probe_egress(browsers[0].run_script) if browsers else "a browser that does not run"
        except (TargetClosed, ProtocolError, ScriptFailed) as failure:
            raise LaunchFailed(f"the egress self-test did not run: {failure}") from failure
        if leak:
            raise LaunchFailed(f"the egress guard leaks: a page reached a canary on loopback by {leak}")

    async def close(self) -> None:
        """Stop the browsers and remove their files. Idempotent."""
        await self.pool.close()
        await self.launcher.close()
        await self.deny_all_proxy.close()
        self.profiles.remove()

    async def status(self, clients: int) -> DaemonStatus:
        """Return the state of the daemon; ``clients`` is the number of connected clients."""
        pool, options, browsers = self.pool, self.launcher.options, self.pool.browsers
        targets = await self._count_targets()
        return DaemonStatus(
            pid=os.getpid(),
            slots=self.slots,
            busy=pool.busy,
            slow=pool.slow,
            queue_length=pool.queue_length,
            clients=clients,
            captures=pool.captures,
            restarts=browsers.restarts,
            browsers=len(browsers.all),
            browser=browsers.all[0].version if browsers.all else "",
            browser_pid=browsers.all[0].pid if browsers.all else 0,
            contexts=targets.contexts if targets else None,
            pages=targets.pages if targets else None,
            binary=options.binary,
            user=options.user.name,
            sandbox=options.sandbox,
            namespaces=options.namespaces,
        )

    def metrics(self, clients: int) -> DaemonMetrics:
        """Return counters since the start of this process, and gauges; ``clients`` is the number of clients."""
        pool, options, browsers = self.pool, self.launcher.options, self.pool.browsers
        processes = [process for browser in browsers.all for process in process_memory(browser.pid)]
        return DaemonMetrics(
            slots=self.slots,
            busy=pool.busy,
            slow=pool.slow,
            low_priority=pool.low_priority,
            queue_length=pool.queue_length,
            queue_limit=pool.queue_limit,
            clients=clients,
            captures=pool.captures,
            restarts=browsers.restarts,
            recycles=browsers.recycles,
            browsers=len(browsers.all),
            kept_contexts=sum(browser.kept_contexts for browser in browsers.all),
            kept_tabs=sum(browser.kept_tabs for browser in browsers.all),
            kept_context_captures=browsers.kept_context_captures,
            undisposed_contexts=browsers.undisposed_contexts,
            browser=browsers.all[0].version if browsers.all else "",
            bytes=TOTALS.bytes,
            connections=TOTALS.connections,
            denied={str(reason): count for reason, count in TOTALS.denied.items()},
            memory={"daemon": private_memory(os.getpid()), "browser": sum(process.memory for process in processes)},
            layers={
                "sandbox": options.sandbox,
                "namespaces": options.namespaces,
                "folders": options.namespaces and options.folders,
            },
        )

    async def _count_targets(self) -> TargetCounts | None:
        """Count what exists in all browsers; None without a browser or a timely reply."""
        browsers = self.pool.browsers.all
        try:
            async with asyncio.timeout(_COUNT_TIMEOUT):
                counts = await asyncio.gather(*(browser.count_targets() for browser in browsers))
        except (TimeoutError, TargetClosed):
            return None
        if not counts:
            return None
        return type(counts[0])(sum(count.contexts for count in counts), sum(count.pages for count in counts))


async def _build_pool(config: DaemonConfig, launcher: Launcher, policy: EgressPolicy) -> Pool:
    """Import captures and options while Chromium starts, which takes as long."""
    await asyncio.to_thread(importlib.import_module, "tintype.chromium.daemon.pool")
    from tintype.chromium.browser import Browser  # noqa: PLC0415
    from tintype.chromium.daemon.pool import Pool, PoolLimits  # noqa: PLC0415
    from tintype.chromium.process.machine_cpu import IdleCores  # noqa: PLC0415
    from tintype.filters.engine import FilterFile  # noqa: PLC0415

    filter_file = FilterFile(Path(config.filters)) if config.filters else None
    limits = PoolLimits(
        slots=config.slots,
        queue=config.queue,
        timeout=config.timeout,
        recycle_after=config.recycle_after,
        recycle_age=config.recycle_age,
        max_page_height=config.max_page_height,
    )
    return Pool(
        partial(Browser.start, launcher, policy, filter_file, site_cache=config.site_cache),
        limits,
        load_blocklists(config.block_hosts),
        *([IdleCores().take] if config.overlap else []),
    )
