"""How is a visitor put on? What a page is told before it is asked for: screen, colours, device, clock of its frames."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

from tintype.chromium.capture import disguise, page_changes
from tintype.chromium.cdp.connection import CdpSession, Json
from tintype.chromium.cdp.tab import script_source
from tintype.options import Emulation, Shot

_STORAGE_QUOTA = 10_000_000
"""Bytes a page may store: storage of a context lives in the browser process's memory."""


def emulate(session: CdpSession, shot: Shot, user_agent: str) -> Iterator[asyncio.Future[Json]]:
    """The calls of it, sent in one go: Chromium takes the calls of a session in order."""
    seen, post = shot.emulation, session.post
    yield post("Emulation.setDeviceMetricsOverride", **disguise.device_metrics(seen))
    yield post("Emulation.setUserAgentOverride", **disguise.user_agent_override(seen, user_agent))
    yield post("Emulation.setEmulatedMedia", **disguise.emulated_media(seen))
    yield from _locale_overrides(session, seen)
    yield post("Page.addScriptToEvaluateOnNewDocument", source=script_source("animation_frames"))
    yield from page_changes.preload_styles(session, shot)
    if disguise.is_mobile(seen):
        yield post("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
    if shot.navigation.wait_until == "networkidle":
        yield post("Page.setLifecycleEventsEnabled", enabled=True)
    if shot.region.omit_background:
        yield post("Emulation.setDefaultBackgroundColorOverride", color={"r": 0, "g": 0, "b": 0, "a": 0})
    parts = urlsplit(shot.url)
    yield post("Storage.overrideQuotaForOrigin", origin=f"{parts.scheme}://{parts.netloc}", quotaSize=_STORAGE_QUOTA)


def _locale_overrides(session: CdpSession, seen: Emulation) -> Iterator[asyncio.Future[Json]]:
    """Language, time zone and place of the visitor."""
    if seen.locale:
        yield session.post("Emulation.setLocaleOverride", locale=seen.locale)
    if seen.timezone:
        yield session.post("Emulation.setTimezoneOverride", timezoneId=seen.timezone)
    if seen.geolocation:
        latitude, longitude, accuracy = seen.geolocation
        place = {"latitude": latitude, "longitude": longitude, "accuracy": accuracy}
        yield session.post("Emulation.setGeolocationOverride", **place)
