"""Comparison of two runs: ignored regions at every scale, errors, and pages that belong together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import png
from tests.support.schedules import URL, ScheduleHarness
from tintype.errors import BackendUnavailable, StorageFull
from tintype.model import Thumbnail, digest_of
from tintype.schedules import comparison
from tintype.schedules.comparison import PageComparer, address_of, last_pictures, page_options, to_pixels
from tintype.schedules.model import Run, RunPage


@pytest.fixture
def node(tmp_path: Path) -> ScheduleHarness:
    return ScheduleHarness(tmp_path)


def stored(node: ScheduleHarness, width: int, height: int, colour: tuple[int, int, int], *, drawn: bool = False) -> str:
    """The key of a stored image; with ``drawn``, its lower half has the inverse colour."""
    body = png(width, height, colour, drawn=drawn)
    picture = Thumbnail(body=body, mime="image/png", width=width, height=height, taken_at=0.0, digest=digest_of(body))
    return node.service.store_picture("sch_test", URL, picture).key


def compared(node: ScheduleHarness, width: int, height: int, **members: Any) -> RunPage:
    """The comparison of a page whose lower half has changed."""
    schedule = node.create(**members)
    before, after = (stored(node, width, height, (250, 250, 250), drawn=drawn) for drawn in (False, True))
    page = RunPage(number=1, url=URL, key=after, width=width, height=height)
    return PageComparer(node.service, node.parser, node.clock).compare(schedule, page, before)


class TestIgnoredRegions:
    @pytest.mark.parametrize(
        ("options", "width", "height", "region"),
        [
            ({}, 1280, 720, (0, 340, 1280, 380)),
            ({"scale": 2}, 2560, 1440, (0, 340, 1280, 380)),
            ({"thumb_width": 640}, 640, 360, (0, 340, 1280, 380)),
            ({"scale": 2, "thumb_width": 640}, 640, 360, (0, 340, 1280, 380)),
            ({"clip": "100,100,800,400"}, 800, 400, (0, 180, 800, 220)),
            ({"clip": "100,100,800,400", "thumb_width": 400}, 400, 200, (0, 180, 800, 220)),
            ({"device": "iphone-15"}, 1179, 2556, (0, 410, 393, 442)),
        ],
        ids=["plain", "scale", "thumbnail", "both", "clip", "clipped thumbnail", "device"],
    )
    def test_region_is_in_css_pixels_of_the_thumbnail(
        self, options: dict[str, Any], width: int, height: int, region: tuple[int, ...], node: ScheduleHarness
    ) -> None:
        whole = compared(node, width, height, options=options)
        assert whole.change == pytest.approx(50, abs=8)
        page = compared(node, width, height, options=options, ignore_regions=[list(region)])
        assert (page.change, page.changed, page.difference) == (0.0, False, "")

    def test_options_of_the_page_have_priority(self, node: ScheduleHarness) -> None:
        page = {"url": URL, "scale": 2}
        members: dict[str, Any] = {"page": page, "options": {"scale": 1}, "ignore_regions": [[0, 340, 1280, 380]]}
        assert compared(node, 2560, 1440, **members).change == 0.0

    def test_box_contains_the_whole_region(self) -> None:
        assert to_pixels((0.5, 1.2, 10, 10), 1.5) == (0, 1, 16, 16)


class TestErrors:
    def test_deleted_thumbnail_is_reported(self, node: ScheduleHarness) -> None:
        missing = stored(node, 100, 50, (1, 2, 3))
        page = RunPage(number=1, url=URL, key=stored(node, 100, 50, (9, 9, 9)), width=100, height=50)
        node.storage.delete([missing])
        found = PageComparer(node.service, node.parser).compare(node.create(), page, missing)
        assert (found.change, "was deleted" in found.detail) == (None, True)

    def test_too_large_thumbnail_is_reported(self, node: ScheduleHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(comparison, "MAX_PICTURE", 50)
        found = compared(node, 100, 50)
        assert (found.change, "request webp" in found.detail) == (None, True)

    def test_damaged_thumbnail_is_reported(self, node: ScheduleHarness) -> None:
        key = stored(node, 100, 50, (1, 2, 3))
        node.storage._objects[key] = replace(node.storage._objects[key], body=b"damaged")
        page = RunPage(number=1, url=URL, key=stored(node, 100, 50, (9, 9, 9)), width=100, height=50)
        found = PageComparer(node.service, node.parser).compare(node.create(), page, key)
        assert (found.change, "not compared" in found.detail) == (None, True)

    @pytest.mark.parametrize("error", [StorageFull(), BackendUnavailable()])
    def test_change_without_room_for_its_picture_is_still_a_change(
        self, error: Exception, node: ScheduleHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        schedule = node.create()
        before, after = (stored(node, 100, 50, colour) for colour in ((0, 0, 0), (250, 250, 250)))

        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(type(node.service), "store_picture", fail)
        page = RunPage(number=1, url=URL, key=after, width=100, height=50)
        found = PageComparer(node.service, node.parser).compare(schedule, page, before)
        assert (found.change, found.changed, found.difference) == (100.0, True, "")


class TestLastPictures:
    def run(self, *keys: str) -> Run:
        pages = tuple(RunPage(number=number, url=URL, key=key) for number, key in enumerate(keys, 1))
        return Run(id="run", schedule="sch", due_at=0.0, started_at=0.0, pages=pages)

    def test_newest_of_each_address_counts(self) -> None:
        runs = [self.run("thumbs/a-2.png", ""), self.run("thumbs/a-1.png", "thumbs/b-1.png")]
        assert last_pictures(runs) == {"a": "thumbs/a-2.png", "b": "thumbs/b-1.png"}

    def test_address_is_the_part_before_the_digest(self) -> None:
        assert address_of("thumbs/abc-def.png") == "abc"


def test_page_without_options_of_its_own_has_those_of_all() -> None:
    job = {"pages": [URL, {"url": URL, "width": 800}], "options": {"width": 400, "height": 300}}
    assert [page_options(job, number) for number in (1, 2, 3)] == [
        {"width": 400, "height": 300},
        {"width": 800, "height": 300},
        {"width": 400, "height": 300},
    ]
