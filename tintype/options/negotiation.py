"""Content negotiation: the image format for an Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Mapping

from tintype.options.types import FormatName

PREFERRED: tuple[FormatName, ...] = ("avif", "webp", "jpeg", "png")
"""Order among formats that the client names with equal quality: the smallest images first."""
UNIVERSAL: tuple[FormatName, ...] = ("jpeg", "png", "webp", "avif")
"""Order among formats that only a wildcard accepts: every client shows jpeg, and it is small."""

Accepted = Mapping[str, float]
"""Media ranges of an Accept header in lower case, without parameters, with their quality from 0 to 1."""


def quality(accepted: Accepted, media_type: str) -> float:
    """Quality of a media type: that of the most specific range that matches; 0 is not acceptable.

    Without an Accept header every type is acceptable.
    """
    if not accepted:
        return 1.0
    kind = media_type.partition("/")[0]
    matching = (accepted[each] for each in (media_type, f"{kind}/*", "*/*") if each in accepted)
    return next(matching, 0.0)


def negotiate(accepted: Accepted) -> FormatName:
    """The image format with the highest quality.

    A tie prefers a format that the client names: ``*/*`` and ``image/*`` do not say that a client shows AVIF. If no
    format is acceptable, the first one that is not excluded by name is sent instead of an error (RFC 9110, 12.4.1).
    """
    offers = [(quality(accepted, f"image/{name}"), _rank(accepted, name), name) for name in UNIVERSAL]
    best, _, chosen = max(offers)
    if best > 0:
        return chosen
    return next((name for name in UNIVERSAL if f"image/{name}" not in accepted), UNIVERSAL[0])


def _rank(accepted: Accepted, name: FormatName) -> tuple[bool, int]:
    """Rank of a format among those of equal quality; a higher one is preferred."""
    is_named = f"image/{name}" in accepted
    return is_named, -(PREFERRED if is_named else UNIVERSAL).index(name)
