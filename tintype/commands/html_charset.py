"""Character encoding of an HTML file: byte order mark, ``<meta>``, else UTF-8 (HTML standard, 13.2.3.2)."""

from __future__ import annotations

import codecs
import re

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))
_PRESCAN = 1024
"""Bytes in which the standard looks for ``<meta>``."""
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_META = re.compile(rb"<meta[\s/][^>]*?\bcharset\s*=\s*[\"']?\s*(?P<label>[^\s\"'/>;]+)", re.IGNORECASE)
_LABELS = {"x-user-defined": "windows-1252", "iso-8859-8-i": "iso-8859-8", "windows-31j": "shift_jis"}
"""Labels of the encoding standard that Python does not know, beside those that begin with ``x-``."""
_SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "utf-16": "utf-8",
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}
"""Names in Python, and the encoding that the standard means: a file whose ``<meta>`` was readable is not UTF-16."""
_OTHERS = frozenset(
    [
        "utf-8",
        "cp866",
        "koi8-r",
        "koi8-u",
        "mac-roman",
        "mac-cyrillic",
        "cp874",
        "gb18030",
        "big5hkscs",
        "euc_jp",
        "iso2022_jp",
        "cp932",
        "cp949",
    ]
    + [f"cp{number}" for number in range(1250, 1259)]
    + [f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)]
)
"""Names in Python of the standard's other encodings; anything else counts as not declared."""
_HTTP_NAMES = {
    "cp874": "windows-874",
    "cp932": "shift_jis",
    "cp949": "euc-kr",
    "big5hkscs": "big5",
    "euc_jp": "euc-jp",
    "iso2022_jp": "iso-2022-jp",
    "mac-roman": "macintosh",
    "mac-cyrillic": "x-mac-cyrillic",
}
"""Names in Python that browsers do not know, and theirs."""


def charset_of(data: bytes) -> str:
    """The encoding of an HTML file, as Python names it."""
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return charset
    declared = _META.search(_COMMENT.sub(b"", data[:_PRESCAN]))
    return _known_charset(declared["label"].decode("ascii", "replace")) if declared else "utf-8"


def content_type_of(data: bytes) -> str:
    """The Content-Type of an HTML file."""
    charset = charset_of(data)
    return f"text/html; charset={_HTTP_NAMES.get(charset, charset)}"


def decode_html(data: bytes) -> str:
    """The text of an HTML file; bytes that are invalid in its encoding become U+FFFD."""
    return data.decode(charset_of(data), "replace").removeprefix("\ufeff")


def _known_charset(label: str) -> str:
    name = label.lower()
    try:
        found = codecs.lookup(_LABELS.get(name, name.removeprefix("x-"))).name
    except LookupError:
        return "utf-8"
    return _SUPERSETS.get(found, found if found in _OTHERS else "utf-8")
