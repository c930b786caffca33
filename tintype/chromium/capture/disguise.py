"""How does the page see its visitor? An ordinary Chromium, or the device of a preset."""

from __future__ import annotations

import re

from tintype.chromium.cdp.connection import Json
from tintype.options import Emulation
from tintype.options.devices import DEVICES

_VERSION = re.compile(r"Chrome/(\d+)")
_PLATFORMS = {
    "Android": ("Android", "Linux armv8l"),
    "iPhone": ("iOS", "iPhone"),
    "iPad": ("iOS", "iPad"),
    "Windows": ("Windows", "Win32"),
    "Macintosh": ("macOS", "MacIntel"),
    "CrOS": ("Chrome OS", "Linux x86_64"),
    "Linux": ("Linux", "Linux x86_64"),
}
"""What a user agent names, first match first: as client hints call it, and ``navigator.platform``."""


def device_metrics(emulate: Emulation) -> Json:
    """Parameters of ``Emulation.setDeviceMetricsOverride``: the viewport holds whatever the page tries."""
    return {
        "width": emulate.width,
        "height": emulate.height,
        "deviceScaleFactor": emulate.scale,
        "mobile": is_mobile(emulate),
        "screenWidth": emulate.width,
        "screenHeight": emulate.height,
    }


def emulated_media(emulate: Emulation) -> Json:
    """Parameters of ``Emulation.setEmulatedMedia``: which of a page's styles apply."""
    features = [{"name": "prefers-color-scheme", "value": "dark" if emulate.dark_mode else "light"}]
    if emulate.reduced_motion:
        features.append({"name": "prefers-reduced-motion", "value": "reduce"})
    return {"media": emulate.media or "", "features": features}


def user_agent_override(emulate: Emulation, browser: str) -> Json:
    """Parameters of ``Emulation.setUserAgentOverride``. Many sites show a headless browser something else."""
    device = DEVICES.get(emulate.device)
    own = device.user_agent if device and device.mobile else browser.replace("HeadlessChrome", "Chrome")
    agent = emulate.user_agent or own
    said: Json = {"userAgent": agent}
    if emulate.locale:
        said["acceptLanguage"] = _accept_language(emulate.locale)
    platform = next((name for name in _PLATFORMS if name in agent), "")
    if emulate.user_agent and platform:
        said["platform"] = _PLATFORMS[platform][1]
    if found := _VERSION.search(agent):
        said["userAgentMetadata"] = _client_hints(agent, found[1], platform, device.title if device else "")
    return said


def _client_hints(agent: str, version: str, platform: str, model: str) -> Json:
    """What a Chromium of this name answers when asked in particular (User-Agent Client Hints)."""
    android = platform == "Android"
    return {
        "brands": [{"brand": "Chromium", "version": version}, {"brand": "Not=A?Brand", "version": "24"}],
        "platform": _PLATFORMS[platform][0] if platform else "Linux",
        "platformVersion": "14" if android else "",
        "architecture": "" if android else "x86",
        "model": model if android else "",
        "mobile": "Mobile" in agent,
    }


def _accept_language(locale: str) -> str:
    """``de-AT,de``; Chromium adds the weights."""
    language = locale.partition("-")[0]
    return locale if language == locale else f"{locale},{language}"


def is_mobile(emulate: Emulation) -> bool:
    """Whether the preset has a touch screen and a mobile layout."""
    device = DEVICES.get(emulate.device)
    return bool(device and device.mobile)
