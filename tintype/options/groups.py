"""What may be asked of each step of a capture, and of the delivery: one field an option, told once."""

from __future__ import annotations

from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tintype.options.credentials import BasicAuth, Cookies, Headers
from tintype.options.devices import DEVICES
from tintype.options.types import (
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
"""Formats that are no pictures."""
FORMATS = "Image format; auto chooses by the Accept header, pdf prints the page, json tells what it says of itself."
_SELECTOR = "a CSS selector of at most 500 characters"


def option(
    default: Any, meaning: str, accepts: str, *, accepts_json: bool = False, body_only: bool = False, **limits: Any
) -> Any:
    """A field: default, meaning and accepted values, as errors and the docs table print them.

    ``accepts_json``: a JSON body may give a list or an object. ``body_only``: the option is read from a request body
    only and never repeated in a response.
    """
    extra: dict[str, Any] = {"accepts": accepts, "accepts_json": accepts_json, "body_only": body_only}
    return Field(default, description=meaning, json_schema_extra=extra, repr=not body_only, **limits)


def between(default: Any, meaning: str, low: int, high: int, unit: str = "", kind: str = "whole number") -> Any:
    """A numeric field whose accepted range is written once."""
    accepts = f"a {kind} from {low} to {high}{unit and ' ' + unit}"
    return option(default, meaning, accepts, ge=low, le=high)


def flag(default: bool, meaning: str) -> Any:
    """A boolean field."""
    return option(default, meaning, "true, false, 1 or 0")


class OptionGroup(BaseModel):
    """A frozen group of options. Some are secrets, so what is wrong with one never quotes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def extract(self, group: type[_Group]) -> _Group:
        """The fields of another part that this (flat) model carries."""
        return group.model_construct(**{name: getattr(self, name) for name in group.model_fields})


class Emulation(OptionGroup):
    """What the page sees: viewport, screen and visitor."""

    width: Int = between(1280, "Viewport width.", 320, 3840, "pixels")
    height: Int = between(720, "Viewport height.", 240, 2160, "pixels")
    scale: Number = between(1.0, "Device pixel ratio.", 1, 3, kind="number")
    dark_mode: Bool = flag(False, "Ask the page for its dark colours (prefers-color-scheme).")
    device: DeviceName = option(
        "",
        "Preset: viewport, scale and, for phones and tablets, touch and user agent. "
        "An explicit width, height or scale wins over the preset.",
        "one of " + ", ".join(DEVICES),
    )
    user_agent: UserAgent = option(
        "", "Wins over that of the device.", "printable ASCII text of at most 500 characters"
    )
    locale: Locale = option(
        "", "Language and region: Accept-Language, navigator.language, numbers and dates.", "a language tag: de-AT"
    )
    timezone: Timezone = option("", "Time zone of the page's clock.", "a name of the IANA time zones: Europe/Vienna")
    geolocation: Geolocation | None = option(
        None,
        "Where the visitor is, told to the page if it asks.",
        "latitude,longitude or latitude,longitude,accuracy in degrees and metres: 48.21,16.37,25",
        accepts_json=True,
    )
    media: Literal["screen", "print"] | None = option(
        None, "The medium whose styles apply; unset: screen, for a PDF print.", "screen or print"
    )
    reduced_motion: Bool = flag(False, "Ask the page to move less (prefers-reduced-motion).")


class Navigation(OptionGroup):
    """Where to go, and when the page counts as there."""

    url: str = option(..., "The page to photograph.", "a public http:// or https:// address", max_length=8192)
    html: InlineHtml = option(
        "", "The page itself, in place of url; only in a POST.", "HTML of at most 1000000 characters", body_only=True
    )
    wait_until: Literal["load", "domcontentloaded", "networkidle"] = option(
        "load", "The event that ends navigation.", "load, domcontentloaded or networkidle"
    )


class Credentials(OptionGroup):
    """What is sent to the page in the caller's name: to the very origin of ``url``, and to no other.

    Secrets: they come in a POST, are never logged, and what they show is never remembered.
    """

    headers: Headers = option(
        (),
        "Headers to send to the origin of url; only in a POST.",
        'an object of up to 20 headers: {"Authorization": "Bearer …"}; none that belong to the connection or the'
        " browser, such as Host, Cookie, Proxy-… or Sec-…",
        accepts_json=True,
        body_only=True,
    )
    cookies: Cookies = option(
        (),
        "Cookies for the host of url; only in a POST.",
        'an object of up to 50 cookies: {"session": "…"}, or a list of objects with name, value and path',
        accepts_json=True,
        body_only=True,
    )
    basic_auth: BasicAuth | None = option(
        None,
        "Answer to the origin of url when it asks for a password; only in a POST.",
        "user:password",
        accepts_json=True,
        body_only=True,
    )


class WaitOptions(OptionGroup):
    """What to wait for after navigation."""

    wait_for: Selector = option("", "Wait until an element matches.", _SELECTOR)
    delay: Int = between(0, "Extra wait before the picture.", 0, 10_000, "milliseconds")


class PageChanges(OptionGroup):
    """What to change on the page."""

    css: SourceCode = option("", "Styles to add to the page.", "CSS of at most 50000 characters")
    js: SourceCode = option(
        "",
        "Script to run in the page once it has loaded; a promise is waited for.",
        "JavaScript of at most 50000 characters",
    )
    click: Selector = option("", "Click this element once the page has loaded.", _SELECTOR)
    hide_selectors: Selectors = option(
        "",
        "Hide every element that matches.",
        "CSS selectors separated by commas, of at most 2000 characters",
        accepts_json=True,
    )

    block_ads: Bool = flag(True, "Keep advertising from loading, and leave no holes where it was.")
    block_trackers: Bool = flag(True, "Keep visitor counters and recorders from loading.")
    block_cookie_banners: Bool = flag(True, "Refuse and hide consent dialogues, and what they cover the page with.")
    block_chats: Bool = flag(True, "Keep chat widgets from loading, and hide their bubbles.")


class Region(OptionGroup):
    """What of the page is in the picture."""

    full_page: Bool = flag(False, "The whole scrollable height instead of the viewport.")
    selector: Selector = option("", "Photograph this one element.", _SELECTOR)
    clip: Clip | None = option(
        None,
        "Photograph this part of the page, in CSS pixels from its upper left corner.",
        "x,y,width,height as whole pixels: 0,120,800,600",
        accepts_json=True,
    )
    scroll_to: ScrollTarget = option(
        "",
        "Scroll here before the picture of the viewport.",
        "a number of pixels up to 100000, or a CSS selector of at most 500 characters",
    )
    omit_background: Bool = flag(False, "Leave transparent what the page does not paint; jpeg stays white.")


class PdfOptions(OptionGroup):
    """How a PDF is laid out; pictures have none of it."""

    paper: Paper = option("a4", "Size of the sheets of a PDF.", "a3, a4, a5, letter, legal or tabloid")
    landscape: Bool = flag(False, "Sheets of a PDF on their side.")
    margin: Int = between(10, "Margin of the sheets of a PDF.", 0, 100, "millimetres")
    print_background: Bool = flag(True, "Colours and pictures behind the text of a PDF.")


class Rendition(OptionGroup):
    """How the picture is delivered."""

    format: Format = option("png", FORMATS, "png, jpeg, webp, avif, pdf, json or auto")
    quality: Int = between(80, "Quality of jpeg, webp and avif.", 1, 100)
    thumb_width: Int | None = between(None, "Width of the delivered picture; never enlarges.", 16, 3840, "pixels")
    thumb_height: Int | None = between(None, "Height of the delivered picture; never enlarges.", 16, 3840, "pixels")
    fit: Fit = option(
        "cover",
        "How both thumb sizes are met: cover crops (anchored at the top), contain pads, "
        "inside fits within, fill stretches.",
        "cover, contain, inside or fill",
    )

    def normalized(self) -> Self:
        """The same delivery without options that change nothing, so that it has one key."""
        idle: dict[str, Any] = {}
        if self.format in {"png", *DOCUMENTS}:
            idle["quality"] = 80
        if self.thumb_width is None or self.thumb_height is None:
            idle["fit"] = "cover"
        return self.model_copy(update=idle)

    @property
    def mime(self) -> str:
        """Media type of what is delivered."""
        return f"application/{self.format}" if self.format in DOCUMENTS else f"image/{self.format}"
