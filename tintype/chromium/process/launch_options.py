"""With which command line and environment is Chromium started? Pure, so that a test can read it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tintype.chromium.process.user import BrowserUser

FLAGS: tuple[str, ...] = (
    "--remote-debugging-pipe",
    "--proxy-bypass-list=<-loopback>",
    # Two spellings: headless shell reads the first, full Chrome the second. Without, WebRTC goes around the proxy.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--js-flags=--max-old-space-size=512",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-breakpad",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--password-store=basic",
    "--use-mock-keychain",
    "--mute-audio",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-3d-apis",
)
_FULL_BROWSERS = frozenset({"chromium", "chromium-browser", "chrome", "google-chrome", "Chromium", "Google Chrome"})
_SMALL_SHARED_MEMORY = 512 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """What a browser is started from."""

    binary: str
    user: BrowserUser
    proxy_port: int
    """A filter that refuses everything: what a page without a slot's filter would meet."""
    listeners: int = 0
    """Listeners wanted from inside the enclosure."""
    namespaces: bool = sys.platform == "linux"
    """Whether to try the enclosure."""
    sandbox: bool = True
    hidden: tuple[str, ...] = ()
    """Folders the browser must not see, where the enclosure works."""

    def arguments(self, profile: Path) -> list[str]:
        """The whole command line of Chromium."""
        arguments = [self.binary, *FLAGS, f"--user-data-dir={profile}"]
        arguments.append(f"--proxy-server=socks5://127.0.0.1:{self.proxy_port}")
        if Path(self.binary).name in _FULL_BROWSERS:
            arguments.append("--headless=new")
        if _shared_memory_is_small():
            arguments.append("--disable-dev-shm-usage")
        if not self.sandbox:
            arguments.append("--no-sandbox")
        return arguments


def environment(profile: Path) -> dict[str, str]:
    """Nothing of ours: pages that break out of a renderer can read it."""
    fixed = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(profile), "LANG": "en_US.UTF-8"}
    return fixed | {name: os.environ[name] for name in ("TZ",) if name in os.environ}


def hideable_dirs(folders: Sequence[str], *needed: Path) -> tuple[str, ...]:
    """Those of the folders that hold nothing the browser needs."""
    wanted = [path.resolve() for path in needed]
    resolved = {str(Path(folder).resolve()) for folder in folders}
    return tuple(sorted(folder for folder in resolved if not any(path.is_relative_to(folder) for path in wanted)))


def _shared_memory_is_small() -> bool:
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108 - where Chromium puts it
    except OSError:
        return True
    return room.f_bavail * room.f_frsize < _SMALL_SHARED_MEMORY
