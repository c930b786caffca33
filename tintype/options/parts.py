"""What may be asked of each step of a capture, and of the delivery: one field an option, told once."""

from __future__ import annotations

from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tintype.options.devices import DEVICES
from tintype.options.values import Bool, Device, Fit, Format, Int, Number, Selector

_Part = TypeVar("_Part", bound="Part")


def option(default: Any, meaning: str, accepts: str, **limits: Any) -> Any:
    """A field: default, meaning and accepted values, as errors and the docs table print them."""
    return Field(default, description=meaning, json_schema_extra={"accepts": accepts}, **limits)


def between(default: Any, meaning: str, low: int, high: int, unit: str = "", kind: str = "whole number") -> Any:
    """A numeric field whose accepted range is written once."""
    accepts = f"a {kind} from {low} to {high}{unit and ' ' + unit}"
    return option(default, meaning, accepts, ge=low, le=high)


def flag(default: bool, meaning: str) -> Any:
    """A boolean field."""
    return option(default, meaning, "true, false, 1 or 0")


class Part(BaseModel):
    """A frozen group of options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def pick(self, part: type[_Part]) -> _Part:
        """The fields of another part that this (flat) model carries."""
        return part.model_construct(**{name: getattr(self, name) for name in part.model_fields})


class Emulate(Part):
    """What the page sees: viewport, screen and visitor."""

    width: Int = between(1280, "Viewport width.", 320, 3840, "pixels")
    height: Int = between(720, "Viewport height.", 240, 2160, "pixels")
    scale: Number = between(1.0, "Device pixel ratio.", 1, 3, kind="number")
    dark_mode: Bool = flag(False, "Ask the page for its dark colours (prefers-color-scheme).")
    device: Device = option(
        "",
        "Preset: viewport, scale and, for phones and tablets, touch and user agent. "
        "An explicit width, height or scale wins over the preset.",
        "one of " + ", ".join(DEVICES),
    )


class Navigate(Part):
    """Where to go, and when the page counts as there."""

    url: str = option(..., "The page to photograph.", "a public http:// or https:// address", max_length=8192)
    wait_until: Literal["load", "domcontentloaded", "networkidle"] = option(
        "load", "The event that ends navigation.", "load, domcontentloaded or networkidle"
    )


class Settle(Part):
    """What to wait for after navigation."""

    wait_for: Selector = option("", "Wait until an element matches.", "a CSS selector of at most 500 characters")
    delay: Int = between(0, "Extra wait before the picture.", 0, 10_000, "milliseconds")


class Retouch(Part):
    """What to change on the page."""

    block_ads: Bool = flag(True, "Keep well-known advertising hosts from loading.")


class Expose(Part):
    """What of the page is in the picture."""

    full_page: Bool = flag(False, "The whole scrollable height instead of the viewport.")
    selector: Selector = option("", "Photograph this one element.", "a CSS selector of at most 500 characters")


class Rendition(Part):
    """How the picture is delivered."""

    format: Format = option("png", "Image format; auto chooses by the Accept header.", "png, jpeg, webp, avif or auto")
    quality: Int = between(80, "Quality of jpeg, webp and avif.", 1, 100)
    thumb_width: Int | None = between(None, "Width of the delivered picture; never enlarges.", 16, 3840, "pixels")
    thumb_height: Int | None = between(None, "Height of the delivered picture; never enlarges.", 16, 3840, "pixels")
    fit: Fit = option(
        "cover",
        "How both thumb sizes are met: cover crops (anchored at the top), contain pads, "
        "inside fits within, fill stretches.",
        "cover, contain, inside or fill",
    )

    def normal(self) -> Self:
        """The same delivery without options that change nothing, so that it has one key."""
        idle: dict[str, Any] = {}
        if self.format == "png":
            idle["quality"] = 80
        if self.thumb_width is None or self.thumb_height is None:
            idle["fit"] = "cover"
        return self.model_copy(update=idle)

    @property
    def mime(self) -> str:
        """Media type of the delivered picture."""
        return f"image/{self.format}"
