"""Markdown of descriptions (CommonMark, as OpenAPI requires): from docstrings and texts of options, and to HTML."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_PAGE_REFERENCE = re.compile(r" See docs/[a-z-]+\.md\.")


def first_paragraph(docstring: str | None) -> str:
    """The first paragraph of a docstring as Markdown on one line; the others are for developers."""
    return markdown(" ".join((docstring or "").strip().partition("\n\n")[0].split()))


def markdown(text: str) -> str:
    """A text in Markdown; references to files of the documentation are left out, because clients do not have them."""
    return _PAGE_REFERENCE.sub("", text.replace("``", "`"))


def code_spans(text: str) -> Markup:
    """HTML of a text, with its code spans as elements; the descriptions contain no other inline Markdown."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )
