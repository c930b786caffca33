"""How a browser comes up, and what the operator reads when it does not."""

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
def territory() -> Iterator[ProfileRoot]:
    claimed = ProfileRoot.create()
    yield claimed
    assert [entry.name for entry in claimed.folder.iterdir()] == ["lock"], "a profile was left behind"
    claimed.remove()


@pytest.fixture
def recipe() -> LaunchOptions:
    return LaunchOptions(binary=str(find_chromium()), user=choose_user("nobody"), proxy_port=9, listeners=2)


async def launched(launcher: Launcher) -> tuple[str, int]:
    """Start and end a browser; returns its user agent and the number of listeners from its network namespace."""
    process, agent = await launcher.launch()
    listeners = len(process.listeners)
    await process.close()
    assert processes.gone([process.pid])
    return agent, listeners


@async_test
async def test_it_answers_and_leaves_nothing(recipe: LaunchOptions, territory: ProfileRoot) -> None:
    agent, _ = await launched(Launcher(recipe, territory, allow_no_sandbox=False))
    assert "Chrome/" in agent


@async_test
async def test_it_goes_behind_who_answers_hits(recipe: LaunchOptions, territory: ProfileRoot) -> None:
    process, _ = await Launcher(recipe, territory, allow_no_sandbox=False).launch()
    nice = os.getpriority(os.PRIO_PROCESS, process.pid)
    await process.close()
    assert nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)


@async_test
async def test_one_begun_ahead_is_the_next_one_launched(recipe: LaunchOptions, territory: ProfileRoot) -> None:
    launcher = Launcher(recipe, territory, allow_no_sandbox=False)
    launcher.prelaunch()
    profiles = len(list(territory.folder.glob("profile-*")))
    process, _ = await launcher.launch()
    assert len(list(territory.folder.glob("profile-*"))) == 1 >= profiles
    await process.close()
    await launcher.close()


@pytest.mark.parametrize("come_up", [True, False])
@async_test
async def test_one_begun_in_vain_is_ended(come_up: bool, recipe: LaunchOptions, territory: ProfileRoot) -> None:
    launcher = Launcher(recipe, territory, allow_no_sandbox=False)
    launcher.prelaunch()
    if come_up:
        assert launcher._prelaunched
        await asyncio.wait({launcher._prelaunched})
    else:
        await asyncio.sleep(0)
    await launcher.close()
    assert processes.mentioning(str(territory.folder)) == []


@async_test
async def test_without_the_enclosure_it_answers_too(recipe: LaunchOptions, territory: ProfileRoot) -> None:
    launcher = Launcher(replace(recipe, namespaces=False), territory, allow_no_sandbox=False)
    assert (await launched(launcher))[1] == 0


@async_test
async def test_where_the_kernel_refuses_the_enclosure_it_goes_on_without(
    recipe: LaunchOptions, territory: ProfileRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespaces, "command", lambda *_: ["/bin/sh", "-c", f"exit {namespaces.UNSUPPORTED_EXIT}"])
    launcher = Launcher(replace(recipe, namespaces=True), territory, allow_no_sandbox=False)
    assert (await launched(launcher))[1] == 0
    assert launcher.options.namespaces is False


@as_root
class TestWithoutAUsableSandbox:
    """Chromium refuses its sandbox to root, as it does where there are no user namespaces."""

    @async_test
    async def test_it_does_not_start_and_names_the_remedies(
        self, recipe: LaunchOptions, territory: ProfileRoot
    ) -> None:
        launcher = Launcher(replace(recipe, user=BrowserUser("root")), territory, allow_no_sandbox=False)
        with pytest.raises(SandboxUnavailable, match=r"user namespaces.*ALLOW_NO_SANDBOX=1"):
            await launched(launcher)

    @async_test
    async def test_it_starts_where_the_operator_gave_the_sandbox_up(
        self, recipe: LaunchOptions, territory: ProfileRoot
    ) -> None:
        launcher = Launcher(replace(recipe, user=BrowserUser("root")), territory, allow_no_sandbox=True)
        assert "Chrome/" in (await launched(launcher))[0]
        assert launcher.options.sandbox is False


@async_test
async def test_a_sandbox_that_works_is_used_even_where_it_was_given_up(
    recipe: LaunchOptions, territory: ProfileRoot
) -> None:
    launcher = Launcher(recipe, territory, allow_no_sandbox=True)
    await launched(launcher)
    assert launcher.options.sandbox is True


@pytest.mark.parametrize("binary", ["/no/such/browser", "/bin/true"])
@async_test
async def test_what_is_no_browser_is_named(binary: str, recipe: LaunchOptions, territory: ProfileRoot) -> None:
    for enclosed in (True, False):
        launcher = Launcher(replace(recipe, binary=binary, namespaces=enclosed), territory, allow_no_sandbox=False)
        with pytest.raises(LaunchFailed, match=binary):
            await launched(launcher)


@as_root
@async_test
async def test_a_binary_that_the_browsers_user_may_not_start_is_named(
    recipe: LaunchOptions, territory: ProfileRoot
) -> None:
    with tempfile.TemporaryDirectory() as closed:
        binary = shutil.copy("/bin/true", Path(closed, "browser"))
        launcher = Launcher(replace(recipe, binary=str(binary), namespaces=False), territory, allow_no_sandbox=False)
        with pytest.raises(LaunchFailed, match="the user nobody may not start"):
            await launched(launcher)
