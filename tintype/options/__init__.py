"""What may be asked of a picture: one model for validation, error text, cache key and docs.

A :class:`Shot` is what to photograph, in parts that are the steps of a capture; a
:class:`Rendition` is how to deliver it; a :class:`CaptureRequest` is both and *is* the cache key.
What does not change the pixels (:class:`tintype.model.Freshness`) is never in them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from tintype.model import Verdict
from tintype.options.combinations import DEFAULT_LIMITS, MAX_PIXELS, OptionLimits, raise_for_conflicts
from tintype.options.devices import DEVICES
from tintype.options.groups import (
    DOCUMENTS,
    FORMATS,
    Credentials,
    Emulation,
    Navigation,
    PageChanges,
    PdfOptions,
    Region,
    Rendition,
    WaitOptions,
    between,
    flag,
    option,
)
from tintype.options.types import Bool, FormatName, FormatOrAuto, Int, Verdicts

__all__ = [
    "DOCUMENTS",
    "INLINE_HTML_URL",
    "KEY_VERSION",
    "MAX_PIXELS",
    "CaptureRequest",
    "Credentials",
    "Emulation",
    "FormatName",
    "Navigation",
    "OptionLimits",
    "Options",
    "PageChanges",
    "PdfOptions",
    "Region",
    "Rendition",
    "Shot",
    "WaitOptions",
    "accepts",
    "accepts_json",
    "format_value",
    "is_body_only",
    "option_names",
]

KEY_VERSION = "tintype/3"
"""Part of every key. Raise it whenever a default or the meaning of an option changes."""

INLINE_HTML_URL = "http://html.invalid/"
"""The address of a page that came as HTML: an origin of its own that leads nowhere (RFC 6761, 6.4)."""

_GROUPS = (Emulation, Navigation, Credentials, WaitOptions, PageChanges, Region, PdfOptions, Rendition)


class CacheKeyed(BaseModel):
    """A frozen value that is its own cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @cached_property
    def key(self) -> str:
        """64 hex digits: SHA-256 over a canonical encoding in which defaults are left out.

        Leaving defaults out at every depth means that a new option renames no picture ever made. Worked out once: on
        the way of a request it is asked for eight times.
        """
        said = self.model_dump(mode="json", exclude_defaults=True)
        text = json.dumps({name: part for name, part in said.items() if part}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{KEY_VERSION}\n{text}".encode()).hexdigest()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with changes, which has a key of its own."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("key", None)
        return copy


class PdfLayout(PdfOptions):
    """That a page is printed, and how."""

    format: Literal["pdf"]


class Shot(CacheKeyed):
    """What to photograph. Every field changes the pixels; each part is one step of a capture."""

    navigation: Navigation
    credentials: Credentials = Credentials()
    emulation: Emulation = Emulation()
    wait: WaitOptions = WaitOptions()
    page_changes: PageChanges = PageChanges()
    region: Region = Region()
    pdf: PdfLayout | None = None

    @property
    def url(self) -> str:
        """The canonical address of the page."""
        return self.navigation.url

    @property
    def has_credentials(self) -> bool:
        """Whether it carries a caller's secrets, so that nothing of it may be remembered or shared."""
        return self.credentials != Credentials()


class CaptureRequest(CacheKeyed):
    """What to photograph and how to deliver it: the identity of a thumbnail."""

    shot: Shot
    rendition: Rendition = Rendition()


class Options(Emulation, Navigation, Credentials, WaitOptions, PageChanges, Region, PdfOptions, Rendition):
    """Everything a caller may write, flat as on the wire; the parts above plus what is not in the key."""

    format: FormatOrAuto = option(  # type: ignore[assignment]
        "png", FORMATS, "png, jpeg, webp, avif, pdf, json or auto"
    )
    retina: Bool = flag(False, "Short for scale=2.")
    fresh: Bool = flag(False, "Capture anew instead of answering from the cache.")
    ttl: Int | None = between(None, "Accept a picture of at most this age.", 0, 315_360_000, "seconds")
    on_error: Literal["problem", "image"] = option(
        "problem", "image answers a failure with a picture that says so, under the true status.", "problem or image"
    )
    placeholder: Bool = flag(
        False, "Answer at once: with a neutral picture while the first one is taken. See docs/verdicts.md."
    )
    fail_on: Verdicts = option(
        (),
        "Answer a picture that does not show the page with an error instead. See docs/verdicts.md.",
        f"a comma list of {', '.join(verdict for verdict in Verdict if verdict is not Verdict.OK)}",
        accepts_json=True,
    )

    @model_validator(mode="after")
    def _check_combinations(self, info: ValidationInfo) -> Self:
        """Reject options that exclude each other; the operator's limits are the context of the validation."""
        raise_for_conflicts(self, info.context if isinstance(info.context, OptionLimits) else DEFAULT_LIMITS)
        return self

    def is_set(self, name: str) -> bool:
        """Whether the caller wrote this option, even with its default value."""
        return name in self.model_fields_set

    def capture_request(self) -> CaptureRequest:
        """The normalised request; ``format=auto`` must have been resolved before."""
        shot = Shot(
            navigation=self.extract(Navigation),
            credentials=self.extract(Credentials),
            emulation=self.effective_emulation(),
            wait=self.extract(WaitOptions),
            page_changes=self.extract(PageChanges),
            region=Region() if self.format == "pdf" else self._region(),
            pdf=PdfLayout(format="pdf", **dict(self.extract(PdfOptions))) if self.format == "pdf" else None,
        )
        return CaptureRequest(shot=shot, rendition=self.extract(Rendition).normalized())

    def effective_emulation(self) -> Emulation:
        """What the page sees: the device preset, with explicit sizes and ``retina`` applied."""
        emulate = self.extract(Emulation)
        changes: dict[str, Any] = {"scale": 2.0} if self.retina else {}
        if self.media == ("print" if self.format == "pdf" else "screen"):
            changes["media"] = None
        if preset := DEVICES.get(self.device):
            sizes = {"width": preset.width, "height": preset.height, "scale": preset.scale}
            changes = {**{n: v for n, v in sizes.items() if not self.is_set(n)}, **changes}
            changes["device"] = self.device if preset.mobile else ""
        return emulate.model_copy(update=changes)

    def _region(self) -> Region:
        """What says nothing beside other options is left out.

        An element or a part is photographed whole wherever the page is scrolled to, and jpeg knows no transparency.
        """
        expose, idle = self.extract(Region), dict[str, Any]()
        if expose.selector or expose.clip:
            idle["full_page"] = False
        if expose.selector or expose.clip or expose.full_page:
            idle["scroll_to"] = ""
        if self.format == "jpeg":
            idle["omit_background"] = False
        return expose.model_copy(update=idle)


def option_names() -> tuple[str, ...]:
    """All options in the order of the documentation: target, steps of a capture, then those outside of the key."""
    in_groups = ("url", *(name for group in _GROUPS for name in group.model_fields), *Options.model_fields)
    return tuple(dict.fromkeys(in_groups))


def format_value(value: Any) -> str:
    """A value or default as a client writes it: ``true``, ``1.5``, ``10`` for 10.0; empty if there is none."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value in ((), []):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def accepts(name: str) -> str:
    """What an option accepts, in the words of errors and docs."""
    extra = Options.model_fields[name].json_schema_extra
    return str(extra["accepts"]) if isinstance(extra, dict) else ""


def accepts_json(name: str) -> bool:
    """Whether an option's value may be a list or an object in JSON."""
    return _has_trait(name, "accepts_json")


def is_body_only(name: str) -> bool:
    """Whether an option is taken from the body of a POST only, and never repeated to anybody."""
    return _has_trait(name, "body_only")


def _has_trait(name: str, trait: str) -> bool:
    extra = Options.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get(trait))
