"""Rules between options: which values of one option exclude those of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from tintype.options.groups import Credentials, PdfOptions
from tintype.options.paper import largest_margin

if TYPE_CHECKING:
    from tintype.options import Options

ERROR_TYPE = "option_combination"
"""The pydantic error type of these rules: its message is sent to the client unchanged."""
MAX_PIXELS = 25_000_000
"""Upper bound of width × height × scale²: about 18 MB and 30 ms for each million pixels."""

_RETINA_SCALE = 2.0
_IMAGES_ONLY = ("thumb_width", "thumb_height", "fit", "placeholder")
_REGIONS = ("selector", "clip", "scroll_to", "omit_background")
_NOT_APPLICABLE = {"pdf": (*_IMAGES_ONLY, *_REGIONS), "json": _IMAGES_ONLY}

Conflict = tuple[str, str]
"""The name of an option, and the reason to reject it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionLimits:
    """Limits of the operator, given as the context of a validation. ``max_ttl`` is in seconds, None is no limit."""

    max_ttl: int | None = None
    allow_js: bool = True
    check_combinations: bool = True
    """False accepts options that exclude each other, for drawing an error image."""


DEFAULT_LIMITS = OptionLimits()


def raise_for_conflicts(options: Options, limits: OptionLimits) -> None:
    """Raise one ValidationError with every rule that the options break."""
    found = [
        InitErrorDetails(type=PydanticCustomError(ERROR_TYPE, "{reason}", {"reason": reason}), loc=(name,), input=None)
        for name, reason in conflicts(options, limits)
    ]
    if found:
        raise ValidationError.from_exception_data("Options", found, hide_input=True)


def conflicts(options: Options, limits: OptionLimits = DEFAULT_LIMITS) -> Iterator[Conflict]:
    """Every rule that the options break, one entry for each option at fault."""
    if not limits.check_combinations:
        return
    yield from _beyond_limits(options, limits)
    if options.retina and options.is_set("scale") and options.scale != _RETINA_SCALE:
        yield "retina", "means scale=2: send retina or scale, not both"
    if options.clip and options.selector:
        yield "clip", "cannot be combined with selector: each of them chooses what is captured"
    if options.placeholder and (options.fresh or options.ttl == 0 or any(_sent_credentials(options))):
        yield "placeholder", "cannot be combined with fresh=true, ttl=0, headers, cookies or basic_auth"
    yield from _without_origin(options)
    yield from _without_effect(options)


def _beyond_limits(options: Options, limits: OptionLimits) -> Iterator[Conflict]:
    if options.ttl is not None and limits.max_ttl is not None and options.ttl > limits.max_ttl:
        yield "ttl", f"must be a whole number from 0 to {limits.max_ttl} seconds"
    if options.js and not limits.allow_js:
        yield "js", "is disabled on this server"
    seen = options.effective_emulation()
    if seen.width * seen.height * seen.scale**2 > MAX_PIXELS:
        limit = f"{MAX_PIXELS:,}".replace(",", " ")
        yield "scale", f"is too large: width × height × scale² must be at most {limit} pixels"


def _without_origin(options: Options) -> Iterator[Conflict]:
    """Credentials without a recipient: inline HTML has no origin, and cookies are sent to the host of ``url`` only."""
    if options.html:
        for name in _sent_credentials(options):
            yield name, "cannot be combined with html: there is no origin to send it to"
    elif any(not _is_same_site(_host_of(options.url), domain) for *_, domain in options.cookies if domain):
        yield "cookies", "must be for the host of url; at least one is for another domain"


def _without_effect(options: Options) -> Iterator[Conflict]:
    """Options that the format ignores: page layout belongs to a PDF, sizes and regions to images."""
    for name in _NOT_APPLICABLE.get(options.format, ()):
        if options.is_set(name):
            yield name, f"does not apply to format={options.format}"
    if options.format == "pdf" and options.margin > largest_margin(options.paper):
        yield "margin", f"must be at most {largest_margin(options.paper)} millimetres with paper={options.paper}"
    if options.format != "pdf":
        for name in PdfOptions.model_fields:
            if options.is_set(name):
                yield name, "applies to format=pdf only"
    if options.elements and options.format != "json":
        yield "elements", "applies to format=json only"
    if options.elements and (options.selector or options.clip):
        yield (
            "elements",
            "cannot be combined with selector or clip: the boxes are those of the viewport or the full page",
        )


def _sent_credentials(options: Options) -> list[str]:
    return [name for name in Credentials.model_fields if options.is_set(name)]


def _is_same_site(host: str, domain: str) -> bool:
    """Whether a cookie for a domain is sent to a host (RFC 6265, 5.1.3); true as long as the host is unknown."""
    return not host or f".{host}".endswith(f".{domain}")


def _host_of(url: str) -> str:
    """The host of a URL, an IPv6 address in brackets; empty if the text is not a URL."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return f"[{host}]" if ":" in host else host
