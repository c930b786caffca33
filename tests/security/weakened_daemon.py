"""The capture daemon with isolation layers disabled, to test the others alone and as a control.

``python -m tests.security.weakened_daemon MODE KEY-HASH ADDRESS CONFIG`` runs the daemon.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tintype.chromium.cdp import connection
from tintype.chromium.daemon import daemon
from tintype.chromium.process import launch_options, selftest

MODES = ("shipped", "proxy-alone", "namespaces-alone", "unguarded")

_LOCAL_NETWORK_ACCESS = (
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebRTC,LocalNetworkAccessChecksWebSockets,"
    "LocalNetworkAccessChecksWebTransport,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights"
)


def flags_without(*words: str) -> tuple[str, ...]:
    """Chromium's flags except those that contain one of the words."""
    return tuple(flag for flag in launch_options.FLAGS if not any(word in flag for word in words))


def apply_mode(mode: str) -> None:
    """Disable the layers of a mode; ``shipped`` disables none."""
    if mode == "shipped":
        return
    launch_options.FLAGS += (_LOCAL_NETWORK_ACCESS,)
    if mode == "proxy-alone":
        _disable_namespaces()
    if mode == "namespaces-alone":
        launch_options.FLAGS = flags_without("webrtc", "bypass", "quic")
        _drop_bypass_rules()
    if mode == "unguarded":
        launch_options.FLAGS = flags_without("webrtc", "bypass", "quic")
        _disable_namespaces()
        _bypass_proxy()


def _disable_namespaces() -> None:
    launch_options.LaunchOptions.__init__.__kwdefaults__["namespaces"] = False


def _drop_bypass_rules() -> None:
    _edit_contexts("proxyBypassList")
    _skip_self_test()


def _bypass_proxy() -> None:
    _edit_contexts("proxyBypassList", "proxyServer")
    arguments = launch_options.LaunchOptions.arguments

    def unproxied(self: launch_options.LaunchOptions, profile: Path, *, isolate_sites: bool = False) -> list[str]:
        given = arguments(self, profile, isolate_sites=isolate_sites)
        return [argument for argument in given if "--proxy" not in argument]

    launch_options.LaunchOptions.arguments = unproxied  # type: ignore[method-assign]
    _skip_self_test()


def _skip_self_test() -> None:
    """Skip the self-test: with these layers disabled the daemon would refuse to serve."""

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
    apply_mode(mode)
    launch_options.FLAGS += (f"--ignore-certificate-errors-spki-list={key_hash}",)
    sys.exit(daemon.main(rest))
