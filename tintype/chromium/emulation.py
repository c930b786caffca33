"""How is a visitor put on? What a page is told before it is asked for: screen, colours, device, clock of its frames."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

from tintype.chromium import disguise
from tintype.chromium.cdp import Json, Session
from tintype.chromium.tab import source
from tintype.options import Shot

_QUOTA = 10_000_000
"""Bytes a page may store: storage of a context lives in the browser process's memory."""


def emulate(session: Session, shot: Shot, user_agent: str) -> Iterator[asyncio.Future[Json]]:
    """The calls of it, sent in one go: Chromium takes the calls of a session in order."""
    seen, post = shot.emulate, session.post
    yield post("Emulation.setDeviceMetricsOverride", **disguise.metrics(seen))
    yield post("Emulation.setUserAgentOverride", **disguise.identity(seen, user_agent))
    scheme = {"name": "prefers-color-scheme", "value": "dark" if seen.dark_mode else "light"}
    yield post("Emulation.setEmulatedMedia", features=[scheme])
    yield post("Page.addScriptToEvaluateOnNewDocument", source=source("frames"))
    if disguise.is_mobile(seen):
        yield post("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
    if shot.navigate.wait_until == "networkidle":
        yield post("Page.setLifecycleEventsEnabled", enabled=True)
    parts = urlsplit(shot.url)
    yield post("Storage.overrideQuotaForOrigin", origin=f"{parts.scheme}://{parts.netloc}", quotaSize=_QUOTA)
