"""Which pages does a list name? Each once, and what is wrong with its other lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tintype.batch.record import Entry, failed
from tintype.errors import InvalidRequest, TargetRefused
from tintype.web.params import Wanted


@dataclass(frozen=True, slots=True)
class Task:
    """A page to take, and which line of the list named it first."""

    line: int
    url: str
    wanted: Wanted

    @property
    def key(self) -> str:
        """The page with all options, as a digest."""
        return self.wanted.request.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """``wrong`` are lines that name no page that may be photographed; ``duplicates`` counts those named again."""

    tasks: tuple[Task, ...]
    wrong: Mapping[int, Entry]
    duplicates: int


def read(lines: Iterable[str], understand: Callable[[str], Wanted]) -> Listing:
    """A URL a line; what is empty or begins with ``#`` is passed over.

    Raises InvalidRequest for what is wrong with every line: the options.
    """
    tasks: dict[str, Task] = {}
    wrong: dict[int, Entry] = {}
    duplicates = 0
    for number, url in enumerate(map(str.strip, lines), 1):
        if not url or url.startswith("#"):
            continue
        try:
            task = Task(number, url, understand(url))
        except (InvalidRequest, TargetRefused) as error:
            wrong[number] = failed(url, _of_url_alone(error))
        else:
            duplicates += task.key in tasks
            tasks.setdefault(task.key, task)
    return Listing(tasks=tuple(tasks.values()), wrong=wrong, duplicates=duplicates)


def _of_url_alone(error: InvalidRequest | TargetRefused) -> InvalidRequest | TargetRefused:
    mistakes = error.mistakes if isinstance(error, InvalidRequest) else ()
    of_options = [mistake for mistake in mistakes if mistake.parameter != "url"]
    if of_options:
        raise InvalidRequest(*of_options) from None
    return error
