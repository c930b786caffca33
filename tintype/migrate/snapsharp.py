"""What the parameters of SnapSharp are here, and of the recipe built on it. Source: its documentation, 2026."""

from __future__ import annotations

from tintype.migrate.rules import ALONE, EVENTS, FORMATS, POSTED, Vendor, absent, device, flag, same, words

VENDOR = Vendor(
    "SnapSharp",
    ("api.snapsharp.dev",),
    (
        same("width", "width"),
        same("height", "height"),
        words("format", "format", FORMATS),
        same("quality", "quality", "of AVIF too"),
        flag("full_page", "full_page"),
        flag("retina", "retina"),
        flag("dark_mode", "dark_mode"),
        device("device"),
        same("user_agent", "user_agent"),
        same("delay", "delay"),
        same("wait_for", "wait_for", "a 422 when it never appears"),
        words("wait_until", "wait_until", EVENTS),
        same("css", "css"),
        same("js", "js", "the operator may have switched it off"),
        same("click", "click"),
        same("hide_selectors", "hide_selectors"),
        same("scroll_y", "scroll_to", "takes a selector too"),
        flag("block_ads", "block_ads", "on unless you say `false`"),
        flag("block_trackers", "block_trackers", "on unless you say `false`"),
        flag("block_cookie_banners", "block_cookie_banners", "on unless you say `false`; dialogues are refused"),
        flag("block_chats", "block_chats", "on unless you say `false`"),
        flag("cache", "fresh", "the other way round; the new picture is kept for the next caller", inverted=True),
        same("cache_ttl", "ttl", "asks for a picture of at most that age; how long pictures are kept is a setting"),
        absent("headers", POSTED.format("headers")),
        absent("cookies", POSTED.format("cookies")),
        absent("viewport_landscape", "say `width` and `height` the other way round"),
        absent("stealth", "pages are told honestly who visits; a bot challenge is recognised, not evaded"),
        absent("proxy,country", ALONE),
        absent("bypass_csp", "needless: `css` and `js` work on pages with a policy"),
        absent("upload_to_s3,upload_to_s3_signed_url", "`POST /persist` keeps a picture for good"),
    ),
    {},
)
