"""The bounded cache; and every cache in the web process: those under keys of clients are filled, others are listed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from tests.support.paths import ROOT
from tintype.bounded_cache import ENTRY_OVERHEAD, BoundedCache, key_bytes
from tintype.model import Freshness, Thumbnail
from tintype.network.egress import Policy
from tintype.network.resolver import MAX_CACHED_BYTES, TargetResolver
from tintype.options import Options
from tintype.request_parser import ThumbnailRequest
from tintype.web import fallback_images
from tintype.web.auth import Credential
from tintype.web.fallback_images import FallbackImages
from tintype.web.query_cache import QueryCache

ENTRY = ENTRY_OVERHEAD + key_bytes("a") + 100


def cache(entries: int = 100, size: int = 10 * ENTRY) -> BoundedCache[str, bytes]:
    return BoundedCache(entries, size, len)


def test_returns_what_was_stored_last() -> None:
    stored = cache()
    stored.put("a", b"1")
    stored.put("a", b"2")
    assert (stored.get("a"), stored.get("b"), len(stored)) == (b"2", None, 1)


def test_evicts_the_least_recently_used_beyond_the_number_of_entries() -> None:
    stored = cache(entries=2)
    for key in "ab":
        stored.put(key, b"")
    stored.get("a")
    stored.put("c", b"")
    assert [stored.get(key) is None for key in "abc"] == [False, True, False]


def test_evicts_beyond_the_bytes_of_keys_and_values() -> None:
    stored = cache()
    for number in range(1000):
        stored.put("k" * number, b"v" * number)
        assert stored.bytes <= 10 * ENTRY
    assert len(stored) < 10


def test_does_not_store_what_exceeds_the_bound_alone() -> None:
    stored = cache()
    stored.put("a", b"1")
    stored.put("b", b"v" * 10 * ENTRY)
    stored.put("k" * 10 * ENTRY, b"")
    assert (len(stored), stored.get("a")) == (1, b"1")


def test_forgets_a_value_whose_replacement_is_too_large() -> None:
    stored = cache()
    stored.put("a", b"1")
    stored.put("a", b"v" * 10 * ENTRY)
    assert (stored.get("a"), stored.bytes) == (None, 0)


def test_counts_all_parts_of_a_key() -> None:
    assert key_bytes(("a" * 1000, 5, "b" * 1000)) > 2000


def test_deletes_all_entries() -> None:
    stored = cache()
    stored.put("a", b"1")
    stored.clear()
    assert (len(stored), stored.bytes, stored.get("a")) == (0, 0, None)


PACKAGE = ROOT / "tintype"
OUTSIDE = {"batch", "chromium", "commands", "filters", "migrate", "provision", "settings"}
"""Packages that do not run in a web process."""
MEMOIZED = {
    "imaging/error_card.py:_has_fonts": "one value",
    "imaging/vips.py:_init": "one value",
    "state/counter_table.py:hash_key": "8,192 keys of rate limits: addresses and names of keys, never text of a client",
    "state/redis_client.py:client_for": "one URL of the operator",
    "telemetry/recorder.py:_cell": "4,096 series, whose labels are written in the code",
    "urls.py:canonical_hosts": "64 lists of the operator",
    "access_log.py:_format_second": "one value",
    "web/fast_path.py:_timing_pairs": "4,096 durations",
    "web/query_cache.py:_interned": "1,024 parts of queries of at most 2,048 characters",
    "web/static_files.py:static_files": "one value",
    "web/request_log.py:_context_json": "8,192 hosts of cached pages, each at most 2,048 bytes",
}
"""Functions whose results are cached, and what bounds their memory."""


def memoized() -> Iterator[str]:
    """Functions of the web process with a cache of functools, as ``module:function``."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if name.split("/", maxsplit=1)[0] in OUTSIDE:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any("cache" in names(each) for each in node.decorator_list):
                yield f"{name}:{node.name}"


def names(decorator: ast.expr) -> str:
    text = ast.unparse(decorator)
    return "" if "cached_property" in text else text


def test_every_memoized_function_has_a_written_bound() -> None:
    assert set(memoized()) == set(MEMOIZED)


def resolver_cache() -> tuple[BoundedCache[str, Any], Callable[[int], object], int]:
    answer = [(2, 1, 6, "", (f"93.184.216.{number}", 0)) for number in range(200)]
    resolver = TargetResolver(Policy(), resolve=lambda *_, **__: answer)
    return resolver._answers, lambda n: resolver.check(f"https://{'a' * 50}.{n}.org/"), MAX_CACHED_BYTES


def query_cache() -> tuple[Any, Callable[[int], object], int]:
    cache, most = QueryCache(max_bytes=100_000), 100_000
    options = Options.model_validate({"url": "https://site.org/"})
    parsed = ThumbnailRequest(capture_request=options.capture_request(), freshness=Freshness(max_age=60))
    return cache, lambda n: cache.add({"QUERY_STRING": "q" * (n + 1)}, parsed, Credential()), most


def image_cache() -> tuple[BoundedCache[Any, Thumbnail], Callable[[int], object], int]:
    images = FallbackImages(lambda *_, **__: nullcontext())
    return images._cache, lambda n: images.placeholder("png", (16 + n, 16)), fallback_images.MAX_BYTES


@pytest.mark.parametrize("build", [resolver_cache, image_cache, query_cache])
def test_cache_under_keys_of_clients_stays_within_its_bytes(
    build: Callable[[], tuple[BoundedCache[Any, Any], Callable[[int], object], int]],
) -> None:
    cache, use, most = build()
    for number in range(400):
        use(number)
    assert 0 < cache.bytes <= most
    assert len(cache) <= 400
