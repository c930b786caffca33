"""How does the page see its visitor? An ordinary Chromium, or the device of a preset."""

from __future__ import annotations

import re

from tintype.chromium.cdp import Json
from tintype.options import Emulate
from tintype.options.devices import DEVICES

_VERSION = re.compile(r"Chrome/(\d+)")


def metrics(emulate: Emulate) -> Json:
    """Parameters of ``Emulation.setDeviceMetricsOverride``: the viewport holds whatever the page tries."""
    return {
        "width": emulate.width,
        "height": emulate.height,
        "deviceScaleFactor": emulate.scale,
        "mobile": is_mobile(emulate),
        "screenWidth": emulate.width,
        "screenHeight": emulate.height,
    }


def identity(emulate: Emulate, browser: str) -> Json:
    """Parameters of ``Emulation.setUserAgentOverride``. Many sites show a headless browser something else."""
    device = DEVICES.get(emulate.device)
    agent = device.user_agent if device and device.mobile else browser.replace("HeadlessChrome", "Chrome")
    found = _VERSION.search(agent)
    if not found:
        return {"userAgent": agent}
    brands = [{"brand": "Chromium", "version": found[1]}, {"brand": "Not=A?Brand", "version": "24"}]
    android = "Android" in agent
    hints = {
        "brands": brands,
        "platform": "Android" if android else "Linux",
        "platformVersion": "14" if android else "",
        "architecture": "" if android else "x86",
        "model": device.title if device and android else "",
        "mobile": "Mobile" in agent,
    }
    return {"userAgent": agent, "userAgentMetadata": hints}


def is_mobile(emulate: Emulate) -> bool:
    """Whether the preset has a touch screen and a mobile layout."""
    device = DEVICES.get(emulate.device)
    return bool(device and device.mobile)
