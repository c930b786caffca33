"""Batch captures: writes a thumbnail of each URL of a list into a folder, in parallel and resumable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tintype.batch.filenames import FileNamer
from tintype.batch.files import write_atomically
from tintype.batch.manifest import MANIFEST_FILE, Manifest, ManifestLocked
from tintype.batch.record import Record, RecordStatus, captured_record, failed_record
from tintype.batch.url_list import BatchItem, Entry, ListError, UrlList, parse_entries, text_entries
from tintype.batch.workers import CaptureCallable, Outcome, WorkerPool
from tintype.errors import BackendUnavailable, TintypeError

__all__ = [
    "MANIFEST_FILE",
    "Batch",
    "BatchItem",
    "Entry",
    "ListError",
    "Manifest",
    "ManifestLocked",
    "Record",
    "RecordStatus",
    "UrlList",
    "parse_entries",
    "text_entries",
]


class Batch:
    """One run over a URL list.

    ``force`` also captures pages that already have a file, ``retry_failed`` pages that failed in an earlier run.
    """

    def __init__(
        self, url_list: UrlList, manifest: Manifest, *, force: bool = False, retry_failed: bool = False
    ) -> None:
        self._url_list, self._manifest = url_list, manifest
        self._outputs = {item.output.casefold() for item in url_list.items if item.output}
        recorded = (record.file for record in manifest.records.values())
        self._namer = FileNamer(manifest.folder, (*recorded, *self._outputs))
        self.pending = tuple(item for item in url_list.items if force or self._is_due(item, retry_failed=retry_failed))
        self._done: dict[str, Record] = {}
        self._workers: WorkerPool | None = None
        self.fatal_error: TintypeError | None = None
        """The failure of a backend that ended the run; no page can be captured without that backend."""

    def run(self, capture: CaptureCallable, size: int) -> Iterator[Record]:
        """Capture the pending items, ``size`` at a time; yields records in order of completion. Raises OSError."""
        self._workers = WorkerPool(self.pending, capture, size)
        for outcome in self._workers:
            if isinstance(outcome.result, BackendUnavailable):
                self.fatal_error = outcome.result
                self.stop()
                continue
            record = self._save(outcome)
            self._done[outcome.item.key] = record
            yield record

    def stop(self) -> int:
        """Start no further captures; returns the number in progress."""
        return self._workers.stop() if self._workers else 0

    def records(self) -> Iterable[Record]:
        """One record for each line of the list, in the order of the list, with the state at this moment."""
        by_line = {item.line: self._record_of(item) for item in self._url_list.items}
        return [record for _, record in sorted({**by_line, **self._url_list.invalid}.items())]

    def _record_of(self, item: BatchItem) -> Record:
        if item.key in self._done:
            return self._done[item.key]
        earlier = self._manifest.records.get(item.key)
        if earlier is None or (earlier.state is RecordStatus.CAPTURED and not self._manifest.has_file(earlier)):
            return Record(url=item.url, key=item.key, state=RecordStatus.PENDING)
        return replace(
            earlier,
            url=item.url,
            state=RecordStatus.SKIPPED if earlier.state is RecordStatus.CAPTURED else earlier.state,
        )

    def _is_due(self, item: BatchItem, *, retry_failed: bool) -> bool:
        earlier = self._manifest.records.get(item.key)
        if earlier is None:
            return True
        return retry_failed if earlier.state is RecordStatus.FAILED else not self._manifest.has_file(earlier)

    def _save(self, outcome: Outcome) -> Record:
        """Write the thumbnail atomically and add its record to the manifest; returns the record for the report.

        A failure of the service is not added, so the next run captures the page. Neither is a failure of a page whose
        thumbnail exists: the folder keeps it.
        """
        item, result = outcome.item, outcome.result
        earlier = self._manifest.records.get(item.key)
        if isinstance(result, TintypeError):
            record = failed_record(item.url, result, key=item.key, seconds=outcome.seconds)
            if record.state is RecordStatus.FAILED and not (earlier and self._manifest.has_file(earlier)):
                self._manifest.add(record)
            return record
        name = self._name_for(item, earlier, result.thumbnail.extension)
        write_atomically(self._manifest.folder / name, result.thumbnail.body)
        record = captured_record(item.url, result, key=item.key, file=name, seconds=outcome.seconds)
        self._manifest.add(record)
        return record

    def _name_for(self, item: BatchItem, earlier: Record | None, extension: str) -> str:
        """The name that the list gives, that of an earlier run, or one made of the URL."""
        if item.output:
            return item.output
        if earlier and earlier.file and earlier.file.casefold() not in self._outputs:
            return earlier.file
        return self._namer.name_for(item.request.capture_request.shot.url, item.key, extension)
