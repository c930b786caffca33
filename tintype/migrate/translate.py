"""Translates a URL of another screenshot service into options of ``GET /thumb``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from pydantic import ValidationError

from tintype.migrate.rules import Rule, Untranslatable, Values, Vendor
from tintype.options import Options, PdfOptions, accepts
from tintype.urls import with_scheme

_IMAGE_OPTIONS = ("thumb_width", "thumb_height", "fit", "selector", "clip", "scroll_to", "omit_background")


class UnknownService(ValueError):
    """The URL belongs to no supported service, or contains no target."""


@dataclass(frozen=True, slots=True)
class Translation:
    """Options for the same image, and notes about parameters that were not translated."""

    options: Values
    notes: tuple[str, ...]

    def query(self) -> str:
        """The options as the query of ``GET /thumb``."""
        return urlencode(self.options, safe=":/,", quote_via=quote)


def translate_url(url: str, vendor: Vendor) -> Translation:
    """Translate a URL of a service. Raises UnknownService if it contains no target."""
    values = vendor.read(split_url(url))
    if not values.get("url"):
        raise UnknownService("the URL contains no target; it needs a url parameter")
    notes: list[str] = []
    options = {"url": with_scheme(values["url"])}
    for rule in vendor.rules:
        options |= _apply(rule, values, notes)
    known = {"url", *(name for rule in vendor.rules for name in rule.source)}
    notes += [f"{name} is unknown" for name in values if name not in known]
    merged = _drop_irrelevant(_defaults(vendor, options) | options, options, notes)
    return Translation(dict(_valid_options(merged, notes)), tuple(notes))


def split_url(url: str) -> SplitResult:
    """Split a URL; raises UnknownService if it is not one."""
    try:
        return urlsplit(url)
    except ValueError as error:
        raise UnknownService(f"{url} is not a URL") from error


def _apply(rule: Rule, values: Values, notes: list[str]) -> Values:
    given = {name: values[name] for name in rule.source if name in values}
    if not given:
        return {}
    if rule.is_unsupported:
        notes.append(f"{', '.join(given)}: {rule.plain_note}")
    try:
        return rule.convert(given)
    except Untranslatable as error:
        notes.append(f"{', '.join(given)}: {error}")
        return {}


def _defaults(vendor: Vendor, options: Values) -> dict[str, str]:
    """The defaults of the service; without the window size if a device sets it."""
    window = ("width", "height") if "device" in options else ()
    return {name: value for name, value in vendor.defaults.items() if name not in window}


def _drop_irrelevant(options: Values, given: Values, notes: list[str]) -> Values:
    """Remove image options from a PDF and PDF options from an image, which the service would reject."""
    dropped = _IMAGE_OPTIONS if options.get("format") == "pdf" else tuple(PdfOptions.model_fields)
    if dropped is _IMAGE_OPTIONS:
        notes += [f"{name} does not apply to a PDF" for name in dropped if name in given]
    return {name: value for name, value in options.items() if name not in dropped}


def _valid_options(options: Values, notes: list[str]) -> Iterator[tuple[str, str]]:
    """The valid options, ``url`` first; adds a note for each invalid one."""
    try:
        Options.model_validate(options)
        invalid = set()
    except ValidationError as error:
        invalid = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
    notes += [f"{name}={options[name]} is dropped: must be {accepts(name)}" for name in sorted(invalid)]
    yield from (
        (name, options[name]) for name in sorted(options, key=lambda name: name != "url") if name not in invalid
    )
