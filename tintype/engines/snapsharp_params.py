"""Translates a Shot to parameters of the SnapSharp API, and reports options that it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tintype.errors import InvalidParameter, UnsupportedOption
from tintype.options import Shot
from tintype.options.devices import DEVICES

_KNOWN = {
    "url",
    "width",
    "height",
    "scale",
    "device",
    "dark_mode",
    "block_ads",
    "block_trackers",
    "block_cookie_banners",
    "block_chats",
    "full_page",
    "delay",
    "wait_for",
    "wait_until",
    "css",
    "js",
    "click",
    "hide_selectors",
    "user_agent",
    "clip",
    "scroll_to",
}
_PASS_THROUGH = ("css", "js", "click", "hide_selectors")
_RETINA_SCALE = 2


def translate(shot: Shot) -> dict[str, Any]:
    """Translate a shot; raises UnsupportedOption with every option that the API lacks.

    Headers, cookies and passwords are rejected: the API promises neither to keep them from other origins nor to delete
    the captures that they made possible.

    The account may have other defaults, so options that these can change are always sent, even with our default value.
    """
    if mistakes := list(_unsupported(shot)):
        raise UnsupportedOption(*mistakes)
    seen, retouch = shot.emulation, shot.page_changes
    options: dict[str, Any] = {
        "url": shot.url,
        "format": "png",
        "full_page": shot.region.full_page,
        "dark_mode": seen.dark_mode,
        "block_ads": retouch.block_ads,
        "block_trackers": retouch.block_trackers,
        "block_cookie_banners": retouch.block_cookie_banners,
        "block_chats": retouch.block_chats,
        "delay": shot.wait.delay,
        "wait_until": shot.navigation.wait_until,
        "cache": False,
    }
    options.update(_explicit_options(shot))
    if seen.device:
        return {**options, "device": DEVICES[seen.device].title}
    retina = {"retina": True} if seen.scale == _RETINA_SCALE else {}
    return {**options, "width": seen.width, "height": seen.height, **retina}


def _explicit_options(shot: Shot) -> Iterator[tuple[str, Any]]:
    """Options without account defaults, which are sent only if they are set."""
    if shot.wait.wait_for:
        yield "wait_for", shot.wait.wait_for
    yield from ((name, value) for name in _PASS_THROUGH if (value := getattr(shot.page_changes, name)))
    if shot.emulation.user_agent:
        yield "user_agent", shot.emulation.user_agent
    if shot.region.clip:
        yield "clip", dict(zip(("x", "y", "width", "height"), shot.region.clip, strict=True))
    if shot.region.scroll_to:
        yield "scroll_y", int(shot.region.scroll_to)


def _unsupported(shot: Shot) -> Iterator[InvalidParameter]:
    explicit = {name for part in shot.model_dump(exclude_defaults=True).values() for name in part}
    yield from (InvalidParameter(name, "is not offered by the hosted engine") for name in sorted(explicit - _KNOWN))
    seen, preset = shot.emulation, DEVICES.get(shot.emulation.device)
    if preset is None and seen.scale not in {1, _RETINA_SCALE}:
        yield InvalidParameter("scale", "must be 1 or 2 with the hosted engine")
    if shot.region.scroll_to and not shot.region.scroll_to.isdigit():
        yield InvalidParameter("scroll_to", "must be a number of pixels with the hosted engine")
    for name in ("width", "height", "scale") if preset else ():
        if getattr(seen, name) != getattr(preset, name):
            yield InvalidParameter(name, "cannot be combined with this device by the hosted engine")
