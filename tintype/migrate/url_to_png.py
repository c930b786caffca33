"""What the parameters of url-to-png are here. Source: its source, 2026."""

from __future__ import annotations

from tintype.migrate.rules import Vendor, absent, flag, same, when

VENDOR = Vendor(
    "url-to-png",
    (),
    (
        when("isMobile", "device=pixel-7&width=1080&height=1080", "any preset; theirs keeps the size of the window"),
        same("width", "thumb_width", "never enlarges; the side not said follows the page, there it is 250"),
        same("height", "thumb_height", "with both, `fit=cover` keeps the top; there the middle"),
        same("viewPortWidth", "width", "from 320; there 1080 unless configured"),
        same("viewPortHeight", "height", "from 240; there 1080 unless configured"),
        same("viewportWidth", "width", "as its readme spells it"),
        same("viewportHeight", "height", "as its readme spells it"),
        same("deviceScaleFactor", "scale", "at most 3"),
        flag("isFullPage", "full_page", "lazy pictures are loaded, what is fixed appears once"),
        flag("isDarkMode", "dark_mode"),
        flag("forceReload", "fresh"),
        absent("hash", "an encrypted query cannot be read by anybody else; [sign](../access.md) ours instead"),
    ),
    {"width": "1080", "height": "1080", "thumb_width": "250", "thumb_height": "250"},
)
