"""Parser of URL lists: removes duplicates and collects invalid lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tintype.batch.record import Record, failed_record
from tintype.errors import InvalidRequest, TargetDenied
from tintype.request_parser import ThumbnailRequest


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A page to capture, and the first line of the list that contains it."""

    line: int
    url: str
    request: ThumbnailRequest

    @property
    def key(self) -> str:
        """Digest of the URL and all options."""
        return self.request.capture_request.key


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlList:
    """``invalid`` maps line numbers (from 1) to records of the error; ``duplicates`` counts repeated pages."""

    items: tuple[BatchItem, ...]
    invalid: Mapping[int, Record]
    duplicates: int


def parse_url_list(lines: Iterable[str], parse_url: Callable[[str], ThumbnailRequest]) -> UrlList:
    """Parse one URL per line; ignores empty lines and lines that begin with ``#``.

    Raises InvalidRequest if an option is invalid, because that concerns every line.
    """
    items: dict[str, BatchItem] = {}
    invalid: dict[int, Record] = {}
    duplicates = 0
    for number, url in enumerate(map(str.strip, lines), 1):
        if not url or url.startswith("#"):
            continue
        try:
            item = BatchItem(number, url, parse_url(url))
        except (InvalidRequest, TargetDenied) as error:
            invalid[number] = failed_record(url, _url_error(error))
        else:
            duplicates += item.key in items
            items.setdefault(item.key, item)
    return UrlList(items=tuple(items.values()), invalid=invalid, duplicates=duplicates)


def _url_error(error: InvalidRequest | TargetDenied) -> InvalidRequest | TargetDenied:
    mistakes = error.invalid_parameters if isinstance(error, InvalidRequest) else ()
    option_errors = [mistake for mistake in mistakes if mistake.parameter != "url"]
    if option_errors:
        raise InvalidRequest(*option_errors) from None
    return error
