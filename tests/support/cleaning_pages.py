"""Captures the fixture pages of tests/site/clean, with frames on another origin."""

from __future__ import annotations

from typing import Any

from harness.site_server import SiteServer
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Capture
from tintype.options import Options


class CleaningPages:
    """Captures ``/clean/NAME.html``; its frames are on another origin."""

    def __init__(self, engine: ChromiumEngine, site: SiteServer, other: SiteServer) -> None:
        self.engine, self.site, self.other = engine, site, other

    def take(self, name: str, *, without: bool = False, **options: Any) -> Capture:
        url = self.site.url(f"/clean/{name}.html?other={self.other.port}{'&without' if without else ''}")
        return self.engine.capture(
            Options(**{"url": url, "width": 640, "height": 480, **options}).capture_request().shot
        )
