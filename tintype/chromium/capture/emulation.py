"""Emulates a device and a visitor before navigation: viewport, user agent, media, locale, time zone, geolocation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

from tintype.chromium.capture.context import PageContext
from tintype.chromium.cdp.connection import CdpSession, Json
from tintype.options import Emulation
from tintype.options.devices import DEVICES

_DEFAULT_LANGUAGES = "en-US"
"""Languages of a capture without ``locale``: Chromium's own.

Browsers of visitors always send ``Accept-Language``; headless Chromium sends it only if it is set.
"""
_STORAGE_QUOTA = 10_000_000
"""Bytes a page may store: the browser process keeps a context's storage in memory."""
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
"""Platform in client hints and ``navigator.platform``, by a word of the user agent; the first match is used."""


def emulate(page: PageContext) -> Iterator[asyncio.Future[Json]]:
    """Post the calls, one for each option that is set; Chromium processes the calls of a session in order."""
    emulation, post = page.shot.emulation, page.session.post
    yield post("Emulation.setDeviceMetricsOverride", **device_metrics(emulation))
    yield post("Emulation.setUserAgentOverride", **user_agent_override(emulation, page.user_agent))
    yield post("Emulation.setEmulatedMedia", **emulated_media(emulation))
    if emulation.locale:
        yield post("Emulation.setLocaleOverride", locale=emulation.locale)
    if emulation.locale or emulation.user_agent or is_mobile(emulation):
        override = user_agent_override(emulation, page.user_agent)
        emulate_child = partial(_emulate_child, override=override)
        page.frames.attach_to_new(emulate_child, workers=True)
        yield page.tab.attach_to_shared_workers(emulate_child)
    if emulation.timezone:
        yield post("Emulation.setTimezoneOverride", timezoneId=emulation.timezone)
    if emulation.geolocation:
        yield from _allow_geolocation(page, *emulation.geolocation)
    if is_mobile(emulation):
        yield post("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
    if page.shot.region.omit_background:
        yield post("Emulation.setDefaultBackgroundColorOverride", color={"r": 0, "g": 0, "b": 0, "a": 0})
    parts = urlsplit(page.shot.url)
    yield post("Storage.overrideQuotaForOrigin", origin=f"{parts.scheme}://{parts.netloc}", quotaSize=_STORAGE_QUOTA)


def device_metrics(emulation: Emulation) -> Json:
    """Parameters of ``Emulation.setDeviceMetricsOverride``; pages cannot change this viewport."""
    return {
        "width": emulation.width,
        "height": emulation.height,
        "deviceScaleFactor": emulation.scale,
        "mobile": is_mobile(emulation),
        "screenWidth": emulation.width,
        "screenHeight": emulation.height,
    }


def emulated_media(emulation: Emulation) -> Json:
    """Parameters of ``Emulation.setEmulatedMedia``: medium, colour scheme, reduced motion."""
    features = [{"name": "prefers-color-scheme", "value": "dark" if emulation.dark_mode else "light"}]
    if emulation.reduced_motion:
        features.append({"name": "prefers-reduced-motion", "value": "reduce"})
    return {"media": emulation.media or "", "features": features}


def user_agent_override(emulation: Emulation, browser_user_agent: str) -> Json:
    """Parameters of ``Emulation.setUserAgentOverride``: many sites answer a headless browser with another page."""
    device = DEVICES.get(emulation.device)
    default = browser_user_agent.replace("HeadlessChrome", "Chrome")
    user_agent = emulation.user_agent or (device.user_agent if device and device.mobile else default)
    override: Json = {"userAgent": user_agent, "acceptLanguage": _accept_language(emulation.locale)}
    platform = next((name for name in _PLATFORMS if name in user_agent), "")
    if emulation.user_agent and platform:
        override["platform"] = _PLATFORMS[platform][1]
    if version := _VERSION.search(user_agent):
        model = device.title if device else ""
        override["userAgentMetadata"] = _client_hints(user_agent, version[1], platform, model)
    return override


def _emulate_child(session: CdpSession, override: Json) -> None:
    """Override the languages and the user agent in a frame's own process or in a worker: they do not inherit them.

    The process of a worker has the locale and the time zone of its page; an isolated frame receives them from Chromium.
    """
    session.post("Emulation.setUserAgentOverride", **override)


def is_mobile(emulation: Emulation) -> bool:
    """Whether the device has a touch screen and a mobile layout."""
    device = DEVICES.get(emulation.device)
    return bool(device and device.mobile)


def _client_hints(user_agent: str, version: str, platform: str, model: str) -> Json:
    """The User-Agent Client Hints that a Chromium with this user agent sends."""
    android = platform == "Android"
    return {
        "brands": [{"brand": "Chromium", "version": version}, {"brand": "Not=A?Brand", "version": "24"}],
        "platform": _PLATFORMS[platform][0] if platform else "Linux",
        "platformVersion": "14" if android else "",
        "architecture": "" if android else "x86",
        "model": model if android else "",
        "mobile": "Mobile" in user_agent,
    }


def _accept_language(locale: str) -> str:
    """``de-AT,de`` for ``de-AT``; Chromium adds the weights."""
    if not locale:
        return _DEFAULT_LANGUAGES
    language = locale.partition("-")[0]
    return locale if language == locale else f"{locale},{language}"


def _allow_geolocation(
    page: PageContext, latitude: float, longitude: float, accuracy: float
) -> Iterator[asyncio.Future[Json]]:
    """Set the position, and grant the permission that :class:`Browser` denies every new browser context."""
    context = page.tab.browser_context
    yield page.session.post("Browser.grantPermissions", permissions=["geolocation"], browserContextId=context)
    position = {"latitude": latitude, "longitude": longitude, "accuracy": accuracy}
    yield page.session.post("Emulation.setGeolocationOverride", **position)
