"""The start-up self test hears a guard that leaks, and only that."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.concurrency import async_test
from tintype.chromium.browser import Browser
from tintype.chromium.process import launch_options, selftest
from tintype.chromium.process.launch import Launcher
from tintype.chromium.process.launch_options import LaunchOptions
from tintype.chromium.process.profiles import ProfileRoot
from tintype.chromium.process.user import choose_user
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.network.egress import Address
from tintype.provision.find_browser import find_chromium

pytestmark = pytest.mark.browser


class Careless(EgressPolicy):
    """Lets everybody go anywhere."""

    def permits_name(self, _name: str, _port: int) -> bool:
        return True

    def permits(self, _address: Address, _port: int, _proxy_port: int) -> bool:
        return True


async def leak_with(judge: EgressPolicy, **changes: Any) -> str:
    """What the self test says of a browser behind this judge."""
    closed, territory = await EgressProxy.start(EgressPolicy()), ProfileRoot.create()
    recipe = LaunchOptions(
        binary=str(find_chromium()), user=choose_user("nobody"), proxy_port=closed.port, listeners=1, **changes
    )
    browser = await Browser.start(Launcher(recipe, territory, allow_no_sandbox=False), judge, 1)
    try:
        return await selftest.probe_egress(browser.run_script)
    finally:
        await browser.close()
        await closed.close()
        territory.remove()


@async_test
async def test_a_guard_that_holds_is_silent() -> None:
    with capture_logs() as logs:
        assert await leak_with(EgressPolicy()) == ""
    refused = [entry for entry in logs if entry["event"] == "connection_denied"]
    assert {entry["log_level"] for entry in refused} == {"debug"}


@async_test
async def test_a_guard_that_holds_is_silent_without_the_enclosure_too() -> None:
    assert await leak_with(EgressPolicy(), namespaces=False) == ""


@async_test
async def test_a_filter_that_lets_loopback_through_is_heard() -> None:
    assert "TCP" in await leak_with(Careless())


@async_test
async def test_webrtc_that_goes_around_the_filter_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tuple(flag for flag in launch_options.FLAGS if "webrtc" not in flag)
    monkeypatch.setattr(launch_options, "FLAGS", kept)
    assert "UDP" in await leak_with(EgressPolicy(), namespaces=False)


@async_test
async def test_the_enclosure_alone_holds_webrtc_back(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tuple(flag for flag in launch_options.FLAGS if "webrtc" not in flag)
    monkeypatch.setattr(launch_options, "FLAGS", kept)
    assert await leak_with(EgressPolicy()) == ""
