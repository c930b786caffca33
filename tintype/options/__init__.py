"""Pydantic models of a request: Options (flat, as sent), Shot, CaptureRequest; cache keys and documentation.

A :class:`Shot` describes a capture; each of its groups is one step. A :class:`Rendition` describes the delivery. A
:class:`CaptureRequest` contains both, and its hash is the cache key. Options that do not change the pixels
(:class:`tintype.model.Freshness`) are in neither.
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
from tintype.options.types import MAX_TAGS, TAG_FORM, Bool, FormatName, FormatOrAuto, Int, Tags, Verdicts

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

KEY_VERSION = "tintype/4"
"""Part of every key. Increase it when a default, a meaning or a member of a shot changes: cached thumbnails expire."""

INLINE_HTML_URL = "http://html.invalid/"
"""The URL of a page sent as HTML: an origin for it alone that never resolves (RFC 6761, 6.4)."""

_GROUPS = (Emulation, Navigation, Credentials, WaitOptions, PageChanges, Region, PdfOptions, Rendition)


class CacheKeyed(BaseModel):
    """A frozen model whose content is its cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @cached_property
    def key(self) -> str:
        """64 hex digits: SHA-256 over canonical JSON without defaults.

        Without defaults at every depth, a new option changes no existing key. Computed once, because a request reads it
        eight times.
        """
        values = self.model_dump(mode="json", exclude_defaults=True)
        text = json.dumps({name: part for name, part in values.items() if part}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{KEY_VERSION}\n{text}".encode()).hexdigest()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with changes; its key is computed again."""
        copy = super().model_copy(update=update, deep=deep)
        copy.__dict__.pop("key", None)
        return copy


_NO_CREDENTIALS = Credentials()


class PdfLayout(PdfOptions):
    """The layout of a PDF; its ``format`` makes a shot with default layout differ from a screenshot."""

    format: Literal["pdf"]


class Shot(CacheKeyed):
    """The capture to make. Every field changes what is captured; each group is one step of a capture."""

    navigation: Navigation
    credentials: Credentials = Credentials()
    emulation: Emulation = Emulation()
    wait: WaitOptions = WaitOptions()
    page_changes: PageChanges = PageChanges()
    region: Region = Region()
    pdf: PdfLayout | None = None

    @property
    def url(self) -> str:
        """The canonical URL of the target."""
        return self.navigation.url

    @property
    def has_credentials(self) -> bool:
        """Whether the shot has credentials of a client; its capture is then neither cached nor shared."""
        return self.credentials != _NO_CREDENTIALS


class CaptureRequest(CacheKeyed):
    """A shot with a rendition: the identity of a thumbnail."""

    shot: Shot
    rendition: Rendition = Rendition()


class Options(Emulation, Navigation, Credentials, WaitOptions, PageChanges, Region, PdfOptions, Rendition):
    """Every option of a request, flat: all groups, and the options that are not in the key."""

    format: FormatOrAuto = option(  # type: ignore[assignment]
        "png", FORMATS, "png, jpeg, webp, avif, pdf, json or auto"
    )
    retina: Bool = flag(False, "Same as scale=2.")
    fresh: Bool = flag(False, "Bypass the cache and make a new capture.")
    ttl: Int | None = between(None, "Maximum age of a cached thumbnail.", 0, 315_360_000, "seconds")
    tag: Tags = option(
        (),
        "Tags of the cached thumbnail, by which an operator can purge it.",
        f"up to {MAX_TAGS} tags separated by commas, each of {TAG_FORM}",
        accepts_json=True,
    )
    on_error: Literal["problem", "image"] = option(
        "problem", "image: return an error as an image, with the same status code.", "problem or image"
    )
    placeholder: Bool = flag(
        False, "Return a neutral image immediately while the first capture runs. See docs/verdicts.md."
    )
    fail_on: Verdicts = option(
        (),
        "Return an error for a capture with one of these verdicts. See docs/verdicts.md.",
        f"a comma-separated list of {', '.join(verdict for verdict in Verdict if verdict is not Verdict.OK)}",
        accepts_json=True,
    )

    @model_validator(mode="after")
    def _check_combinations(self, info: ValidationInfo) -> Self:
        """Reject options that exclude each other; the operator's limits are the context of the validation."""
        raise_for_conflicts(self, info.context if isinstance(info.context, OptionLimits) else DEFAULT_LIMITS)
        return self

    def is_set(self, name: str) -> bool:
        """Whether the client sent this option, even with its default value."""
        return name in self.model_fields_set

    def capture_request(self) -> CaptureRequest:
        """The normalised request. Resolve ``format=auto`` first."""
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
        """The emulation that the page sees: the device preset with explicit sizes and ``retina`` applied."""
        emulation = self.extract(Emulation)
        changes: dict[str, Any] = {"scale": 2.0} if self.retina else {}
        if self.media == ("print" if self.format == "pdf" else "screen"):
            changes["media"] = None
        if preset := DEVICES.get(self.device):
            sizes = {"width": preset.width, "height": preset.height, "scale": preset.scale}
            changes = {**{n: v for n, v in sizes.items() if not self.is_set(n)}, **changes}
            changes["device"] = self.device if preset.mobile else ""
        return emulation.model_copy(update=changes)

    def _region(self) -> Region:
        """The region without options that other options override, so that equal images have equal keys.

        An element or clip is captured whole at any scroll position, and JPEG has no transparency.
        """
        region, unused = self.extract(Region), dict[str, Any]()
        if region.selector or region.clip:
            unused["full_page"] = False
        if region.selector or region.clip or region.full_page:
            unused["scroll_to"] = ""
        if self.format == "jpeg":
            unused["omit_background"] = False
        return region.model_copy(update=unused)


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
    """The accepted values of an option, as errors and docs print them."""
    extra = Options.model_fields[name].json_schema_extra
    return str(extra["accepts"]) if isinstance(extra, dict) else ""


def accepts_json(name: str) -> bool:
    """Whether a JSON body may give a list or an object for an option."""
    return _has_trait(name, "accepts_json")


def is_body_only(name: str) -> bool:
    """Whether an option is read from a request body only, and never repeated in a response."""
    return _has_trait(name, "body_only")


def _has_trait(name: str, trait: str) -> bool:
    extra = Options.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get(trait))
