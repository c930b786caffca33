"""Migration from other screenshot services: detects the service of a URL and translates its parameters."""

from __future__ import annotations

from pathlib import Path

from tintype.migrate.rules import Vendor, load
from tintype.migrate.translate import Translation, UnknownService, split_url, translate_url

__all__ = ["VENDORS", "Translation", "UnknownService", "Vendor", "translate"]

VENDORS = {path.stem: load(path) for path in sorted(Path(__file__).parent.glob("*.toml"))}
"""All services by the name of their rules file."""


def translate(url: str, vendor: Vendor | None = None) -> Translation:
    """Translate a URL; without ``vendor``, the host of the URL selects the service.

    Raises UnknownService if the host belongs to no supported service, or if the URL contains no target.
    """
    host = split_url(url).hostname or ""
    vendor = vendor or next((each for each in VENDORS.values() if host in each.hosts), None)
    if vendor is None:
        raise UnknownService(f"{host or url} is not a supported service; pass --from to name it")
    return translate_url(url, vendor)
