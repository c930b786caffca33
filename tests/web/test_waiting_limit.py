"""Callers who wait for pictures are bounded; those who need not wait are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest

from tests.support.concurrency import eventually
from tests.web.conftest import URL, Site
from tintype.errors import Overloaded
from tintype.service.seats import WaitingLimit
from tintype.settings import Settings
from tintype.web.rate_limit import RateLimits


def settings(**env: str) -> Settings:
    return Settings.load(env, None)


class TestSeats:
    def test_are_given_back(self) -> None:
        seats = WaitingLimit(1)
        for _ in range(3):
            with seats.acquire("a"):
                pass

    def test_are_given_back_after_a_failure(self) -> None:
        seats = WaitingLimit(1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), seats.acquire("a"):
                raise ZeroDivisionError

    def test_refuse_whoever_finds_none(self) -> None:
        seats = WaitingLimit(1)
        with seats.acquire("a"), pytest.raises(Overloaded) as refusal, seats.acquire("a"):
            pass
        assert refusal.value.retry_after_seconds == 5

    def test_are_for_so_many_pages_and_each_of_them_may_have_several(self) -> None:
        seats = WaitingLimit(4, max_targets=2)
        with seats.acquire("a"), seats.acquire("b"), seats.acquire("a"):
            with pytest.raises(Overloaded), seats.acquire("c"):
                pass
            with seats.acquire("b"), pytest.raises(Overloaded), seats.acquire("a"):
                pass
        with seats.acquire("c"), seats.acquire("d"):
            pass

    def test_are_for_those_too_who_have_not_named_a_page(self) -> None:
        seats = WaitingLimit(3, max_targets=1)
        with seats.acquire(), seats.acquire("a"), seats.acquire():
            with pytest.raises(Overloaded), seats.acquire():
                pass
            with pytest.raises(Overloaded), seats.acquire("a"):
                pass
        with seats.acquire("b"):
            pass

    def test_without_a_number_there_is_always_one_more(self) -> None:
        seats = WaitingLimit(None)
        with seats.acquire("a"), seats.acquire("a"):
            pass


class TestTheShare:
    @pytest.mark.parametrize(("threads", "seats"), [("128", 96), ("16", 12), ("4", 3), ("3", 2), ("2", 1)])
    def test_leaves_threads_for_hits(self, threads: str, seats: int) -> None:
        assert settings(TINTYPE_THREADS=threads).waiting_limit == seats

    def test_is_not_drawn_where_there_is_one_thread(self) -> None:
        assert settings(TINTYPE_THREADS="1").waiting_limit is None

    def test_can_be_set_as_long_as_a_thread_is_left(self) -> None:
        assert settings(TINTYPE_MAX_WAITING="5").waiting_limit == 5
        assert settings(TINTYPE_MAX_WAITING="500", TINTYPE_THREADS="8").waiting_limit == 7


class TestAFlood:
    @pytest.fixture
    def flooded(self, site: Site) -> Iterator[Site]:
        """Both seats taken by captures that do not end."""
        site.thumb()
        site.service._seats = WaitingLimit(2, max_targets=2)
        site.engine.gate.clear()
        with ThreadPoolExecutor(2) as crowd:
            waiting = [crowd.submit(site.app.test_client().get, f"/thumb?url=https://{n}.org/") for n in "ab"]
            assert eventually(lambda: site.engine.visits == 3)
            yield site
            site.engine.gate.set()
            assert [answer.result().status_code for answer in waiting] == [200, 200]

    def test_leaves_hits_alone(self, flooded: Site) -> None:
        assert flooded.thumb().headers["X-Cache"] == "HIT"
        assert flooded.thumb(headers={"If-Match": "*"}).headers["X-Cache"] == "HIT"

    def test_leaves_stale_pictures_alone(self, flooded: Site) -> None:
        flooded.clock.turn(2 * 86_400)
        assert flooded.thumb().headers["X-Cache"] == "STALE"

    @pytest.mark.parametrize("ask", [Site.thumb, Site.persist], ids=["thumb", "persist"])
    def test_refuses_who_would_have_to_wait(self, flooded: Site, ask: Callable[..., object]) -> None:
        answer = ask(flooded, url="https://c.org/") if ask is Site.persist else ask(flooded, "https://c.org/")
        assert (answer.status_code, answer.json["error"]) == (503, "overloaded")  # type: ignore[attr-defined]
        assert answer.headers["Retry-After"] == "5"  # type: ignore[attr-defined]
        assert flooded.engine.visits == 3


class TestSenders:
    @pytest.fixture
    def full(self, site: Site) -> Iterator[Site]:
        """A site with one seat, which somebody holds who is still sending."""
        seats = site.parts.request_parser._seats = WaitingLimit(1)
        with seats.acquire():
            yield site

    @pytest.mark.parametrize("path", ["/thumb", "/persist"])
    def test_are_refused_before_anything_is_read_of_them(self, full: Site, path: str) -> None:
        body = Unsent()
        answer = full.client.post(path, input_stream=body, content_type="application/json")
        assert (answer.status_code, answer.json["error"]) == (503, "overloaded")
        assert answer.headers["Retry-After"] == "5"
        assert not body.asked

    def test_do_not_keep_others_from_their_pictures(self, full: Site) -> None:
        assert full.thumb().status_code == 200

    def test_give_their_seats_back(self, site: Site) -> None:
        site.parts.request_parser._seats = WaitingLimit(1)
        assert [site.persist(url=url).status_code for url in ("ftp://x", URL, URL)] == [400, 200, 200]

    def test_whose_limit_is_reached_are_told_before_anything_is_read_of_them(self) -> None:
        site, body = Site(allowances=RateLimits(persist="1 per minute")), Unsent()
        site.persist()
        answer = site.client.post("/persist", input_stream=body, content_type="application/json")
        assert (answer.status_code, body.asked) == (429, False)


class Unsent(BytesIO):
    """A body that never comes, and knows whether somebody waited for it."""

    asked = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.asked = True
        return super().read(size)
