"""Names of options and values for people: what the form of the playground calls them."""

from __future__ import annotations

LABELS = {
    "basic_auth": "User and password",
    "block_ads": "Block ads",
    "block_chats": "Block chat widgets",
    "block_cookie_banners": "Block cookie banners",
    "block_trackers": "Block trackers",
    "click": "Click an element first",
    "clip": "Rectangle of the page",
    "cookies": "Cookies",
    "css": "Extra CSS",
    "dark_mode": "Dark mode",
    "delay": "Extra delay",
    "device": "Device",
    "elements": "List the elements",
    "fail_on": "Treat as a failure",
    "fit": "Fit into width and height",
    "format": "Format",
    "fresh": "Take a new picture",
    "full_page": "Full page",
    "geolocation": "Geographic position",
    "headers": "Request headers",
    "height": "Viewport height",
    "hide_selectors": "Hide elements",
    "html": "HTML instead of an address",
    "js": "Extra JavaScript",
    "landscape": "Landscape",
    "locale": "Language",
    "margin": "Page margin",
    "media": "CSS media type",
    "omit_background": "Transparent background",
    "on_error": "On an error, return",
    "paper": "Paper size",
    "placeholder": "Placeholder while the capture runs",
    "print_background": "Print backgrounds",
    "quality": "Image quality",
    "reduced_motion": "Reduced motion",
    "retina": "Retina, 2 pixels per CSS pixel",
    "scale": "Pixel density",
    "scroll_to": "Scroll to",
    "selector": "One element only",
    "tag": "Tags",
    "thumb_height": "Thumbnail height",
    "thumb_width": "Thumbnail width",
    "timezone": "Time zone",
    "ttl": "Maximum age",
    "url": "Address of the page",
    "user_agent": "User agent",
    "wait_for": "Wait for an element",
    "wait_until": "Wait until",
    "width": "Viewport width",
}
"""Labels by option. A test checks that every option has one."""

UNITS = {"pixels": "px", "milliseconds": "ms", "millimetres": "mm", "seconds": "s"}
"""Abbreviations of the units that :func:`tintype.options.accepts` names."""

CHOICES = {
    "fit": {"cover": "cover: fill, crop the bottom", "contain": "contain: pad", "inside": "inside: shrink",
            "fill": "fill: stretch"},
    "format": {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "avif": "AVIF", "pdf": "PDF", "json": "Metadata (JSON)",
               "auto": "Best for the client"},
    "on_error": {"problem": "a JSON problem", "image": "an error image"},
    "paper": {"a3": "A3", "a4": "A4", "a5": "A5", "letter": "Letter", "legal": "Legal", "tabloid": "Tabloid"},
    "wait_until": {"load": "the page has loaded", "domcontentloaded": "the document is parsed",
                   "networkidle": "the network is quiet"},
}  # fmt: skip
"""Labels of the values of an option; a value without one is its own label."""

EXAMPLES = {
    "clip": "0,120,800,600",
    "click": "#more",
    "css": "body { background: white }",
    "geolocation": "48.21,16.37",
    "hide_selectors": ".banner, #newsletter",
    "locale": "de-AT",
    "scroll_to": "1200 or #prices",
    "selector": "main article",
    "tag": "shop,spring",
    "timezone": "Europe/Vienna",
    "wait_for": "#chart svg",
}
"""Placeholders of fields for text."""
