"""Option groups: one pydantic model for each step of a capture, and one for the delivery."""

from __future__ import annotations

from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tintype.options.credentials import MAX_COOKIES, MAX_HEADERS, BasicAuth, Cookies, Headers
from tintype.options.devices import DEVICES
from tintype.options.types import (
    MAX_COORDINATE,
    MAX_HTML,
    MAX_SELECTOR,
    MAX_SELECTORS,
    MAX_SIDE,
    MAX_SOURCE,
    MAX_USER_AGENT,
    Bool,
    Clip,
    DeviceName,
    Fit,
    Format,
    Geolocation,
    InlineHtml,
    Int,
    Locale,
    Number,
    Paper,
    ScrollTarget,
    Selector,
    Selectors,
    SourceCode,
    Timezone,
    UserAgent,
)

_Group = TypeVar("_Group", bound="OptionGroup")
DOCUMENTS = ("pdf", "json")
"""Formats that are not images."""
FORMATS = "Output format. auto: by the Accept header; pdf: the printed page; json: its metadata."
_SELECTOR = f"a CSS selector of at most {MAX_SELECTOR} characters"


def option(
    default: Any, meaning: str, accepts: str, *, accepts_json: bool = False, body_only: bool = False, **limits: Any
) -> Any:
    """A field with default, meaning and accepted values, as errors and docs print them.

    ``accepts_json``: a JSON body may give a list or an object. ``body_only``: the option is read from a request body
    only and never repeated in a response.
    """
    extra: dict[str, Any] = {"accepts": accepts, "accepts_json": accepts_json, "body_only": body_only}
    return Field(default, description=meaning, json_schema_extra=extra, repr=not body_only, **limits)


def between(default: Any, meaning: str, low: int, high: int, unit: str = "", kind: str = "whole number") -> Any:
    """A numeric field with an inclusive range."""
    accepts = f"a {kind} from {low} to {high}{unit and ' ' + unit}"
    return option(default, meaning, accepts, ge=low, le=high)


def flag(default: bool, meaning: str) -> Any:
    """A boolean field."""
    return option(default, meaning, "true, false, 1 or 0")


class OptionGroup(BaseModel):
    """A frozen group of options. Validation errors do not contain values, because some are secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def extract(self, group: type[_Group]) -> _Group:
        """Copy the fields of a group out of this flat model."""
        return group.model_construct(**{name: getattr(self, name) for name in group.model_fields})


class Emulation(OptionGroup):
    """Viewport, screen, locale and device that the page sees."""

    width: Int = between(1280, "Viewport width.", 320, 3840, "pixels")
    height: Int = between(720, "Viewport height.", 240, 2160, "pixels")
    scale: Number = between(1.0, "Device pixel ratio.", 1, 3, kind="number")
    dark_mode: Bool = flag(False, "Set prefers-color-scheme to dark.")
    device: DeviceName = option(
        "",
        "Preset: viewport, scale and, for phones and tablets, touch and user agent. "
        "An explicit width, height or scale has priority.",
        "one of " + ", ".join(DEVICES),
    )
    user_agent: UserAgent = option(
        "",
        "User-Agent header; has priority over the device.",
        f"printable ASCII text of at most {MAX_USER_AGENT} characters",
    )
    locale: Locale = option(
        "",
        "Language and region: Accept-Language, navigator.language, number and date formats.",
        "a language tag: de-AT",
    )
    timezone: Timezone = option("", "Time zone of the page.", "an IANA time zone: Europe/Vienna")
    geolocation: Geolocation | None = option(
        None,
        "Position that the page reads through the Geolocation API.",
        "latitude,longitude or latitude,longitude,accuracy, such as 48.21,16.37,25: latitude from -90 to 90 and"
        f" longitude from -180 to 180 degrees, accuracy above 0 and up to {MAX_COORDINATE} metres",
        accepts_json=True,
    )
    media: Literal["screen", "print"] | None = option(
        None, "CSS media type. Unset: screen, and print for a PDF.", "screen or print"
    )
    reduced_motion: Bool = flag(False, "Set prefers-reduced-motion to reduce.")


class Navigation(OptionGroup):
    """The target, and the event that ends navigation."""

    url: str = option(..., "The page to capture.", "a public http:// or https:// URL", max_length=8192)
    html: InlineHtml = option(
        "", "HTML to capture in place of url; only in a POST.", f"HTML of at most {MAX_HTML} characters", body_only=True
    )
    wait_until: Literal["load", "domcontentloaded", "networkidle"] = option(
        "load", "The event that ends navigation.", "load, domcontentloaded or networkidle"
    )


class Credentials(OptionGroup):
    """The client's credentials for the target, sent to the origin of ``url`` only.

    They are read from a POST, never logged, and captures with them are never cached.
    """

    headers: Headers = option(
        (),
        "Headers to send to the origin of url; only in a POST.",
        f'an object of up to {MAX_HEADERS} headers: {{"Authorization": "Bearer …"}}; not those of the connection or the'
        " browser, such as Host, Cookie, Proxy-… or Sec-…",
        accepts_json=True,
        body_only=True,
    )
    cookies: Cookies = option(
        (),
        "Cookies for the host of url; only in a POST.",
        f'an object of up to {MAX_COOKIES} cookies: {{"session": "…"}}, or a list of objects with name, value and path',
        accepts_json=True,
        body_only=True,
    )
    basic_auth: BasicAuth | None = option(
        None,
        "User and password for HTTP authentication at the origin of url; only in a POST.",
        "user:password",
        accepts_json=True,
        body_only=True,
    )


class WaitOptions(OptionGroup):
    """Conditions to wait for after navigation."""

    wait_for: Selector = option("", "Wait until this element exists.", _SELECTOR)
    delay: Int = between(0, "Additional wait before the screenshot.", 0, 10_000, "milliseconds")


class PageChanges(OptionGroup):
    """Changes to the page before the screenshot."""

    css: SourceCode = option("", "Styles to add to the page.", f"CSS of at most {MAX_SOURCE} characters")
    js: SourceCode = option(
        "",
        "Script to run in the loaded page; a promise is awaited.",
        f"JavaScript of at most {MAX_SOURCE} characters",
    )
    click: Selector = option("", "Click this element in the loaded page.", _SELECTOR)
    hide_selectors: Selectors = option(
        "",
        "Hide every matching element.",
        f"CSS selectors separated by commas, of at most {MAX_SELECTORS} characters",
        accepts_json=True,
    )

    block_ads: Bool = flag(True, "Block advertising, and remove its empty space.")
    block_trackers: Bool = flag(True, "Block analytics and session recorders.")
    block_cookie_banners: Bool = flag(True, "Reject and hide consent dialogs and their overlays.")
    block_chats: Bool = flag(True, "Block chat widgets, and hide their buttons.")


class Region(OptionGroup):
    """The part of the page in the screenshot."""

    full_page: Bool = flag(False, "Capture the whole scrollable page instead of the viewport.")
    selector: Selector = option("", "Capture this element only.", _SELECTOR)
    clip: Clip | None = option(
        None,
        "Capture this rectangle of the page, in CSS pixels from its upper left corner.",
        f"x,y,width,height as whole pixels, such as 0,120,800,600: x and y from 0 to {MAX_COORDINATE}, width and height"
        f" from 1 to {MAX_SIDE}",
        accepts_json=True,
    )
    scroll_to: ScrollTarget = option(
        "",
        "Scroll here before a capture of the viewport.",
        f"a number of pixels up to {MAX_COORDINATE}, or {_SELECTOR}",
    )
    elements: Bool = flag(False, "List boxes and selectors of the visible elements in the metadata; format=json only.")
    omit_background: Bool = flag(False, "Transparent where the page paints nothing; jpeg stays white.")


class PdfOptions(OptionGroup):
    """Layout of a PDF; not used for images."""

    paper: Paper = option("a4", "Paper size of a PDF.", "a3, a4, a5, letter, legal or tabloid")
    landscape: Bool = flag(False, "Landscape orientation of a PDF.")
    margin: Int = between(10, "Page margin of a PDF; at least 10 millimetres of a side remain.", 0, 100, "millimetres")
    print_background: Bool = flag(True, "Print background colours and images in a PDF.")


class Rendition(OptionGroup):
    """Delivery of the thumbnail: format, quality and size."""

    format: Format = option("png", FORMATS, "png, jpeg, webp, avif, pdf, json or auto")
    quality: Int = between(80, "Quality of jpeg, webp and avif.", 1, 100)
    thumb_width: Int | None = between(None, "Width of the thumbnail; images are never enlarged.", 16, 3840, "pixels")
    thumb_height: Int | None = between(None, "Height of the thumbnail; images are never enlarged.", 16, 3840, "pixels")
    fit: Fit = option(
        "cover",
        "How to fit both thumb sizes. cover: crop from the bottom; contain: pad; inside: shrink; fill: stretch.",
        "cover, contain, inside or fill",
    )

    def normalized(self) -> Self:
        """The same delivery without options that have no effect, so that equal thumbnails have one key."""
        unused: dict[str, Any] = {}
        if self.format in {"png", *DOCUMENTS}:
            unused["quality"] = 80
        if self.thumb_width is None or self.thumb_height is None:
            unused["fit"] = "cover"
        return self.model_copy(update=unused)

    @property
    def mime(self) -> str:
        """Media type of the thumbnail."""
        return f"application/{self.format}" if self.format in DOCUMENTS else f"image/{self.format}"
