"""The egress self-test: it detects leaks and reports nothing otherwise."""

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


class AllowAll(EgressPolicy):
    """Permits every name and address."""

    def permits_name(self, _name: str, _port: int) -> bool:
        return True

    def permits(self, _address: Address, _port: int, _proxy_port: int) -> bool:
        return True


async def leak_with(policy: EgressPolicy, **changes: Any) -> str:
    """How a page leaks from a browser whose proxy has this policy."""
    deny_all_proxy, profiles = await EgressProxy.start(EgressPolicy()), ProfileRoot.create()
    options = LaunchOptions(
        binary=str(find_chromium()), user=choose_user("nobody"), proxy_port=deny_all_proxy.port, listeners=1, **changes
    )
    browser = await Browser.start(Launcher(options, profiles, allow_no_sandbox=False), policy)
    try:
        return await selftest.probe_egress(browser.run_script)
    finally:
        await browser.close()
        await deny_all_proxy.close()
        profiles.remove()


@async_test
async def test_finds_no_leak_and_logs_no_warning() -> None:
    with capture_logs() as logs:
        assert await leak_with(EgressPolicy()) == ""
    denied = [entry for entry in logs if entry["event"] == "connection_denied"]
    assert {entry["log_level"] for entry in denied} == {"debug"}


@async_test
async def test_finds_no_leak_without_namespaces() -> None:
    assert await leak_with(EgressPolicy(), namespaces=False) == ""


@async_test
async def test_finds_a_proxy_that_permits_loopback() -> None:
    assert "TCP" in await leak_with(AllowAll())


@async_test
async def test_finds_webrtc_that_bypasses_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tuple(flag for flag in launch_options.FLAGS if "webrtc" not in flag)
    monkeypatch.setattr(launch_options, "FLAGS", kept)
    assert "UDP" in await leak_with(EgressPolicy(), namespaces=False)


@async_test
async def test_finds_no_leak_of_webrtc_from_the_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tuple(flag for flag in launch_options.FLAGS if "webrtc" not in flag)
    monkeypatch.setattr(launch_options, "FLAGS", kept)
    assert await leak_with(EgressPolicy()) == ""
