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
from tintype.chromium.process.launch_options import LaunchOptions, hideable_dirs
from tintype.chromium.process.process import Process
from tintype.chromium.process.profiles import ProfileRoot, remove

log = structlog.get_logger("tintype.chromium")

_START_TIMEOUT = 20.0
_MIN_DESCRIPTOR = 10
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

    def __init__(self, options: LaunchOptions, profiles: ProfileRoot, *, allow_no_sandbox: bool) -> None:
        self.options = options
        self._profiles = profiles
        self._allow_no_sandbox = allow_no_sandbox
        self._prelaunched: asyncio.Task[tuple[Process, str]] | None = None

    def prelaunch(self) -> None:
        """Start a browser ahead of time, for whoever launches next."""
        self._prelaunched = asyncio.create_task(self._launch())

    async def launch(self) -> tuple[Process, str]:
        """A browser that answers, and its user agent; raises LaunchFailed."""
        ahead, self._prelaunched = self._prelaunched, None
        return await (ahead or self._launch())

    async def close(self) -> None:
        """End a browser that was begun and that nobody took. Idempotent."""
        ahead, self._prelaunched = self._prelaunched, None
        if ahead:
            with contextlib.suppress(LaunchFailed):
                process, _ = await ahead  # not cancelled: half a start would leave a process and its profile
                await process.close()

    async def _launch(self) -> tuple[Process, str]:
        while True:
            try:
                return await self._try(self.options)
            except NamespacesUnavailable as refusal:
                log.warning("namespaces_unavailable", reason=str(refusal))
                self.options = replace(self.options, namespaces=False, listeners=0)
            except SandboxUnavailable:
                if not self._allow_no_sandbox:
                    raise
                log.warning("sandbox_disabled", remedy=_SANDBOX_REMEDY)
                self.options = replace(self.options, sandbox=False)

    async def _try(self, options: LaunchOptions) -> tuple[Process, str]:
        account = options.user
        profile = self._profiles.new_profile(account.uid, account.gid)
        try:
            process = await (_start_in_namespaces(options, profile) if options.namespaces else _start(options, profile))
        except OSError as error:
            remove(profile)
            raise LaunchFailed(f"cannot start {options.binary}: {error.strerror}") from error
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                version = await process.connection.browser.call("Browser.getVersion")
        except (TargetClosed, TimeoutError):
            await process.close()
            raise _diagnose(options, process) from None
        except BaseException:
            await process.close()
            raise
        return process, str(version["userAgent"])


async def _start(options: LaunchOptions, profile: Path) -> Process:
    drop: dict[str, Any] = {}
    if options.user.uid >= 0:
        drop = {"user": options.user.uid, "group": options.user.gid, "extra_groups": []}
    return await Process.start(options.arguments(profile), profile, **drop)


async def _start_in_namespaces(options: LaunchOptions, profile: Path) -> Process:
    """Inside the enclosure. Where the kernel refuses it, no listeners come out and the process ends by itself."""
    ours, theirs = socket.socketpair()
    with ours:
        # Out of the way of the descriptors that the shell is about to fill.
        passage = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _MIN_DESCRIPTOR)
        theirs.close()
        plan = namespaces.NamespaceSpec(
            listener_socket=passage,
            listeners=options.listeners,
            hidden=hideable_dirs(options.hidden, Path(options.binary), profile),
            uid=options.user.uid,
            gid=options.user.gid,
        )
        command = namespaces.command(plan, options.arguments(profile))
        try:
            process = await Process.start(command, profile, pass_fds=[passage])
        finally:
            os.close(passage)
        ours.settimeout(_START_TIMEOUT)
        try:
            process.listeners = await asyncio.to_thread(namespaces.receive_listeners, ours, options.listeners)
        except OSError:
            process.kill()
        except BaseException:
            await process.close()
            raise
    return process


def _diagnose(options: LaunchOptions, process: Process) -> LaunchFailed:
    said = process.stderr_tail.decode(errors="replace").strip()
    if process.status == namespaces.UNSUPPORTED_EXIT and options.namespaces:
        return NamespacesUnavailable(said[-300:])
    if "sandbox" in said.lower() and options.sandbox:
        return SandboxUnavailable(_SANDBOX_REMEDY)
    if "ermission denied" in said and options.user.uid >= 0:
        return LaunchFailed(f"the user {options.user.name} may not start {options.binary}; it said: {said[-300:]}")
    return LaunchFailed(
        f"{options.binary} does not start (status {process.status}); it said: {said[-600:] or 'nothing'}"
    )
