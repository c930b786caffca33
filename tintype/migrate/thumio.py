"""What the parameters of thum.io are here. Source: its documentation and published clients, 2026."""

from __future__ import annotations

from tintype.migrate.query_formats import from_path
from tintype.migrate.rules import Vendor, absent, needless, same, times, when

VENDOR = Vendor(
    "thum.io",
    ("image.thum.io",),
    (
        same("width", "thumb_width", "600 there when not said; never enlarges"),
        same("crop", "height", "theirs too is the height before the picture is made smaller; 1200 when not said"),
        same("viewportWidth", "width", "1200 when not said"),
        times("maxAge", "ttl", 3600, "hours there, seconds here"),
        times("wait", "delay", 1000, "seconds there, milliseconds here"),
        when("allowJPG", "format=jpeg", "always; `format=auto` lets the browser choose"),
        when("png", "format=png", "the default"),
        when("fullpage", "full_page=true"),
        when("refresh", "fresh=true"),
        when("iphone5", "device=iphone-se&width=320&height=568"),
        when("iphone6", "device=iphone-se", "the same 375 × 667"),
        when("iphone6plus", "device=iphone-14&width=414&height=736"),
        when("iphoneX", "device=iphone-14&width=375&height=812"),
        when("galaxys5", "device=galaxy-s23&width=360&height=640"),
        needless("noanimate", "there is no loading picture: the answer is the picture"),
        needless("hidePopovers", "consent dialogues and chats are taken off unless you say otherwise"),
        absent("ogImage", "`GET /meta` tells the address of a page's Open Graph picture"),
        absent("prefetch", "ask with `placeholder=true`: the page is photographed meanwhile"),
        absent("auth", "your own [keys or signatures](../access.md), if you switch them on"),
        absent("image,pdfSource,page,height", "pages only: pictures and PDFs are not made smaller"),
    ),
    {"width": "1200", "height": "1200", "thumb_width": "600"},
    from_path,
)
