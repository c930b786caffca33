"""State in Redis: the contracts, and a Redis that is stopped, restarted, frozen, full or flushed."""

from __future__ import annotations

import functools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import structlog
from limits.errors import StorageError
from limits.storage import RedisStorage
from redis.lock import Lock

from harness.servers import RedisServer
from tests.support.concurrency import eventually, in_fork, in_processes
from tests.support.contracts.cache import KB, CacheContract, OpenCache, assert_purges_fail
from tests.support.contracts.locks import LocksContract, OpenLocks
from tintype.errors import ConfigurationError
from tintype.state import redis_client
from tintype.state.redis import RedisCache, RedisLocks, RedisRateLimitStorage
from tintype.state.redis_client import client_for


class TestPrefix:
    def test_installations_with_different_prefixes_share_nothing(self, url: str) -> None:
        one, two = (RedisCache(url, "records", 10 * KB, prefix=prefix) for prefix in ("one", "two"))
        one.put("key", b"1", 60, tags=("page",))
        two.put("key", b"2", 60, tags=("page",))
        assert (one.get("key"), two.get("key")) == (b"1", b"2")
        assert two.clear() == 1
        assert (one.get("key"), two.get("key")) == (b"1", None)
        with (
            RedisLocks(url, prefix="one").hold("name", 0) as first,
            RedisLocks(url, prefix="two").hold("name", 0) as second,
        ):
            assert (first, second) == (True, True)
        counts = [RedisRateLimitStorage(url, prefix=prefix).count("key", 9, 60)[3] for prefix in ("one", "two")]
        assert counts == [1, 1]
        assert client_for(url).keys("tintype:*") == []


class TestCache(CacheContract):
    @pytest.fixture
    def open_cache(self, url: str) -> OpenCache:
        return functools.partial(RedisCache, url, "records")


class TestLocks(LocksContract):
    @pytest.fixture
    def open_locks(self, url: str) -> OpenLocks:
        return functools.partial(RedisLocks, url, lease=10.0)


class TestKeys:
    def test_caches_of_different_names_are_independent(self, url: str) -> None:
        records, masters = RedisCache(url, "records", 10 * KB), RedisCache(url, "masters", 10 * KB)
        records.put("key", b"1", 60, tags=("page",))
        masters.put("key", b"22", 60, tags=("page",))
        assert (records.get("key"), masters.get("key"), records.size()) == (b"1", b"22", 1)
        assert records.clear() == 1
        assert masters.purge("page") == 1

    def test_all_keys_expire(self, url: str) -> None:
        cache = RedisCache(url, "records", 10 * KB)
        cache.put("long", b"1", 3600, tags=("page",))
        cache.put("short", b"1", 60, tags=("page",))
        client = client_for(url)
        lives = {name: client.pttl(name) for name in client.scan_iter()}
        assert all(name.startswith(b"tintype:records:") for name in lives)
        assert all(0 < life <= 3600_000 for life in lives.values())
        assert lives[b"tintype:records:t:page"] > 60_000

    def test_deleted_values_leave_no_keys(self, url: str) -> None:
        cache = RedisCache(url, "records", 10 * KB)
        for number in range(50):
            cache.put(f"key-{number}", bytes(KB), 60, tags=(f"page-{number}",))
        cache.clear()
        cache.size()
        assert client_for(url).keys() == [b"tintype:records:p:"], "only the memory of the purge"

    def test_clock_is_that_of_redis(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        cache = RedisCache(url, "records", 10 * KB)
        monkeypatch.setattr(time, "time", lambda: 1000.0)
        before = cache.now()
        assert before > 1_000_000
        cache.purge("page")
        cache.put("key", b"1", 60, tags=("page",), begun_at=before)
        assert cache.get("key") is None
        cache.put("key", b"1", 60, tags=("page",), begun_at=cache.now())
        assert cache.get("key") == b"1"

    def test_values_evicted_by_redis_are_removed_from_the_index(self, url: str) -> None:
        cache = RedisCache(url, "records", 10 * KB)
        for number in range(10):
            cache.put(f"key-{number}", bytes(KB), 60)
            client_for(url).delete(f"tintype:records:v:key-{number}")
        for number in range(10):
            cache.put(f"new-{number}", bytes(KB), 60)
        assert [n for n in range(10) if cache.get(f"new-{n}")] == list(range(10))
        assert cache.size() == 10 * KB

    @pytest.mark.parametrize("lost", ["index", "used", "expires"])
    def test_lost_part_of_the_index_is_rebuilt(self, url: str, lost: str) -> None:
        cache = RedisCache(url, "records", 10 * KB)
        for number in range(10):
            cache.put(f"key-{number}", bytes(KB), 60, tags=("page",))
        client_for(url).delete(f"tintype:records:{lost}")
        for number in range(30):
            cache.put(f"new-{number}", bytes(KB), 60)
        assert cache.get("new-29")
        assert cache.size() <= 10 * KB
        assert cache.clear() >= 10
        assert client_for(url).keys("tintype:records:v:*") == []

    def test_scripts_survive_a_flush(self, url: str) -> None:
        cache = RedisCache(url, "records", 10 * KB)
        cache.put("key", b"1", 60)
        client_for(url).script_flush()
        cache.put("key", b"2", 60)
        assert cache.get("key") == b"2"


@pytest.mark.usefixtures("short_pause")
class TestErrors:
    def test_cache_is_empty_while_redis_is_stopped(self, server: RedisServer) -> None:
        cache = RedisCache(server.url, "records", 10 * KB)
        cache.put("key", b"1", 60)
        server.stop()
        with structlog.testing.capture_logs() as logs:
            for _ in range(5):
                cache.put("key", b"2", 60)
                assert cache.get("key") is None
            assert_purges_fail(cache)
            assert cache.size() == 0
            assert [(log["event"], log["log_level"]) for log in logs] == [("state_failed", "warning")]
            server.start()
            assert eventually(lambda: cache.put("key", b"3", 60) or cache.get("key") == b"3")
            assert [log["event"] for log in logs] == ["state_failed", "state_recovered"]

    def test_cache_survives_a_restart_of_redis(self, server: RedisServer) -> None:
        cache = RedisCache(server.url, "records", 10 * KB)
        cache.put("key", b"1", 60)
        server.stop()
        server.start()
        with structlog.testing.capture_logs() as logs:
            cache.put("key", b"2", 60)
            assert cache.get("key") == b"2"
        assert logs == []

    @pytest.mark.usefixtures("short_timeouts")
    def test_frozen_redis_delays_few_cache_reads(self, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_client, "OPEN_SECONDS", 60)
        cache = RedisCache(server.url, "records", 10 * KB)
        cache.put("key", b"1", 60)
        server.freeze()
        assert cache.get("key") is None
        sent = []
        monkeypatch.setattr(redis.Redis, "execute_command", lambda *args, **_: sent.append(args))
        assert [cache.get("key") for _ in range(100)] == [None] * 100
        assert sent == []

    @pytest.mark.usefixtures("short_timeouts")
    def test_cache_works_again_after_redis_was_frozen(self, server: RedisServer) -> None:
        cache = RedisCache(server.url, "records", 10 * KB)
        cache.put("key", b"1", 60)
        server.freeze()
        assert cache.get("key") is None
        server.thaw()
        assert eventually(lambda: cache.get("key") == b"1")

    def test_locks_run_the_block_unlocked(self, server: RedisServer) -> None:
        locks = RedisLocks(server.url)
        server.stop()
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                with locks.hold("name", 5) as held:
                    assert held
        assert [log["event"] for log in logs] == ["state_failed"]

    def test_release_ignores_a_stopped_redis(self, server: RedisServer) -> None:
        locks = RedisLocks(server.url, lease=0.2)
        with locks.hold("name", 5) as held:
            assert held
            server.stop()
        server.start()
        assert eventually(lambda: _held_by_redis(locks, server))

    def test_locks_still_exclude_threads_of_one_process(self, server: RedisServer) -> None:
        locks = RedisLocks(server.url)
        server.stop()
        with locks.hold("name", 0), ThreadPoolExecutor(1) as other:
            assert not other.submit(_try, locks).result()

    def test_rate_limit_storage_raises_storage_error(self, server: RedisServer) -> None:
        storage = RedisRateLimitStorage(server.url)
        assert storage.count("client", 1, 60)[0]
        server.stop()
        with pytest.raises(StorageError):
            storage.count("client", 1, 60)
        server.start()
        assert eventually(lambda: _admits(storage))

    def test_rate_limit_storage_survives_a_restart_of_redis(self, server: RedisServer) -> None:
        storage = RedisRateLimitStorage(server.url)
        with ThreadPoolExecutor(4) as threads:
            assert all(admitted for admitted, *_ in threads.map(lambda _: storage.count("client", 99, 60), range(8)))
            server.stop()
            server.start()
            with structlog.testing.capture_logs() as logs:
                assert all(
                    admitted for admitted, *_ in threads.map(lambda _: storage.count("client", 99, 60), range(8))
                )
        assert logs == []

    @pytest.mark.usefixtures("short_timeouts")
    def test_frozen_redis_delays_few_counts(self, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_client, "OPEN_SECONDS", 60)
        storage = RedisRateLimitStorage(server.url)
        storage.count("client", 9, 60)
        server.freeze()
        for _ in range(50):
            with pytest.raises(StorageError):
                storage.count("client", 9, 60)
        server.thaw()

    @pytest.mark.usefixtures("short_timeouts")
    def test_frozen_redis_fails_a_count_long_before_other_calls(
        self, server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_client, "RESPONSE_TIMEOUT", 600)
        storage = RedisRateLimitStorage(server.url)
        storage.count("other", 9, 60)
        server.freeze()
        with pytest.raises(StorageError):
            storage.count("other", 9, 60)
        server.thaw()
        assert eventually(lambda: _admits(storage))

    def test_probe_of_a_frozen_redis_delays_no_call_by_the_timeout(
        self, server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_client, "RESPONSE_TIMEOUT", 600)
        monkeypatch.setattr(redis_client, "OPEN_SECONDS", 0)
        cache = RedisCache(server.url, "records", 10 * KB)
        cache.put("key", b"1", 60)
        server.freeze()
        client_for(server.url).breaker.record_failure("no response")
        assert [cache.get("key") for _ in range(3)] == [None] * 3
        server.thaw()
        assert eventually(lambda: cache.get("key") == b"1")

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_fork_opens_a_new_connection(self, url: str) -> None:
        storage = RedisRateLimitStorage(url)
        assert storage.count("forked", 9, 60)[3] == 1
        assert in_fork(lambda: storage.count("forked", 9, 60)[3] == 2)
        assert storage.count("forked", 9, 60)[3] == 3

    def test_full_redis_stores_no_new_values_and_logs_it(self, server: RedisServer) -> None:
        cache = RedisCache(server.url, "records", 100_000 * KB)
        cache.put("old", b"1", 60)
        client_for(server.url).config_set("maxmemory", 1)
        with structlog.testing.capture_logs() as logs:
            cache.put("new", b"1", 60)
            assert (cache.get("new"), cache.get("old")) == (None, b"1")
        assert "maxmemory" in logs[0]["reason"]


class TestRateLimitStorage:
    """Keys and values are those of the ``limits`` library, so its storage can be compared with ours in one Redis."""

    @pytest.fixture
    def library(self, url: str) -> RedisStorage:
        return RedisStorage(url, key_prefix="tintype:limits")

    def test_admits_as_many_as_the_library(self, url: str, library: RedisStorage) -> None:
        storage = RedisRateLimitStorage(url)
        admitted = [storage.count("one", 6, 60)[0], library.acquire_sliding_window_entry("one", 6, 60)]
        admitted += [storage.count("one", 6, 60)[0] for _ in range(6)]
        assert sum(admitted) == 6
        assert not library.acquire_sliding_window_entry("one", 6, 60)

    def test_returns_the_window_of_the_library(self, url: str, library: RedisStorage) -> None:
        storage = RedisRateLimitStorage(url)
        for _ in range(3):
            window = storage.count("two", 2, 60)[1:]
            assert window == pytest.approx(library.get_sliding_window("two", 60), abs=1)

    def test_renames_an_ended_window_to_the_previous_one(self, url: str) -> None:
        storage, client = RedisRateLimitStorage(url), client_for(url)
        for _ in range(4):
            storage.count("three", 10, 60)
        client.pexpire("tintype:limits:{three}", 45_000)
        admitted, previous, previous_life, current, current_life = storage.count("three", 10, 60)
        assert (admitted, previous, current) == (True, 4, 1)
        assert (previous_life, current_life) == pytest.approx((45, 105), abs=5)
        assert client.pttl("tintype:limits:{three}/-1") <= 45_000

    @pytest.mark.parametrize("scheme", ["url", "unix_url"])
    def test_processes_admit_exactly_the_limit(self, shared_server: RedisServer, scheme: str) -> None:
        address = getattr(shared_server, scheme)
        client_for(address).flushall()
        assert sum(in_processes(count_often, [(address, 40)] * 4)) == 100


def _try(locks: RedisLocks) -> bool:
    with locks.hold("name", 0) as held:
        return held


def _held_by_redis(locks: RedisLocks, server: RedisServer) -> bool:
    with locks.hold("name", 0):
        return bool(
            client_for(server.url).call_or_default(lambda: client_for(server.url).exists("tintype:lock:name"), 0)
        )


def _admits(storage: RedisRateLimitStorage) -> bool:
    try:
        return bool(storage.count("client", 1, 60)[0])
    except StorageError:
        return False


class TestLease:
    def test_extends_the_lease_while_the_lock_is_held(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        extensions: list[bool] = []
        reacquire = Lock.reacquire
        monkeypatch.setattr(Lock, "reacquire", lambda lock: extensions.append(reacquire(lock)))
        holder, other = RedisLocks(url, lease=6), RedisLocks(url)
        with holder.hold("name", 0):
            assert eventually(lambda: len(extensions) > 3, within=60)  # one per 2 s, so the first lease is over
            assert not _try(other)

    def test_loss_is_logged_and_keeps_the_new_holder(self, url: str) -> None:
        holder, other = RedisLocks(url, lease=0.2), RedisLocks(url, lease=30)
        with structlog.testing.capture_logs() as logs:
            with holder.hold("name", 0):
                client_for(url).delete("tintype:lock:name")
                with other.hold("name", 0) as held:
                    assert held
                    assert eventually(lambda: [log["event"] for log in logs] == ["lock_lost"])
                    token = client_for(url).get("tintype:lock:name")
            assert token

    def test_first_holder_does_not_release_the_lock_of_another(self, url: str) -> None:
        first = RedisLocks(url, lease=30).hold("name", 0)
        assert first.__enter__()
        client_for(url).set("tintype:lock:name", "another holder")
        first.__exit__(None, None, None)
        assert client_for(url).get("tintype:lock:name") == b"another holder"


def count_often(url: str, times: int) -> int:
    redis_client.FAST_TIMEOUT = 30.0  # in a process of its own
    storage = RedisRateLimitStorage(url)
    return sum(storage.count("client", 100, 3600)[0] for _ in range(times))


class TestUrl:
    def test_accepts_a_socket_file(self, shared_server: RedisServer) -> None:
        cache = RedisCache(shared_server.unix_url, "records", 10 * KB)
        cache.put("key", b"1", 60)
        assert cache.get("key") == b"1"

    def test_uses_its_password_and_never_logs_it(self) -> None:
        with RedisServer(password="hunter2-secret") as server, structlog.testing.capture_logs() as logs:
            for address in (server.url, server.unix_url):
                cache = RedisCache(address, "records", 10 * KB)
                cache.put("key", b"1", 60)
                assert cache.get("key") == b"1"
            wrong = RedisCache(server.url.replace("hunter2-secret", "hunter3-secret"), "records", 10 * KB)
            assert wrong.get("key") is None
            server.stop()
            assert cache.get("key") is None
            assert len(logs) == 2
            assert "secret" not in str(logs)

    @pytest.mark.parametrize("address", ["http://:secret@localhost", "redis://:secret@localhost:port", "redis://[::1"])
    def test_error_for_an_invalid_url_does_not_repeat_it(self, address: str) -> None:
        with pytest.raises(ConfigurationError, match="REDIS_URL") as raised:
            RedisCache(address, "records", 10 * KB)
        assert "secret" not in str(raised.value)
