"""Pictures of many pages into a folder: those that are missing, several at a time, each noted once it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from tintype.batch.filenames import FileNamer
from tintype.batch.manifest import LEDGER, Manifest, ManifestLocked
from tintype.batch.record import Record, RecordStatus, failed, taken
from tintype.batch.url_list import BatchItem, UrlList, read
from tintype.batch.workers import Outcome, Take, WorkerPool
from tintype.errors import BackendUnavailable, TintypeError

__all__ = ["LEDGER", "Batch", "BatchItem", "Manifest", "ManifestLocked", "Record", "RecordStatus", "UrlList", "read"]


class Batch:
    """One run over a list. ``again`` takes what is there already too, ``retry_failed`` what failed before."""

    def __init__(self, listing: UrlList, ledger: Manifest, *, again: bool = False, retry_failed: bool = False) -> None:
        self._listing, self._ledger = listing, ledger
        self._names = FileNamer(ledger.folder, (entry.file for entry in ledger.known.values()))
        self.todo = tuple(task for task in listing.tasks if again or self._is_due(task, retry_failed=retry_failed))
        self._done: dict[str, Record] = {}
        self._crew: WorkerPool | None = None
        self.stopped_by: TintypeError | None = None
        """The failure of a part of ours, after which no page could be taken."""

    def run(self, take: Take, size: int) -> Iterator[Record]:
        """Take what there is to do, ``size`` at a time, in the order in which they are done; raises OSError."""
        self._crew = WorkerPool(self.todo, take, size)
        for outcome in self._crew:
            if isinstance(outcome.result, BackendUnavailable):
                self.stopped_by = outcome.result
                self.stop()
                continue
            entry = self._keep(outcome)
            self._done[outcome.task.key] = entry
            yield entry

    def stop(self) -> int:
        """Begin no other page; how many are under way."""
        return self._crew.stop() if self._crew else 0

    def entries(self) -> Iterable[Record]:
        """The whole list in its order, as it stands now."""
        of_lines = {task.line: self._entry(task) for task in self._listing.tasks}
        return [entry for _, entry in sorted({**of_lines, **self._listing.wrong}.items())]

    def _entry(self, task: BatchItem) -> Record:
        if task.key in self._done:
            return self._done[task.key]
        known = self._ledger.known.get(task.key)
        if known is None or (known.state is RecordStatus.TAKEN and not self._ledger.is_there(known)):
            return Record(url=task.url, key=task.key, state=RecordStatus.LEFT)
        return replace(
            known, url=task.url, state=RecordStatus.KEPT if known.state is RecordStatus.TAKEN else known.state
        )

    def _is_due(self, task: BatchItem, *, retry_failed: bool) -> bool:
        known = self._ledger.known.get(task.key)
        if known is None:
            return True
        return retry_failed if known.state is RecordStatus.FAILED else not self._ledger.is_there(known)

    def _keep(self, outcome: Outcome) -> Record:
        """Write the picture, whole or not at all, and only then say so."""
        task, result = outcome.task, outcome.result
        if isinstance(result, TintypeError):
            entry = failed(task.url, result, key=task.key, seconds=outcome.seconds)
        else:
            known = self._ledger.known.get(task.key)
            stem, extension = task.wanted.request.shot.url, result.thumbnail.extension
            name = known.file if known and known.file else self._names.of(stem, task.key, extension)
            write_whole(self._ledger.folder / name, result.thumbnail.body)
            entry = taken(task.url, result, key=task.key, file=name, seconds=outcome.seconds)
        self._ledger.add(entry)
        return entry


def write_whole(path: Path, body: bytes) -> None:
    """Write a file so that whoever looks sees all of it or what was there before; raises OSError."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(body)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
