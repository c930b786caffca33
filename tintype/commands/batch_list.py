"""Reads the list of ``tintype batch``: text, YAML or sitemaps, with the options of the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import click

from tintype import application
from tintype.batch import Entry, ListError, UrlList, parse_entries, text_entries
from tintype.batch.filenames import FORMAT_BY_ENDING
from tintype.errors import InvalidParameter, InvalidRequest, TargetDenied, TargetUnreachable
from tintype.network import outbound
from tintype.request_parser import Pairs, RequestParser, ThumbnailRequest
from tintype.settings import Settings
from tintype.sitemaps.reader import MAX_BYTES, SitemapError, SitemapReader, SitemapUnavailable, sitemap_of
from tintype.urls import with_scheme

EXCLUDED = ("url", "html", "on_error", "placeholder")
"""Options that a batch does not have."""
MAX_TEXT = 64 << 20
"""Characters of a list in a file or from standard input."""
_ANY_URL = "https://example.com/"


@dataclass(slots=True)
class ListReader:
    """Reads a list for one run. ``options`` are those of the command line."""

    settings: Settings
    parser: RequestParser
    options: Pairs
    failures: list[str] = field(default_factory=list)
    """Sitemaps of an index that could not be read."""
    completed: int = 0
    """URLs whose scheme was missing."""

    def read(self, list_file: TextIO | None, sitemaps: Iterable[str], *, as_yaml: bool) -> UrlList:
        """Parse the list; raises InvalidRequest, UsageError or TargetUnreachable."""
        self._check_options()
        try:
            url_list = parse_entries(self._entries(list_file, sitemaps, as_yaml), self._parse)
        except SitemapUnavailable as error:
            raise TargetUnreachable(str(error)) from error
        except (ListError, SitemapError) as error:
            raise click.UsageError(str(error), click.get_current_context()) from error
        return url_list

    def _check_options(self) -> None:
        with suppress(TargetDenied):  # where only certain hosts are allowed
            self.parser.parse([("url", _ANY_URL), *self.options])

    def _entries(self, list_file: TextIO | None, sitemaps: Iterable[str], as_yaml: bool) -> Iterator[Entry]:
        last = 0
        if list_file:
            for entry in _entries_of_file(list_file, as_yaml):
                last = max(last, entry.line)
                yield entry
        for source in sitemaps:
            reader, before = SitemapReader(self._fetch), last
            body = _read_file(Path(source)) if Path(source).is_file() else None
            location = source if body is not None else sitemap_of(with_scheme(source))
            for number, url in enumerate(reader.urls(location, body), 1):
                last = before + number
                yield Entry(last, url)
            self.failures += reader.failures

    def _fetch(self, url: str) -> bytes:
        return outbound.fetch(url, application.egress_policy(self.settings))

    def _parse(self, entry: Entry) -> ThumbnailRequest:
        """The request of an entry; raises InvalidRequest or TargetDenied."""
        own = {name for name, _ in entry.options}
        if excluded := own & set(EXCLUDED):
            raise InvalidRequest(*(InvalidParameter(name, "is not an option of a batch") for name in sorted(excluded)))
        url = with_scheme(entry.url)
        self.completed += url != entry.url
        pairs: Pairs = [("url", url), *(pair for pair in self.options if pair[0] not in own), *entry.options]
        return self.parser.parse([*pairs, *_implied_format(entry.output, pairs)])


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ListError(f"{path}: {error.strerror}") from error
    if len(body) > MAX_BYTES:
        raise ListError(f"{path}: longer than {MAX_BYTES >> 20} MB")
    return body


def _entries_of_file(list_file: TextIO, as_yaml: bool) -> Iterator[Entry]:
    from tintype.batch import yaml_list  # noqa: PLC0415 - PyYAML is seldom needed

    text = list_file.read(MAX_TEXT + 1)
    if len(text) > MAX_TEXT:
        raise ListError(f"{list_file.name}: longer than {MAX_TEXT >> 20} MB; split the list")
    if not as_yaml and Path(list_file.name).suffix.lower() not in yaml_list.ENDINGS:
        yield from text_entries(text.splitlines())
        return
    try:
        yield from yaml_list.yaml_entries(text)
    except ListError as error:
        raise ListError(f"{list_file.name}: {error}") from error


def _implied_format(output: str, pairs: Pairs) -> Iterator[tuple[str, Any]]:
    """The format that the ending of a file name implies; raises InvalidRequest for another one, or for none."""
    if not output:
        return
    explicit = next((value for name, value in pairs if name == "format"), None)
    implied = FORMAT_BY_ENDING.get(Path(output).suffix.lower())
    if implied is None and explicit is None:
        raise InvalidRequest(InvalidParameter("output", f"must end in {', '.join(FORMAT_BY_ENDING)}, not {output!r}"))
    if explicit is None:
        yield "format", implied
    elif implied and implied != ("jpeg" if explicit == "jpg" else explicit):
        raise InvalidRequest(InvalidParameter("output", f"{output} has the ending of {implied}, but format={explicit}"))
