"""How does a browser come up? With sandbox and enclosure where the kernel allows, and a reason where it does not."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from tintype.chromium.cdp.connection import TargetClosed
from tintype.chromium.process import namespaces
from tintype.chromium.process.launch_options import LaunchOptions, hideable
from tintype.chromium.process.process import Process
from tintype.chromium.process.profiles import ProfileRoot, remove

log = structlog.get_logger("tintype.chromium")

_START_WITHIN = 20.0
_DESCRIPTORS_FROM = 10
_SANDBOX_REMEDY = (
    "Chromium's sandbox does not work here. Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container a seccomp profile that permits clone, setns and "
    "unshare), or set ALLOW_NO_SANDBOX=1 if every page you photograph is trusted"
)


class LaunchFailed(Exception):
    """Chromium did not start; the text is for the operator and names the remedy where one is known."""


class SandboxUnavailable(LaunchFailed):
    """The kernel or the container does not let Chromium build its sandbox."""


class NamespacesUnavailable(LaunchFailed):
    """The kernel does not allow namespaces to us; the other layers remain."""


class Launcher:
    """Starts browsers of one recipe, and remembers what does not work on this machine."""

    def __init__(self, recipe: LaunchOptions, territory: ProfileRoot, *, allow_no_sandbox: bool) -> None:
        self.recipe = recipe
        self._territory = territory
        self._allow_no_sandbox = allow_no_sandbox
        self._ahead: asyncio.Task[tuple[Process, str]] | None = None

    def begin(self) -> None:
        """Start a browser ahead of time, for whoever launches next."""
        self._ahead = asyncio.create_task(self._launch())

    async def launch(self) -> tuple[Process, str]:
        """A browser that answers, and its user agent; raises LaunchFailed."""
        ahead, self._ahead = self._ahead, None
        return await (ahead or self._launch())

    async def close(self) -> None:
        """End a browser that was begun and that nobody took. Idempotent."""
        ahead, self._ahead = self._ahead, None
        if ahead:
            with contextlib.suppress(LaunchFailed):
                process, _ = await ahead  # not cancelled: half a start would leave a process and its profile
                await process.close()

    async def _launch(self) -> tuple[Process, str]:
        while True:
            try:
                return await self._try(self.recipe)
            except NamespacesUnavailable as refusal:
                log.warning("namespaces_unavailable", reason=str(refusal))
                self.recipe = replace(self.recipe, enclosed=False, listeners=0)
            except SandboxUnavailable:
                if not self._allow_no_sandbox:
                    raise
                log.warning("sandbox_disabled", remedy=_SANDBOX_REMEDY)
                self.recipe = replace(self.recipe, sandbox=False)

    async def _try(self, recipe: LaunchOptions) -> tuple[Process, str]:
        account = recipe.account
        profile = self._territory.new_profile(account.uid, account.gid)
        try:
            process = await (_start_enclosed(recipe, profile) if recipe.enclosed else _start(recipe, profile))
        except OSError as error:
            remove(profile)
            raise LaunchFailed(f"cannot start {recipe.binary}: {error.strerror}") from error
        try:
            async with asyncio.timeout(_START_WITHIN):
                version = await process.connection.browser.call("Browser.getVersion")
        except (TargetClosed, TimeoutError):
            await process.close()
            raise _explain(recipe, process) from None
        except BaseException:
            await process.close()
            raise
        return process, str(version["userAgent"])


async def _start(recipe: LaunchOptions, profile: Path) -> Process:
    drop: dict[str, Any] = {}
    if recipe.account.uid >= 0:
        drop = {"user": recipe.account.uid, "group": recipe.account.gid, "extra_groups": []}
    return await Process.start(recipe.arguments(profile), profile, **drop)


async def _start_enclosed(recipe: LaunchOptions, profile: Path) -> Process:
    """Inside the enclosure. Where the kernel refuses it, no listeners come out and the process ends by itself."""
    ours, theirs = socket.socketpair()
    with ours:
        # Out of the way of the descriptors that the shell is about to fill.
        passage = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTORS_FROM)
        theirs.close()
        plan = namespaces.NamespaceSpec(
            passage=passage,
            listeners=recipe.listeners,
            hidden=hideable(recipe.hidden, Path(recipe.binary), profile),
            uid=recipe.account.uid,
            gid=recipe.account.gid,
        )
        command = namespaces.command(plan, recipe.arguments(profile))
        try:
            process = await Process.start(command, profile, pass_fds=[passage])
        finally:
            os.close(passage)
        ours.settimeout(_START_WITHIN)
        try:
            process.listeners = await asyncio.to_thread(namespaces.receive_listeners, ours, recipe.listeners)
        except OSError:
            process.kill()
        except BaseException:
            await process.close()
            raise
    return process


def _explain(recipe: LaunchOptions, process: Process) -> LaunchFailed:
    said = process.said.decode(errors="replace").strip()
    if process.status == namespaces.REFUSED and recipe.enclosed:
        return NamespacesUnavailable(said[-300:])
    if "sandbox" in said.lower() and recipe.sandbox:
        return SandboxUnavailable(_SANDBOX_REMEDY)
    if "ermission denied" in said and recipe.account.uid >= 0:
        return LaunchFailed(f"the user {recipe.account.name} may not start {recipe.binary}; it said: {said[-300:]}")
    return LaunchFailed(
        f"{recipe.binary} does not start (status {process.status}); it said: {said[-600:] or 'nothing'}"
    )
