"""Previews of the pages of a job."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Response, request

from tests.web.conftest import Site
from tintype import imaging
from tintype.errors import NotFound, RateLimited
from tintype.jobs.model import JobPage, PageResult, PageStatus
from tintype.web.jobs import preview
from tintype.web.jobs.preview import PreviewDrawer
from tintype.web.rate_limit import RateLimits


def stored_page(site: Site, **options: Any) -> JobPage:
    """A captured page of a job, with its stored thumbnail."""
    stored = site.persist(**options).json
    members = {name: stored[name] for name in ("key", "content_type", "width", "height", "bytes")}
    return JobPage(
        number=1, url="https://site.org/", status=PageStatus.CAPTURED, attempts=1, result=PageResult(**members)
    )


def respond(site: Site, page: JobPage, **headers: str) -> Response:
    with site.app.test_request_context("/", headers=headers):
        return PreviewDrawer(site.service, site.application.rate_limiter).respond(page, request)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (400, 225)),
        ({"width": 800, "height": 2000}, (400, 225)),
        ({"width": 2000, "height": 400}, (400, 80)),
        ({"thumb_width": 160}, (160, 90)),
        ({"width": 320, "height": 1000, "format": "jpeg"}, (320, 180)),
    ],
)
def test_preview_shows_the_top_at_its_whole_width(site: Site, options: dict[str, Any], size: tuple[int, int]) -> None:
    response = respond(site, stored_page(site, **options))
    assert imaging.size(response.data) == (*size, "image/webp")
    assert (response.mimetype, response.headers["Cache-Control"]) == ("image/webp", "private, max-age=3600")


def test_preview_is_revalidated_by_etag(site: Site) -> None:
    page = stored_page(site)
    etag = respond(site, page).headers["ETag"]
    again = respond(site, page, **{"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("result", [None, PageResult(error="page-crashed"), PageResult(content_type="image/png")])
def test_preview_needs_a_stored_thumbnail(site: Site, result: PageResult | None) -> None:
    page = JobPage(number=1, url="https://site.org/", status=PageStatus.FAILED, attempts=1, result=result)
    with pytest.raises(NotFound):
        respond(site, page)


def test_preview_needs_an_image(site: Site) -> None:
    with pytest.raises(NotFound, match="no image"):
        respond(site, stored_page(site, format="pdf"))


def test_reports_a_deleted_thumbnail(site: Site) -> None:
    page = stored_page(site)
    site.storage.delete([page.result.key] if page.result else [])
    with pytest.raises(NotFound, match="deleted"):
        respond(site, page)


def test_rejects_a_thumbnail_that_is_too_large(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "MAX_SOURCE", 10)
    with pytest.raises(NotFound, match="larger than"):
        respond(site, stored_page(site))


def test_preview_counts_as_a_read_of_a_stored_thumbnail() -> None:
    site = Site(rate_limits=RateLimits(stored="1 per minute"))
    page = stored_page(site)
    respond(site, page)
    with pytest.raises(RateLimited):
        respond(site, page)
