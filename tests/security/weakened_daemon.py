"""The capture daemon with one guard or another taken off, so that the others are seen to hold alone, or none to.

``python -m tests.security.weakened_daemon MODE KEY-HASH ADDRESS CONFIG`` runs what ``tintype.chromium`` would.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tintype.chromium.cdp import connection
from tintype.chromium.daemon import daemon
from tintype.chromium.process import launch_options, selftest

MODES = ("shipped", "filter-alone", "enclosure-alone", "unguarded")

_LOCAL_NETWORK_ACCESS = (
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebRTC,LocalNetworkAccessChecksWebSockets,"
    "LocalNetworkAccessChecksWebTransport,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights"
)


def without(*words: str) -> tuple[str, ...]:
    """Chromium's flags but for those that hold one of the words."""
    return tuple(flag for flag in launch_options.FLAGS if not any(word in flag for word in words))


def weaken(mode: str) -> None:
    """Take off what the mode says; ``shipped`` takes off nothing."""
    if mode == "shipped":
        return
    launch_options.FLAGS += (_LOCAL_NETWORK_ACCESS,)
    if mode == "filter-alone":
        _leave_the_enclosure()
    if mode == "enclosure-alone":
        launch_options.FLAGS = without("webrtc", "bypass", "quic")
        _forget_bypass_rules()
    if mode == "unguarded":
        launch_options.FLAGS = without("webrtc", "bypass", "quic")
        _leave_the_enclosure()
        _go_direct()


def _leave_the_enclosure() -> None:
    launch_options.LaunchOptions.__init__.__kwdefaults__["namespaces"] = False


def _forget_bypass_rules() -> None:
    _edit_contexts("proxyBypassList")
    _skip_self_test()


def _go_direct() -> None:
    _edit_contexts("proxyBypassList", "proxyServer")
    arguments = launch_options.LaunchOptions.arguments

    def unproxied(self: launch_options.LaunchOptions, profile: Path) -> list[str]:
        return [argument for argument in arguments(self, profile) if "--proxy" not in argument]

    launch_options.LaunchOptions.arguments = unproxied  # type: ignore[method-assign]
    _skip_self_test()


def _skip_self_test() -> None:
    """It does its work: with these guards off the daemon would refuse to serve."""

    async def silent(*_: object) -> str:
        return ""

    selftest.probe_egress = silent  # type: ignore[assignment]


def _edit_contexts(*dropped: str) -> None:
    post = connection.CdpSession.post

    def edited(self: connection.CdpSession, method: str, **parameters: Any) -> Any:
        return post(self, method, **{name: value for name, value in parameters.items() if name not in dropped})

    connection.CdpSession.post = edited  # type: ignore[method-assign]


if __name__ == "__main__":
    _, mode, key_hash, *rest = sys.argv
    weaken(mode)
    launch_options.FLAGS += (f"--ignore-certificate-errors-spki-list={key_hash}",)
    sys.exit(daemon.main(rest))
