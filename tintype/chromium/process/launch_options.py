"""Command line and environment of Chromium."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tintype.chromium.process.user import BrowserUser

# A mouse: hover and a fine pointer. Headless Chromium finds no input device and reports none; the emulation of phones
# replaces this with touch. Values: HoverType and PointerType of blink/public/common/web_preferences. A smooth scroll
# ends at once: its frames follow a clock that virtual time overtakes.
_BLINK_SETTINGS = (
    "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4,scrollAnimatorEnabled=false"
)
FLAGS: tuple[str, ...] = (
    "--remote-debugging-pipe",
    "--proxy-bypass-list=<-loopback>",
    # Two spellings: headless shell reads the first, full Chrome the second. Without it WebRTC bypasses the proxy.
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
    # The CSS property image-animation: capture/motion.py stops animated images with it.
    "--enable-blink-features=CSSImageAnimation",
    f"--blink-settings={_BLINK_SETTINGS}",
)
PROXIES = 3
"""Egress proxies of a browser: for the page, for a probe, and for a page whose context is being disposed of.

Each kept context has another one: Chromium binds a browser context to its proxy for life.
"""
HOMES = ("/root", "/home")
"""Folders with the homes of users, which are hidden from the browser."""
_FULL_BROWSERS = frozenset({"chromium", "chromium-browser", "chrome", "google-chrome", "Chromium", "Google Chrome"})
_SMALL_SHARED_MEMORY = 512 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """The options of one Chromium process: binary, user, proxy, isolation."""

    binary: str
    user: BrowserUser
    proxy_port: int
    """Port of the proxy that denies everything, for pages outside of the daemon's browser contexts."""
    listeners: int = 0
    """Listening sockets to open inside the namespaces, one for each egress proxy."""
    namespaces: bool = sys.platform == "linux"
    """Whether to start Chromium in namespaces."""
    sandbox: bool = True
    webgl: bool = False
    """Whether pages may draw by WebGL, with SwiftShader in the GPU process."""
    hidden: tuple[str, ...] = ()
    """Folders hidden from the browser inside the namespaces."""
    folders: bool = True
    """Whether the folders were hidden; False once the kernel has denied the mount."""

    def arguments(self, profile: Path, *, isolate_sites: bool = False) -> list[str]:
        """Return the whole command line; ``isolate_sites`` gives the frames of each site a process of their own.

        Headless shell does not do that by default: frames of other sites share the process of the page.
        """
        arguments = [self.binary, *FLAGS, f"--user-data-dir={profile}"]
        if isolate_sites:
            arguments.append("--site-per-process")
        arguments.append(f"--proxy-server=socks5://127.0.0.1:{self.proxy_port}")
        if Path(self.binary).name in _FULL_BROWSERS:
            arguments.append("--headless=new")
        if _shared_memory_is_small():
            arguments.append("--disable-dev-shm-usage")
        # Chromium calls SwiftShader unsafe because it compiles shaders of the page to machine code.
        arguments.append("--enable-unsafe-swiftshader" if self.webgl else "--disable-3d-apis")
        if not self.sandbox:
            arguments.append("--no-sandbox")
        return arguments


def environment(profile: Path) -> dict[str, str]:
    """Return Chromium's environment, without the daemon's variables: an escaped page could read them."""
    fixed = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(profile), "LANG": "en_US.UTF-8"}
    return fixed | {name: os.environ[name] for name in ("TZ",) if name in os.environ}


def hideable_dirs(folders: Sequence[str], *needed: Path) -> tuple[str, ...]:
    """Return the folders that contain none of the needed paths."""
    wanted = [path.resolve() for path in needed]
    resolved = {str(Path(folder).resolve()) for folder in folders}
    return tuple(sorted(folder for folder in resolved if not any(path.is_relative_to(folder) for path in wanted)))


def _shared_memory_is_small() -> bool:
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108 - Chromium uses it
    except OSError:
        return True
    return room.f_bavail * room.f_frsize < _SMALL_SHARED_MEMORY
