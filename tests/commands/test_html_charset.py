"""Encodings that HTML files declare, and texts in them."""

from __future__ import annotations

import pytest

from tintype.commands.html_charset import charset_of, content_type_of, decode_html

WORD = "Grüße"


class TestCharset:
    @pytest.mark.parametrize(
        ("head", "charset"),
        [
            (b"", "utf-8"),
            (b"<meta charset=utf-8>", "utf-8"),
            (b'<META CharSet="ISO-8859-1">', "cp1252"),
            (b"<meta charset='us-ascii'>", "cp1252"),
            (b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">', "cp1251"),
            (b'<meta name="x" charset = koi8-r />', "koi8-r"),
            (b"<meta charset=x-sjis>", "cp932"),
            (b"<meta charset=gb2312>", "gb18030"),
            (b"<meta charset=utf-16>", "utf-8"),
            (b"<meta charset=unknown>", "utf-8"),
            (b"<meta charset=utf-7>", "utf-8"),
            (b"<meta charset=rot13>", "utf-8"),
            (b"<meta charset=\xff\xff>", "utf-8"),
            (b"<!-- <meta charset=latin1> -->", "utf-8"),
            (b"<!-- x --><meta charset=latin1>", "cp1252"),
            (b" " * 1024 + b"<meta charset=latin1>", "utf-8"),
            (b"\xef\xbb\xbf<meta charset=latin1>", "utf-8"),
            (b"\xff\xfe<\0", "utf-16-le"),
            (b"\xfe\xff\0<", "utf-16-be"),
        ],
    )
    def test_follows_the_html_standard(self, head: bytes, charset: str) -> None:
        assert charset_of(head) == charset

    @pytest.mark.parametrize(
        ("label", "named"), [("latin1", "cp1252"), ("euc-kr", "euc-kr"), ("macintosh", "macintosh"), ("big5", "big5")]
    )
    def test_content_type_names_what_browsers_know(self, label: str, named: str) -> None:
        assert content_type_of(b"<meta charset=%s>" % label.encode()) == f"text/html; charset={named}"

    def test_takes_linear_time(self) -> None:
        assert charset_of(b"<!--" * 500_000) == charset_of(b"<meta " * 500_000) == "utf-8"


class TestText:
    @pytest.mark.parametrize(
        "data",
        [
            WORD.encode(),
            b"\xef\xbb\xbf" + WORD.encode(),
            b"\xff\xfe" + WORD.encode("utf-16-le"),
            b"\xfe\xff" + WORD.encode("utf-16-be"),
        ],
    )
    def test_has_no_byte_order_mark(self, data: bytes) -> None:
        assert decode_html(data) == WORD

    def test_decodes_as_declared(self) -> None:
        assert decode_html(b"<meta charset=latin1>" + WORD.encode("latin1")).endswith(WORD)

    def test_replaces_invalid_bytes(self) -> None:
        assert decode_html(b"a\xffb") == "a\ufffdb"
