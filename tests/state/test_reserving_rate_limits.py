"""Rate limits reserved in Redis: never more than the limit, exact at its end, few round trips."""

from __future__ import annotations

import pytest

from tests.support.concurrency import in_fork, in_processes, in_threads
from tintype.state.redis import RedisRateLimitStorage
from tintype.state.reserving_rate_limits import AHEAD_SECONDS, RESERVATION_SECONDS, ReservingRateLimitStorage

DAY = 86_400


class Clock:
    """A monotonic clock that the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Trips(RedisRateLimitStorage):
    """Storage in Redis that notes the size of each reservation."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.sizes: list[int] = []

    def reserve(self, key: str, limit: int, period: int, size: int) -> tuple[int, int, float, int, float]:
        reserved = super().reserve(key, limit, period, size)
        self.sizes.append(reserved[0])
        return reserved


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trips(url: str) -> Trips:
    return Trips(url)


@pytest.fixture
def storage(trips: Trips, clock: Clock) -> ReservingRateLimitStorage:
    return ReservingRateLimitStorage(trips, clock)


def send(storage: ReservingRateLimitStorage, clock: Clock, times: int, limit: int, per_second: float = 10_000) -> int:
    """How many of some requests at a rate are admitted."""
    admitted = 0
    for _ in range(times):
        admitted += storage.count("client", limit, DAY)[0]
        clock.now += 1 / per_second
    return admitted


def count_often(url: str, times: int) -> int:
    storage = ReservingRateLimitStorage(RedisRateLimitStorage(url))
    return sum(storage.count("client", 500, DAY)[0] for _ in range(times))


class TestExactness:
    @pytest.mark.parametrize("limit", [1, 15, 16, 31, 32, 100, 1000])
    def test_one_worker_admits_exactly_the_limit(
        self, storage: ReservingRateLimitStorage, clock: Clock, limit: int
    ) -> None:
        assert send(storage, clock, limit + 50, limit) == limit

    def test_processes_admit_no_more_than_the_limit_and_few_less(self, url: str) -> None:
        admitted = sum(in_processes(count_often, [(url, 400)] * 4))
        assert 500 - 4 * (500 // 16) <= admitted <= 500

    def test_threads_admit_no_more_than_the_limit_and_few_less(self, url: str) -> None:
        storage = ReservingRateLimitStorage(RedisRateLimitStorage(url))
        counts = in_threads(lambda times: sum(storage.count("client", 500, DAY)[0] for _ in range(times)), [(150,)] * 8)
        assert 500 - 8 * (500 // 16) <= sum(counts) <= 500

    def test_workers_that_use_all_they_took_admit_exactly_the_limit(self, url: str, clock: Clock) -> None:
        workers = [ReservingRateLimitStorage(RedisRateLimitStorage(url), clock) for _ in range(3)]
        admitted = 0
        for number in range(2000):
            admitted += workers[number % 3].count("client", 500, DAY)[0]
            clock.now += 0.0001
        assert admitted == 500

    def test_the_last_31_requests_are_counted_one_by_one(
        self, storage: ReservingRateLimitStorage, clock: Clock, trips: Trips
    ) -> None:
        send(storage, clock, 500, 500)
        assert trips.sizes[-31:] == [1] * 31

    def test_a_reservation_is_at_most_a_sixteenth_of_what_is_left(
        self, storage: ReservingRateLimitStorage, clock: Clock, trips: Trips
    ) -> None:
        send(storage, clock, 1000, 1000)
        before = [sum(trips.sizes[:at]) for at in range(len(trips.sizes))]
        assert max(trips.sizes) > 20
        assert all(size <= max(1, (1000 - used) / 16) for size, used in zip(trips.sizes, before, strict=True))


class TestTrips:
    def test_a_busy_client_needs_few(self, storage: ReservingRateLimitStorage, clock: Clock, trips: Trips) -> None:
        assert send(storage, clock, 10_000, 10_000_000) == 10_000
        assert len(trips.sizes) < 30

    def test_a_slow_client_is_counted_at_each_request(
        self, storage: ReservingRateLimitStorage, clock: Clock, trips: Trips
    ) -> None:
        send(storage, clock, 50, 10_000, per_second=1 / AHEAD_SECONDS)
        assert trips.sizes == [1] * 50

    def test_a_client_that_becomes_slow_leaves_what_it_has_not_used(
        self, storage: ReservingRateLimitStorage, clock: Clock, trips: Trips
    ) -> None:
        send(storage, clock, 1000, 10_000_000)
        clock.now += RESERVATION_SECONDS
        send(storage, clock, 6, 10_000_000, per_second=2)
        assert trips.sizes[-2:] == [1, 1]

    def test_clients_have_reservations_of_their_own(self, storage: ReservingRateLimitStorage, clock: Clock) -> None:
        send(storage, clock, 1000, 100_000)
        assert [storage.count("other", 1, DAY)[0] for _ in range(2)] == [True, False]

    def test_another_limit_is_counted_anew(self, storage: ReservingRateLimitStorage, clock: Clock) -> None:
        send(storage, clock, 1000, 100_000)
        assert storage.count("client", 10, DAY)[0] is False


def test_reports_what_is_left_for_the_client(storage: ReservingRateLimitStorage, clock: Clock) -> None:
    seen = []
    for _ in range(300):
        seen.append(storage.count("client", 100_000, DAY)[3])
        clock.now += 0.0001
    assert seen == [*range(1, 301)]


def test_a_reservation_ends_with_its_window(trips: Trips, clock: Clock) -> None:
    storage = ReservingRateLimitStorage(trips, clock)
    for _ in range(200):
        storage.count("client", 100_000, 1)
    reservation = storage._reservations["client"]
    assert not reservation.is_valid(100_000, 1, reservation.taken_at + reservation.current_life - 1)


def test_a_forked_process_uses_no_reservation_of_its_parent(url: str) -> None:
    storage = ReservingRateLimitStorage(RedisRateLimitStorage(url))
    for _ in range(500):
        storage.count("client", 100_000, DAY)
    assert storage._reservations["client"].unused >= 0

    assert in_fork(lambda: storage._reservations == {})
