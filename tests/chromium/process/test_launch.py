"""Browser start, and the error messages if it fails."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness import processes
from tests.support.concurrency import async_test
from tintype.chromium.process import namespaces
from tintype.chromium.process.launch import Launcher, LaunchFailed, SandboxUnavailable
from tintype.chromium.process.launch_options import LaunchOptions
from tintype.chromium.process.profiles import ProfileRoot
from tintype.chromium.process.user import BrowserUser, choose_user
from tintype.provision.find_browser import find_chromium

pytestmark = pytest.mark.browser

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do it wrongly")


@pytest.fixture
def profiles() -> Iterator[ProfileRoot]:
    claimed = ProfileRoot.create()
    yield claimed
    assert [entry.name for entry in claimed.folder.iterdir()] == ["lock"], "a profile was left behind"
    claimed.remove()


@pytest.fixture
def options() -> LaunchOptions:
    return LaunchOptions(binary=str(find_chromium()), user=choose_user("nobody"), proxy_port=9, listeners=2)


async def launched(launcher: Launcher) -> tuple[str, int]:
    """Start and end a browser; returns its user agent and the number of listeners from its network namespace."""
    process, agent = await launcher.launch()
    listeners = len(process.listeners)
    await process.close()
    assert processes.have_ended([process.pid])
    return agent, listeners


@async_test
async def test_starts_and_leaves_no_files(options: LaunchOptions, profiles: ProfileRoot) -> None:
    agent, _ = await launched(Launcher(options, profiles, allow_no_sandbox=False))
    assert "Chrome/" in agent


@async_test
async def test_runs_the_browser_at_lower_priority(options: LaunchOptions, profiles: ProfileRoot) -> None:
    process, _ = await Launcher(options, profiles, allow_no_sandbox=False).launch()
    nice = os.getpriority(os.PRIO_PROCESS, process.pid)
    await process.close()
    assert nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)


@async_test
async def test_launch_returns_the_prelaunched_browser(options: LaunchOptions, profiles: ProfileRoot) -> None:
    launcher = Launcher(options, profiles, allow_no_sandbox=False)
    launcher.prelaunch()
    before = len(list(profiles.folder.glob("profile-*")))
    process, _ = await launcher.launch()
    assert len(list(profiles.folder.glob("profile-*"))) == 1 >= before
    await process.close()
    await launcher.close()


@pytest.mark.parametrize("come_up", [True, False])
@async_test
async def test_close_stops_an_unused_prelaunched_browser(
    come_up: bool, options: LaunchOptions, profiles: ProfileRoot
) -> None:
    launcher = Launcher(options, profiles, allow_no_sandbox=False)
    launcher.prelaunch()
    if come_up:
        assert launcher._prelaunched
        await asyncio.wait({launcher._prelaunched})
    else:
        await asyncio.sleep(0)
    await launcher.close()
    assert processes.find_by_text(str(profiles.folder)) == []


@async_test
async def test_starts_without_namespaces(options: LaunchOptions, profiles: ProfileRoot) -> None:
    launcher = Launcher(replace(options, namespaces=False), profiles, allow_no_sandbox=False)
    assert (await launched(launcher))[1] == 0


@async_test
async def test_continues_without_namespaces_if_the_kernel_denies_them(
    options: LaunchOptions, profiles: ProfileRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespaces, "command", lambda *_: ["/bin/sh", "-c", f"exit {namespaces.UNSUPPORTED_EXIT}"])
    launcher = Launcher(replace(options, namespaces=True), profiles, allow_no_sandbox=False)
    assert (await launched(launcher))[1] == 0
    assert launcher.options.namespaces is False


@as_root
class TestBrokenSandbox:
    """Chromium refuses its sandbox to root, as it does where there are no user namespaces."""

    @async_test
    async def test_fails_and_names_the_remedies(self, options: LaunchOptions, profiles: ProfileRoot) -> None:
        launcher = Launcher(replace(options, user=BrowserUser("root")), profiles, allow_no_sandbox=False)
        with pytest.raises(SandboxUnavailable, match=r"user namespaces.*ALLOW_NO_SANDBOX=1"):
            await launched(launcher)

    @async_test
    async def test_starts_if_the_operator_allows_no_sandbox(
        self, options: LaunchOptions, profiles: ProfileRoot
    ) -> None:
        launcher = Launcher(replace(options, user=BrowserUser("root")), profiles, allow_no_sandbox=True)
        assert "Chrome/" in (await launched(launcher))[0]
        assert launcher.options.sandbox is False


@async_test
async def test_uses_a_working_sandbox_even_if_none_is_required(options: LaunchOptions, profiles: ProfileRoot) -> None:
    launcher = Launcher(options, profiles, allow_no_sandbox=True)
    await launched(launcher)
    assert launcher.options.sandbox is True


@pytest.mark.parametrize("binary", ["/no/such/browser", "/bin/true"])
@async_test
async def test_names_a_binary_that_is_no_browser(binary: str, options: LaunchOptions, profiles: ProfileRoot) -> None:
    for enclosed in (True, False):
        launcher = Launcher(replace(options, binary=binary, namespaces=enclosed), profiles, allow_no_sandbox=False)
        with pytest.raises(LaunchFailed, match=binary):
            await launched(launcher)


@as_root
@async_test
async def test_names_a_binary_that_the_user_may_not_execute(options: LaunchOptions, profiles: ProfileRoot) -> None:
    with tempfile.TemporaryDirectory() as closed:
        binary = shutil.copy("/bin/true", Path(closed, "browser"))
        launcher = Launcher(replace(options, binary=str(binary), namespaces=False), profiles, allow_no_sandbox=False)
        with pytest.raises(LaunchFailed, match=r"the user nobody\b.*may not start"):
            await launched(launcher)
