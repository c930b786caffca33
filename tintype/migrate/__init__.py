"""What an address of another screenshot service is here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from pydantic import ValidationError

from tintype.migrate import screenshotone, snapsharp, thumio, url_to_png, urlbox
from tintype.migrate.rules import Rule, Untranslatable, Values, Vendor
from tintype.options import Options, PdfOptions, accepts

__all__ = ["VENDORS", "Translation", "UnknownService", "Vendor", "translate"]

VENDORS = {
    "snapsharp": snapsharp.VENDOR,
    "url-to-png": url_to_png.VENDOR,
    "screenshotone": screenshotone.VENDOR,
    "urlbox": urlbox.VENDOR,
    "thumio": thumio.VENDOR,
}

_PICTURES = ("thumb_width", "thumb_height", "fit", "selector", "clip", "scroll_to", "omit_background")


class UnknownService(ValueError):
    """An address of no service that is known here."""


@dataclass(frozen=True, slots=True)
class Translation:
    """Options that ask for the same picture, and what could not be said."""

    options: Values
    notes: tuple[str, ...]

    def query(self) -> str:
        """The options as the query of ``GET /thumb``."""
        return urlencode(self.options, safe=":/,", quote_via=quote)


def translate(address: str, vendor: Vendor | None = None) -> Translation:
    """The same picture, asked of Tintype. Raises Unknown when it is nobody's address, or names no page.

    Without ``vendor`` the host of the address tells whose it is.
    """
    parts = _split(address)
    vendor = vendor or next((one for one in VENDORS.values() if (parts.hostname or "") in one.hosts), None)
    if vendor is None:
        raise UnknownService(f"{parts.hostname or address} is no service that is known here")
    said = vendor.read(parts)
    if not said.get("url"):
        raise UnknownService("the address names no page to photograph")
    notes: list[str] = []
    options = {"url": _with_scheme(said["url"])}
    for rule in vendor.rules:
        options |= _apply(rule, said, notes)
    known = {"url", *(name for rule in vendor.rules for name in rule.there)}
    notes += [f"{name} is not known here" for name in said if name not in known]
    asked = _of_its_kind(_defaults(vendor, options) | options, options, notes)
    return Translation(dict(_accepted(asked, notes)), tuple(notes))


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:
        raise UnknownService(f"{address} is no address") from error


def _apply(rule: Rule, said: Values, notes: list[str]) -> Values:
    mine = {name: said[name] for name in rule.there if name in said}
    if not mine:
        return {}
    if rule.lost:
        notes.append(f"{', '.join(mine)}: {rule.told}")
    try:
        return rule.convert(mine)
    except Untranslatable as error:
        notes.append(f"{', '.join(mine)}: {error}")
        return {}


def _defaults(vendor: Vendor, options: Values) -> dict[str, str]:
    """Theirs; the window is that of the device where one is named."""
    window = ("width", "height") if "device" in options else ()
    return {name: value for name, value in vendor.defaults.items() if name not in window}


def _of_its_kind(options: Values, said: Values, notes: list[str]) -> Values:
    """Without what says nothing about a picture, or about a PDF, which is refused here; a note for what was said."""
    idle = _PICTURES if options.get("format") == "pdf" else tuple(PdfOptions.model_fields)
    if idle is _PICTURES:
        notes += [f"{name} says nothing about a PDF" for name in idle if name in said]
    return {name: value for name, value in options.items() if name not in idle}


def _accepted(options: Values, notes: list[str]) -> Iterator[tuple[str, str]]:
    """The options that would be taken, in order; a note for each that would not."""
    try:
        Options.model_validate(options)
        refused = set()
    except ValidationError as error:
        refused = {str(mistake["loc"][0]) for mistake in error.errors() if mistake["loc"]}
    notes += [f"{name}={options[name]} is left out: must be {accepts(name)}" for name in sorted(refused)]
    yield from ((name, value) for name, value in sorted(options.items(), key=_reading) if name not in refused)


def _reading(item: tuple[str, str]) -> bool:
    """The page first."""
    return item[0] != "url"


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"https://{url}"
