"""What may be asked of a picture: one model for validation, error text, cache key and docs.

A :class:`Shot` is what to photograph, in parts that are the steps of a capture; a
:class:`Rendition` is how to deliver it; a :class:`CaptureRequest` is both and *is* the cache key.
What does not change the pixels (:class:`tintype.model.Freshness`) is never in them.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tintype.options.devices import DEVICES, slug

KEY_VERSION = "tintype/1"
"""Part of every key. Raise it whenever a default or the meaning of an option changes."""

MAX_PIXELS = 25_000_000
"""Upper bound for width x height after scaling: about 18 MB and 30 ms each million."""

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,6})?")
_TOO_LARGE = 1e9
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text not in _BOOLEANS or not isinstance(value, str | int):
        raise ValueError("not a boolean")
    return _BOOLEANS[text]


def _integer(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("not a whole number")


def _number(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TOO_LARGE:
        return float(value)
    raise ValueError("not a number")


def _line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("control characters")
    return value.strip()


def _device(value: Any) -> str:
    name = slug(value) if isinstance(value, str) else ""
    if name not in DEVICES:
        raise ValueError("unknown device")
    return name


def _format(value: Any) -> Any:
    return "jpeg" if value == "jpg" else value


Bool = Annotated[bool, BeforeValidator(_boolean)]
Int = Annotated[int, BeforeValidator(_integer)]
Number = Annotated[float, BeforeValidator(_number)]
Selector = Annotated[str, AfterValidator(_line), Field(min_length=1, max_length=500)]
Format = Literal["png", "jpeg", "webp", "avif"]
Fit = Literal["cover", "contain", "inside", "fill"]

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
    device: Annotated[str, BeforeValidator(_device)] = option(
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

    format: Annotated[Format, BeforeValidator(_format)] = option(
        "png", "Image format; auto chooses by the Accept header.", "png, jpeg, webp, avif or auto"
    )
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


class Keyed(BaseModel):
    """A frozen value that is its own cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def key(self) -> str:
        """64 hex digits: SHA-256 over a canonical encoding in which defaults are left out.

        Leaving defaults out at every depth means that a new option renames no picture ever made.
        """
        said = self.model_dump(mode="json", exclude_defaults=True)
        text = json.dumps({name: part for name, part in said.items() if part}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{KEY_VERSION}\n{text}".encode()).hexdigest()


class Shot(Keyed):
    """What to photograph. Every field changes the pixels; each part is one step of a capture."""

    navigate: Navigate
    emulate: Emulate = Emulate()
    settle: Settle = Settle()
    retouch: Retouch = Retouch()
    expose: Expose = Expose()

    @property
    def url(self) -> str:
        """The canonical address of the page."""
        return self.navigate.url


class CaptureRequest(Keyed):
    """What to photograph and how to deliver it: the identity of a thumbnail."""

    shot: Shot
    rendition: Rendition = Rendition()


class Options(Emulate, Navigate, Settle, Retouch, Expose, Rendition):
    """Everything a caller may write, flat as on the wire; the parts above plus what is not in the key."""

    format: Annotated[Literal["png", "jpeg", "webp", "avif", "auto"], BeforeValidator(_format)] = option(  # type: ignore[assignment]
        "png", "Image format; auto chooses by the Accept header.", "png, jpeg, webp, avif or auto"
    )
    retina: Bool = flag(False, "Short for scale=2.")
    fresh: Bool = flag(False, "Capture anew instead of answering from the cache.")
    ttl: Int | None = between(None, "Accept a picture of at most this age.", 0, 315_360_000, "seconds")
    on_error: Literal["problem", "image"] = option(
        "problem", "image answers a failure with a picture that says so, under the true status.", "problem or image"
    )

    def said(self, name: str) -> bool:
        """Whether the caller wrote this option, even with its default value."""
        return name in self.model_fields_set

    def request(self) -> CaptureRequest:
        """The normalised request; ``format=auto`` must have been resolved before."""
        shot = Shot(
            navigate=self.pick(Navigate),
            emulate=self._emulate(),
            settle=self.pick(Settle),
            retouch=self.pick(Retouch),
            expose=self._expose(),
        )
        return CaptureRequest(shot=shot, rendition=self.pick(Rendition).normal())

    def _emulate(self) -> Emulate:
        emulate = self.pick(Emulate)
        changes: dict[str, Any] = {"scale": 2.0} if self.retina else {}
        if preset := DEVICES.get(self.device):
            sizes = {"width": preset.width, "height": preset.height, "scale": preset.scale}
            changes = {**{n: v for n, v in sizes.items() if not self.said(n)}, **changes}
            changes["device"] = self.device if preset.mobile else ""
        return emulate.model_copy(update=changes)

    def _expose(self) -> Expose:
        """An element is photographed whole, so ``full_page`` says nothing beside ``selector``."""
        expose = self.pick(Expose)
        return expose.model_copy(update={"full_page": False}) if expose.selector else expose


def accepts(name: str) -> str:
    """What an option accepts, in the words of errors and docs."""
    extra = Options.model_fields[name].json_schema_extra
    return str(extra["accepts"]) if isinstance(extra, dict) else ""
