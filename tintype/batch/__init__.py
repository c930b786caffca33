"""Pictures of many pages into a folder: those that are missing, several at a time, each noted once it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from tintype.batch.filenames import FileNamer
from tintype.batch.manifest import MANIFEST_FILE, Manifest, ManifestLocked
from tintype.batch.record import Record, RecordStatus, captured_record, failed_record
from tintype.batch.url_list import BatchItem, UrlList, parse_url_list
from tintype.batch.workers import CaptureCallable, Outcome, WorkerPool
from tintype.errors import BackendUnavailable, TintypeError

__all__ = [
    "MANIFEST_FILE",
    "Batch",
    "BatchItem",
    "Manifest",
    "ManifestLocked",
    "Record",
    "RecordStatus",
    "UrlList",
    "parse_url_list",
]


class Batch:
    """One run over a list. ``again`` takes what is there already too, ``retry_failed`` what failed before."""

    def __init__(
        self, url_list: UrlList, manifest: Manifest, *, force: bool = False, retry_failed: bool = False
    ) -> None:
        self._url_list, self._manifest = url_list, manifest
        self._namer = FileNamer(manifest.folder, (entry.file for entry in manifest.records.values()))
        self.pending = tuple(task for task in url_list.items if force or self._is_due(task, retry_failed=retry_failed))
        self._done: dict[str, Record] = {}
        self._workers: WorkerPool | None = None
        self.fatal_error: TintypeError | None = None
        """The failure of a part of ours, after which no page could be taken."""

    def run(self, capture: CaptureCallable, size: int) -> Iterator[Record]:
        """Take what there is to do, ``size`` at a time, in the order in which they are done; raises OSError."""
        self._workers = WorkerPool(self.pending, capture, size)
        for outcome in self._workers:
            if isinstance(outcome.result, BackendUnavailable):
                self.fatal_error = outcome.result
                self.stop()
                continue
            entry = self._save(outcome)
            self._done[outcome.item.key] = entry
            yield entry

    def stop(self) -> int:
        """Begin no other page; how many are under way."""
        return self._workers.stop() if self._workers else 0

    def records(self) -> Iterable[Record]:
        """The whole list in its order, as it stands now."""
        of_lines = {task.line: self._record_of(task) for task in self._url_list.items}
        return [entry for _, entry in sorted({**of_lines, **self._url_list.invalid}.items())]

    def _record_of(self, item: BatchItem) -> Record:
        if item.key in self._done:
            return self._done[item.key]
        known = self._manifest.records.get(item.key)
        if known is None or (known.state is RecordStatus.CAPTURED and not self._manifest.has_file(known)):
            return Record(url=item.url, key=item.key, state=RecordStatus.PENDING)
        return replace(
            known, url=item.url, state=RecordStatus.SKIPPED if known.state is RecordStatus.CAPTURED else known.state
        )

    def _is_due(self, item: BatchItem, *, retry_failed: bool) -> bool:
        known = self._manifest.records.get(item.key)
        if known is None:
            return True
        return retry_failed if known.state is RecordStatus.FAILED else not self._manifest.has_file(known)

    def _save(self, outcome: Outcome) -> Record:
        """Write the picture, whole or not at all, and only then say so."""
        task, result = outcome.item, outcome.result
        if isinstance(result, TintypeError):
            entry = failed_record(task.url, result, key=task.key, seconds=outcome.seconds)
        else:
            known = self._manifest.records.get(task.key)
            stem, extension = task.request.capture_request.shot.url, result.thumbnail.extension
            name = known.file if known and known.file else self._namer.name_for(stem, task.key, extension)
            write_atomically(self._manifest.folder / name, result.thumbnail.body)
            entry = captured_record(task.url, result, key=task.key, file=name, seconds=outcome.seconds)
        self._manifest.add(entry)
        return entry


def write_atomically(path: Path, body: bytes) -> None:
    """Write a file so that whoever looks sees all of it or what was there before; raises OSError."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(body)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
