"""Which pages does a list name? Each once, and what is wrong with its other lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tintype.batch.record import Record, failed_record
from tintype.errors import InvalidRequest, TargetDenied
from tintype.request_parser import ThumbnailRequest


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A page to take, and which line of the list named it first."""

    line: int
    url: str
    request: ThumbnailRequest

    @property
    def key(self) -> str:
        """The page with all options, as a digest."""
        return self.request.capture_request.key


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlList:
    """``wrong`` are lines that name no page that may be photographed; ``duplicates`` counts those named again."""

    items: tuple[BatchItem, ...]
    invalid: Mapping[int, Record]
    duplicates: int


def parse_url_list(lines: Iterable[str], parse_url: Callable[[str], ThumbnailRequest]) -> UrlList:
    """A URL a line; what is empty or begins with ``#`` is passed over.

    Raises InvalidRequest for what is wrong with every line: the options.
    """
    tasks: dict[str, BatchItem] = {}
    wrong: dict[int, Record] = {}
    duplicates = 0
    for number, url in enumerate(map(str.strip, lines), 1):
        if not url or url.startswith("#"):
            continue
        try:
            task = BatchItem(number, url, parse_url(url))
        except (InvalidRequest, TargetDenied) as error:
            wrong[number] = failed_record(url, _url_error(error))
        else:
            duplicates += task.key in tasks
            tasks.setdefault(task.key, task)
    return UrlList(items=tuple(tasks.values()), invalid=wrong, duplicates=duplicates)


def _url_error(error: InvalidRequest | TargetDenied) -> InvalidRequest | TargetDenied:
    mistakes = error.invalid_parameters if isinstance(error, InvalidRequest) else ()
    of_options = [mistake for mistake in mistakes if mistake.parameter != "url"]
    if of_options:
        raise InvalidRequest(*of_options) from None
    return error
