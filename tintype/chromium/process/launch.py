"""Starts Chromium with sandbox and namespaces where the kernel allows them, and diagnoses failures."""

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
from tintype.chromium.process.namespaces import FOLDERS_VISIBLE
from tintype.chromium.process.process import Process
from tintype.chromium.process.profiles import ProfileRoot, remove

log = structlog.get_logger("tintype.chromium")

_START_TIMEOUT = 20.0
_MIN_DESCRIPTOR = 10
_SANDBOX_REMEDY = (
    "Chromium's sandbox does not work here. Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container a seccomp profile that permits clone, setns and "
    "unshare), or set ALLOW_NO_SANDBOX=1 if every captured page is trusted"
)


class LaunchFailed(Exception):
    """Chromium did not start; the text is for the operator, with a remedy where one is known."""


class SandboxUnavailable(LaunchFailed):
    """The kernel or the container does not permit Chromium's sandbox."""


class NamespacesUnavailable(LaunchFailed):
    """The kernel does not permit namespaces to this process; the other isolation layers remain."""


class Launcher:
    """Starts browsers, and drops the isolation layers that have failed on this machine from its options."""

    def __init__(self, options: LaunchOptions, profiles: ProfileRoot, *, allow_no_sandbox: bool) -> None:
        self.options = options
        self._profiles = profiles
        self._allow_no_sandbox = allow_no_sandbox
        self._prelaunched: asyncio.Task[tuple[Process, str]] | None = None

    def prelaunch(self) -> None:
        """Start a browser in the background for the next :meth:`launch`."""
        self._prelaunched = asyncio.create_task(self._launch())

    async def launch(self, *, isolate_sites: bool = False) -> tuple[Process, str]:
        """Return a browser that replies, and its user agent; raises LaunchFailed."""
        if isolate_sites:
            return await self._launch(isolate_sites=True)
        prelaunched, self._prelaunched = self._prelaunched, None
        return await (prelaunched or self._launch())

    async def close(self) -> None:
        """Stop a prelaunched browser that was not used. Idempotent."""
        prelaunched, self._prelaunched = self._prelaunched, None
        if prelaunched:
            with contextlib.suppress(LaunchFailed):
                process, _ = await prelaunched  # not cancelled: an aborted start would leave a process and its profile
                await process.close()

    async def _launch(self, *, isolate_sites: bool = False) -> tuple[Process, str]:
        while True:
            try:
                return await self._try(self.options, isolate_sites=isolate_sites)
            except NamespacesUnavailable as failure:
                log.warning("namespaces_unavailable", reason=str(failure))
                self.options = replace(self.options, namespaces=False, listeners=0)
            except SandboxUnavailable:
                if not self._allow_no_sandbox:
                    raise
                log.warning("sandbox_disabled", remedy=_SANDBOX_REMEDY)
                self.options = replace(self.options, sandbox=False)

    async def _try(self, options: LaunchOptions, *, isolate_sites: bool) -> tuple[Process, str]:
        user = options.user
        profile = self._profiles.new_profile(user.uid, user.gid)
        try:
            start = _start_in_namespaces if options.namespaces else _start
            process = await start(options, options.arguments(profile, isolate_sites=isolate_sites), profile)
        except OSError as error:
            remove(profile)
            raise LaunchFailed(f"cannot start {options.binary}: {error.strerror}; see TINTYPE_CHROMIUM") from error
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                version = await process.connection.browser.call("Browser.getVersion")
        except (TargetClosed, TimeoutError):
            await process.close()
            raise _diagnose(options, process) from None
        except BaseException:
            await process.close()
            raise
        if options.folders and FOLDERS_VISIBLE.encode() in process.stderr_tail:
            log.warning("folders_visible", reason=process.stderr_tail.decode(errors="replace").strip()[:300])
            self.options = replace(self.options, folders=False)
        return process, str(version["userAgent"])


async def _start(options: LaunchOptions, arguments: list[str], profile: Path) -> Process:
    drop: dict[str, Any] = {}
    if options.user.uid >= 0:
        drop = {"user": options.user.uid, "group": options.user.gid, "extra_groups": []}
    return await Process.start(arguments, profile, **drop)


async def _start_in_namespaces(options: LaunchOptions, arguments: list[str], profile: Path) -> Process:
    """Start in namespaces. If the kernel denies them, no listeners arrive and the process exits by itself."""
    ours, theirs = socket.socketpair()
    with ours:
        # A number above the descriptors that the shell of Process uses
        listener_socket = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _MIN_DESCRIPTOR)
        theirs.close()
        spec = namespaces.NamespaceSpec(
            listener_socket=listener_socket,
            listeners=options.listeners,
            hidden=hideable_dirs(options.hidden, Path(options.binary), profile),
            uid=options.user.uid,
            gid=options.user.gid,
        )
        command = namespaces.command(spec, arguments)
        try:
            process = await Process.start(command, profile, pass_fds=[listener_socket])
        finally:
            os.close(listener_socket)
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
    output = process.stderr_tail.decode(errors="replace").strip()
    if process.status == namespaces.UNSUPPORTED_EXIT and options.namespaces:
        return NamespacesUnavailable(output[-300:])
    if "sandbox" in output.lower() and options.sandbox:
        return SandboxUnavailable(_SANDBOX_REMEDY)
    if "ermission denied" in output and options.user.uid >= 0:
        remedy = "make it executable for that user"
        return LaunchFailed(
            f"the user {options.user.name} may not start {options.binary}; {remedy}. Its output: {output[-300:]}"
        )
    return LaunchFailed(
        f"{options.binary} does not start (status {process.status}); start it by hand to see why. "
        f"Its output: {output[-600:] or 'none'}"
    )
