"""Captures beside pages that take what a browser holds: no healthy page fails, and each greedy one ends alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.greedy_pages import GREEDY_PAGES
from harness.hostile_site import HostileSite
from tests.chromium.conftest import StartEngine
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import PageCrashed, TintypeError
from tintype.options import Navigation, PageChanges, Shot, WaitOptions

pytestmark = pytest.mark.browser

GREEDY = {name: page.html for name, page in GREEDY_PAGES.items()}


@pytest.fixture(scope="module")
def site() -> Iterator[HostileSite]:
    with HostileSite(GREEDY) as site:
        yield site


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: HostileSite) -> ChromiumEngine:
    return start_engine(timeout=20.0, slots=3, queue=20, allow_addresses=(f"127.0.0.1:{site.port}",))


def test_page_that_takes_too_much_memory_ends_alone(engine: ChromiumEngine, site: HostileSite) -> None:
    with ThreadPoolExecutor(3) as threads:
        greedy = threads.submit(engine.capture, Shot(navigation=Navigation(url=site.url("blobs"))))
        healthy = [threads.submit(engine.capture, healthy_shot(site, "blobs", delay)) for delay in (500, 2500)]
        assert [capture.result().partial for capture in healthy] == [False, False]
        with pytest.raises(PageCrashed):
            greedy.result()


def test_busy_pages_do_not_keep_the_slots(start_engine: StartEngine, site: HostileSite) -> None:
    impatient = start_engine(timeout=12.0, slots=3, queue=20, allow_addresses=(f"127.0.0.1:{site.port}",))

    def attack(number: int) -> None:
        with contextlib.suppress(TintypeError):
            impatient.capture(Shot(navigation=Navigation(url=f"{site.url('busy-loop')}?{number}")))

    with ThreadPoolExecutor(5) as threads:
        attacks = [threads.submit(attack, number) for number in range(4)]
        assert not impatient.capture(healthy_shot(site, "slots", 0)).partial
        assert not all(attack.done() for attack in attacks)


def test_result_of_a_script_is_not_transported(engine: ChromiumEngine, site: HostileSite) -> None:
    shot = Shot(navigation=Navigation(url=site.url("healthy")), page_changes=PageChanges(js="'x'.repeat(9 << 20)"))
    assert engine.capture(shot).status == 200


def healthy_shot(site: HostileSite, name: str, delay: int) -> Shot:
    return Shot(navigation=Navigation(url=f"{site.url('healthy')}?{name}{delay}"), wait=WaitOptions(delay=delay))
