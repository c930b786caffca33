"""Values of tintype.model: freshness, ETags, storage keys, immutability."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tintype.model import (
    CacheAge,
    CacheState,
    Capture,
    Freshness,
    PersistResult,
    StoredObject,
    Thumbnail,
    ThumbnailResult,
    digest_of,
    is_storage_key,
    storage_key,
)
from tintype.options import Options


def thumbnail(mime: str = "image/png", body: bytes = b"image") -> Thumbnail:
    return Thumbnail(body=body, mime=mime, width=1, height=1, taken_at=0, digest=digest_of(body))


class TestFreshness:
    @pytest.mark.parametrize(
        ("age", "judged"),
        [
            (-5, CacheAge.FRESH),  # taken by a machine whose clock is ahead
            (0, CacheAge.FRESH),
            (59.999, CacheAge.FRESH),
            (60, CacheAge.STALE),
            (89.999, CacheAge.STALE),
            (90, CacheAge.EXPIRED),
            (10**9, CacheAge.EXPIRED),
        ],
    )
    def test_age_goes_from_fresh_over_stale_to_expired(self, age: float, judged: CacheAge) -> None:
        assert Freshness(max_age=60, stale_for=30).age_of(1000, 1000 + age) is judged

    def test_expires_after_max_age_without_a_stale_window(self) -> None:
        assert Freshness(max_age=60).age_of(0, 60) is CacheAge.EXPIRED

    def test_max_age_zero_is_never_fresh(self) -> None:
        assert Freshness(max_age=0).age_of(0, 0) is CacheAge.EXPIRED
        assert Freshness(max_age=0, stale_for=1).age_of(0, 0) is CacheAge.STALE

    def test_infinite_max_age_is_always_fresh(self) -> None:
        assert Freshness(max_age=math.inf).age_of(0, 1e12) is CacheAge.FRESH

    @given(max_age=st.floats(0, 1e9), stale_for=st.floats(0, 1e9), earlier=st.floats(0, 1e9), later=st.floats(0, 1e9))
    def test_age_never_decreases(self, max_age: float, stale_for: float, earlier: float, later: float) -> None:
        order = list(CacheAge)
        bounds = Freshness(max_age=max_age, stale_for=stale_for)
        first, second = sorted((earlier, later))
        assert order.index(bounds.age_of(0, first)) <= order.index(bounds.age_of(0, second))

    def test_retention_ends_when_the_image_expires(self) -> None:
        bounds = Freshness(max_age=60, stale_for=30)
        assert bounds.retention == 90
        assert bounds.age_of(0, bounds.retention) is CacheAge.EXPIRED


class TestThumbnail:
    def test_etag_depends_on_the_bytes_only(self) -> None:
        one, same, other = thumbnail(), thumbnail(mime="image/webp"), thumbnail(body=b"another")
        assert one.etag == same.etag != other.etag
        assert one.etag == f'"{digest_of(b"image")[:32]}"'

    @pytest.mark.parametrize(
        ("mime", "extension"),
        [("image/png", "png"), ("image/jpeg", "jpg"), ("image/webp", "webp"), ("image/avif", "avif")],
    )
    def test_extension_matches_the_format(self, mime: str, extension: str) -> None:
        assert thumbnail(mime).extension == extension


class TestStorageKey:
    REQUEST = Options(url="https://example.com/").capture_request().key

    @pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/webp", "image/avif"])
    def test_contains_the_digests_of_request_and_content(self, mime: str) -> None:
        key = storage_key(self.REQUEST, thumbnail(mime))
        folder, _, name = key.partition("/")
        request, _, rest = name.partition("-")
        assert (folder, request) == ("thumbs", self.REQUEST)
        assert rest == f"{digest_of(b'image')}.{thumbnail(mime).extension}"
        assert is_storage_key(key)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "thumbs/",
            "thumbs/../../etc/passwd",
            f"thumbs/{'a' * 64}-{'b' * 64}",
            f"thumbs/{'a' * 64}-{'b' * 64}.svg",
            f"thumbs/{'a' * 64}-{'b' * 64}.png\n",
            f"thumbs/{'a' * 64}-{'b' * 64}.png/x",
            f"/thumbs/{'a' * 64}-{'b' * 64}.png",
            f"x/thumbs/{'a' * 64}-{'b' * 64}.png",
            f"thumbs/{'A' * 64}-{'b' * 64}.png",
            f"thumbs/{'a' * 63}-{'b' * 64}.png",
            f"thumbs/{'a' * 64}-{'b' * 65}.png",
            f"thumbs/{'a' * 64}_{'b' * 64}.png",
            f"thumbs/{'١' * 64}-{'b' * 64}.png",
            f"thumbs/{'a' * 64}-{'b' * 64}.png\x00",
        ],
    )
    def test_rejects_other_texts(self, text: str) -> None:
        assert not is_storage_key(text)

    @given(text=st.text())
    def test_valid_keys_stay_in_their_folder(self, text: str) -> None:
        assert not is_storage_key(text) or (".." not in text and text.count("/") == 1)


class TestValues:
    VALUES: tuple[Any, ...] = (
        Freshness(max_age=1),
        thumbnail(),
        Capture(body=b"", width=1, height=1, taken_at=0),
        StoredObject(key="k", body=b"", mime="image/png"),
        ThumbnailResult(thumbnail=thumbnail(), cache=CacheState.HIT, freshness=Freshness(max_age=1)),
        PersistResult(url="/u", key="k", cached=True, content_type="image/png", width=1, height=2, bytes=3),
    )

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
    def test_values_are_frozen(self, value: Any) -> None:
        name = dataclasses.fields(value)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, getattr(value, name))

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
    def test_repr_omits_the_body(self, value: Any) -> None:
        assert "body" not in repr(value)
