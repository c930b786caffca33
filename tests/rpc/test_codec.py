from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tintype import errors
from tintype.model import Capture, Thumbnail, Truncation, Verdict, digest_of
from tintype.rpc import codec

text = st.text(max_size=40)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
captures = st.builds(
    Capture,
    body=st.binary(max_size=200),
    width=st.integers(0, 10**6),
    height=st.integers(0, 10**6),
    taken_at=finite,
    final_url=text,
    status=st.integers(0, 599),
    title=text,
    partial=st.booleans(),
    truncated=st.sampled_from(Truncation),
    features_unavailable=st.booleans(),
    timings=st.dictionaries(text, finite, max_size=4),
    features=st.dictionaries(text, json_values, max_size=4),
    verdict=st.sampled_from(Verdict),
)
thumbnails = st.builds(
    Thumbnail,
    body=st.binary(max_size=200),
    mime=st.sampled_from(["image/png", "image/webp"]),
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
    taken_at=finite,
    digest=text,
    status=st.integers(0, 599),
    final_url=text,
    partial=st.booleans(),
    truncated=st.sampled_from(Truncation),
    features_unavailable=st.booleans(),
    verdict=st.sampled_from(Verdict),
)

UNPACKERS: tuple[Callable[[bytes], Any], ...] = (
    codec.unpack,
    codec.unpack_capture,
    codec.unpack_thumbnail,
    codec.unpack_problem,
)


def sealed(header: bytes, body: bytes = b"", version: int = 1) -> bytes:
    """A value whose checksum is right, whatever its header is."""
    return struct.pack(">2sBII", b"TT", version, len(header), zlib.crc32(body, zlib.crc32(header))) + header + body


def thumbnail() -> Thumbnail:
    body = b"\x89PNG" * 100
    return Thumbnail(body=body, mime="image/png", width=320, height=180, taken_at=1.5, digest=digest_of(body))


class TestEncoding:
    def test_reads_values_without_a_verdict(self) -> None:
        header, body = codec.unpack(codec.pack_thumbnail(thumbnail()))
        del header["verdict"]
        assert codec.unpack_thumbnail(codec.pack(header, body)) == thumbnail()

    def test_rejects_an_unknown_verdict(self) -> None:
        header, body = codec.unpack(codec.pack_thumbnail(thumbnail()))
        with pytest.raises(codec.CorruptValue):
            codec.unpack_thumbnail(codec.pack({**header, "verdict": "splendid"}, body))

    @given(header=st.dictionaries(text, json_values, max_size=4), body=st.binary(max_size=300))
    def test_preserves_any_header_and_body(self, header: dict[str, Any], body: bytes) -> None:
        assert codec.unpack(codec.pack(header, body)) == (header, body)

    @given(capture=captures)
    def test_preserves_captures(self, capture: Capture) -> None:
        assert codec.unpack_capture(codec.pack_capture(capture)) == capture

    @given(thumbnail=thumbnails)
    def test_preserves_thumbnails(self, thumbnail: Thumbnail) -> None:
        assert codec.unpack_thumbnail(codec.pack_thumbnail(thumbnail)) == thumbnail

    @pytest.mark.parametrize("kind", [*errors.ALL, errors.TintypeError])
    def test_preserves_errors(self, kind: type[errors.TintypeError]) -> None:
        failure = (
            kind(errors.InvalidParameter("url", "is needed"))
            if issubclass(kind, errors.InvalidRequest)
            else kind("why", retry_after=3)
        )
        again = codec.unpack_problem(codec.pack_problem(failure))
        assert type(again) is kind
        assert again.problem() == failure.problem()

    def test_accepts_integers_for_floats(self) -> None:
        capture = Capture(body=b"", width=1, height=1, taken_at=1700000000)
        assert codec.unpack_capture(codec.pack_capture(capture)) == capture

    def test_replaces_lone_surrogates_by_question_marks(self) -> None:
        capture = Capture(body=b"x", width=1, height=1, taken_at=0, title="caf\u00e9 \ud83d!")
        assert codec.unpack_capture(codec.pack_capture(capture)).title == "caf\u00e9 ?!"

    def test_keeps_the_body_raw(self) -> None:
        assert len(codec.pack_thumbnail(thumbnail())) < len(thumbnail().body) + 400


class TestCorruptValues:
    @given(data=st.binary(max_size=200))
    @example(b"")
    @example(b"TT")
    def test_raises_corrupt_value_for_random_bytes(self, data: bytes) -> None:
        for unpack in UNPACKERS:
            with pytest.raises(codec.CorruptValue):
                unpack(data)

    @given(header=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
    @example(b"[" * 100_000)
    @example(b"1" * 5000)
    @example(b'"\xff"')
    @example(b"null")
    @example(b'{"kind":"capture"}')
    @example(b'{"kind":"capture","width":1,"height":1,"taken_at":0,"colour":"red"}')
    @example(b'{"kind":"capture","width":"1","height":1,"taken_at":0}')
    @example(b'{"kind":"capture","width":1,"height":1,"taken_at":0,"body":"x"}')
    @example(b'{"kind":"capture","width":1,"height":1,"taken_at":0,"timings":[]}')
    @example(b'{"kind":"thumbnail","mime":null,"width":1,"height":1,"taken_at":0,"digest":""}')
    @example(b'{"kind":["capture"]}')
    def test_raises_corrupt_value_for_other_headers(self, header: bytes) -> None:
        for unpack in UNPACKERS:
            with suppress(codec.CorruptValue):
                unpack(sealed(header))
        for unpack in (codec.unpack_capture, codec.unpack_thumbnail):
            with pytest.raises(codec.CorruptValue):
                unpack(sealed(header))

    @given(cut=st.integers(0, 2000))
    def test_detects_truncated_and_extended_values(self, cut: int) -> None:
        whole = codec.pack_thumbnail(thumbnail())
        for torn in (whole[: min(cut, len(whole) - 1)], whole + b"\0" * (cut + 1)):
            with pytest.raises(codec.CorruptValue):
                codec.unpack_thumbnail(torn)

    @given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
    def test_detects_a_flipped_bit(self, place: int, bit: int) -> None:
        data = bytearray(codec.pack_thumbnail(thumbnail()))
        data[place % len(data)] ^= 1 << bit
        with pytest.raises(codec.CorruptValue):
            codec.unpack_thumbnail(bytes(data))

    def test_rejects_other_versions(self) -> None:
        header = codec.pack_thumbnail(thumbnail())[11:]
        for version in (0, 2, 255):
            with pytest.raises(codec.CorruptValue):
                codec.unpack(sealed(header, version=version))

    def test_rejects_other_kinds(self) -> None:
        capture = codec.pack_capture(Capture(body=b"x", width=1, height=1, taken_at=0))
        problem = codec.pack_problem(errors.Overloaded())
        for unpack, others in (
            (codec.unpack_capture, (codec.pack_thumbnail(thumbnail()), problem)),
            (codec.unpack_thumbnail, (capture, problem)),
            (codec.unpack_problem, (capture, codec.pack_thumbnail(thumbnail()), codec.pack({}))),
        ):
            for other in others:
                with pytest.raises(codec.CorruptValue):
                    unpack(other)
