"""Members of a submitted job that captures a sitemap: its URL, globs, and the number of pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tintype.errors import InvalidParameter
from tintype.jobs.model import Sitemap

SITEMAP_MEMBERS = ("sitemap", "include", "exclude", "max_pages")
MAX_GLOBS, MAX_GLOB = 50, 500
"""Globs of one member, and characters of one."""


def parse_sitemap(members: Mapping[str, Any], most: int, invalid: list[InvalidParameter]) -> Sitemap | None:
    """The sitemap of a job; None without one. Appends what is wrong to ``invalid``; ``most`` is the limit of pages."""
    before = len(invalid)
    if "sitemap" not in members:
        invalid += [
            InvalidParameter(name, "is accepted with sitemap only") for name in SITEMAP_MEMBERS if name in members
        ]
        return None
    if "pages" in members:
        invalid.append(InvalidParameter("sitemap", "is accepted without pages only; send two jobs"))
    url, pages = members["sitemap"], members.get("max_pages", most)
    if not isinstance(url, str):
        invalid.append(InvalidParameter("sitemap", "must be the URL of a sitemap, or of the start page of a site"))
    if not isinstance(pages, int) or isinstance(pages, bool) or not 1 <= pages <= most:
        invalid.append(InvalidParameter("max_pages", f"must be a whole number from 1 to {most:,}"))
    include, exclude = (_globs(members, name, invalid) for name in ("include", "exclude"))
    if len(invalid) > before:
        return None
    return Sitemap(url=url, include=include, exclude=exclude, max_pages=pages)


def _globs(members: Mapping[str, Any], name: str, invalid: list[InvalidParameter]) -> tuple[str, ...]:
    value = members.get(name, [])
    globs = [value] if isinstance(value, str) else value
    is_valid = isinstance(globs, list) and all(isinstance(each, str) and 0 < len(each) <= MAX_GLOB for each in globs)
    if is_valid and len(globs) <= MAX_GLOBS:
        return tuple(globs)
    message = f"must be a list of at most {MAX_GLOBS} globs such as /blog/*, of at most {MAX_GLOB} characters each"
    invalid.append(InvalidParameter(name, message))
    return ()
