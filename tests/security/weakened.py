"""The capture daemon with one guard or another taken off, so that the others are seen to hold alone, or none to.

``python -m tests.security.weakened MODE KEY-HASH ADDRESS CONFIG`` runs what ``tintype.chromium`` would.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tintype.chromium import booth, cdp, command, daemon

MODES = ("shipped", "filter-alone", "enclosure-alone", "unguarded")

_LOCAL_NETWORK_ACCESS = (
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebRTC,LocalNetworkAccessChecksWebSockets,"
    "LocalNetworkAccessChecksWebTransport,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights"
)


def without(*words: str) -> tuple[str, ...]:
    """Chromium's flags but for those that hold one of the words."""
    return tuple(flag for flag in command.FLAGS if not any(word in flag for word in words))


def weaken(mode: str) -> None:
    """Take off what the mode says; ``shipped`` takes off nothing."""
    if mode == "shipped":
        return
    command.FLAGS += (_LOCAL_NETWORK_ACCESS,)
    if mode == "filter-alone":
        _leave_the_enclosure()
    if mode == "enclosure-alone":
        command.FLAGS = without("webrtc", "bypass", "quic")
        _forget_bypass_rules()
    if mode == "unguarded":
        command.FLAGS = without("webrtc", "bypass", "quic")
        _leave_the_enclosure()
        _go_direct()


def _leave_the_enclosure() -> None:
    command.Recipe.__init__.__kwdefaults__["enclosed"] = False


def _forget_bypass_rules() -> None:
    _edit_contexts("proxyBypassList")
    _skip_self_test()


def _go_direct() -> None:
    _edit_contexts("proxyBypassList", "proxyServer")
    arguments = command.Recipe.arguments

    def unproxied(self: command.Recipe, profile: Path) -> list[str]:
        return [argument for argument in arguments(self, profile) if "--proxy" not in argument]

    command.Recipe.arguments = unproxied  # type: ignore[method-assign]
    _skip_self_test()


def _skip_self_test() -> None:
    """It does its work: with these guards off the daemon would refuse to serve."""

    async def silent(*_: object) -> str:
        return ""

    booth.selftest.leak = silent


def _edit_contexts(*dropped: str) -> None:
    post = cdp.Session.post

    def edited(self: cdp.Session, method: str, **parameters: Any) -> Any:
        return post(self, method, **{name: value for name, value in parameters.items() if name not in dropped})

    cdp.Session.post = edited  # type: ignore[method-assign]


if __name__ == "__main__":
    _, mode, key_hash, *rest = sys.argv
    weaken(mode)
    command.FLAGS += (f"--ignore-certificate-errors-spki-list={key_hash}",)
    sys.exit(daemon.main(rest))
