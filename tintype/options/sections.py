"""Sections in which help pages and the playground list the options of a URL."""

from __future__ import annotations

from tintype.options.groups import Emulation, Navigation, PageChanges, PdfOptions, Region, Rendition, WaitOptions

SECTIONS: dict[str, tuple[str, ...]] = {
    "Viewport and device": (*Emulation.model_fields, "retina"),
    "When to capture": (*Navigation.model_fields, *WaitOptions.model_fields),
    "Page changes": tuple(PageChanges.model_fields),
    "Part of the page": tuple(Region.model_fields),
    "Size and format": tuple(Rendition.model_fields),
    "PDF": tuple(PdfOptions.model_fields),
}
"""Options by the title of their section. Credentials, and options about the cache and errors, are in none."""
CACHE_AND_ERRORS = "Cache and errors"
