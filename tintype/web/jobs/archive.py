"""The archive of a job: a ZIP file of its stored thumbnails, streamed in constant memory."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import RawIOBase
from typing import IO, Any, cast
from urllib.parse import urlsplit

from flask import Request, Response, render_template, stream_with_context

from tintype.errors import NotFound, TintypeError
from tintype.jobs.model import Job, JobPage
from tintype.jobs.service import JobService
from tintype.model import OpenObject
from tintype.service import ThumbnailService
from tintype.web.client_address import ProxyTrust
from tintype.web.client_limit import ClientLimit

MAX_ARCHIVES, MAX_ARCHIVES_PER_CLIENT = 4, 2
"""Archives that one worker process sends at a time, in all and to one client: each holds a thread."""
_BATCH = 200
"""Pages read from the store at a time."""
_PIECE = 64 << 10
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_MAX_SLUG = 60


class _Pipe(RawIOBase):
    """A file that can only be written, and whose bytes are taken out."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """True: the only thing it can."""
        return True

    def write(self, data: Any) -> int:
        """Append bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Remove and return what was written since the last call."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


@dataclass(frozen=True, slots=True)
class ArchiveWriter:
    """Writes archives of stored thumbnails."""

    jobs: JobService
    service: ThumbnailService
    proxies: ProxyTrust
    limit: ClientLimit = field(default_factory=lambda: ClientLimit("archives", MAX_ARCHIVES, MAX_ARCHIVES_PER_CLIENT))

    def respond(self, job: Job, request: Request) -> Response:
        """The response; raises NotFound for a job whose thumbnails are not stored, Overloaded and RateLimited."""
        if not job.stores:
            raise NotFound("the thumbnails of this job are only cached; submit a job with store=true for an archive")
        client = self.proxies.client_of(request.environ)
        self.limit.enter(client)
        response = Response(stream_with_context(self._stream(job)), mimetype="application/zip")
        response.call_on_close(lambda: self.limit.leave(client))
        response.headers["Content-Disposition"] = f'attachment; filename="{job.id}.zip"'
        response.headers["Cache-Control"] = "no-store"
        return response

    def _stream(self, job: Job) -> Iterator[bytes]:
        pipe, entries = _Pipe(), []
        with zipfile.ZipFile(cast("IO[bytes]", pipe), "w", zipfile.ZIP_STORED) as archive:
            for page in self._pages(job):
                name = ""
                if stored := self._open(page):
                    name = f"{page.number:05d}-{_slug(page.url)}.{stored.key.rpartition('.')[2]}"
                    yield from _write_file(archive, pipe, name, stored)
                entries.append(_entry(page, name))
            archive.writestr(_info("index.json"), json.dumps({"job": job.id, "pages": entries}, indent=1))
            archive.writestr(_info("index.html"), render_template("job_archive.html", job=job, pages=entries))
        yield pipe.take()

    def _pages(self, job: Job) -> Iterator[JobPage]:
        last = 0
        while pages := self.jobs.pages(job, after=last, limit=_BATCH, status=None):
            yield from pages
            last = pages[-1].number

    def _open(self, page: JobPage) -> OpenObject | None:
        """The stored thumbnail of a page; None if it has none, or if it was deleted or cannot be read now."""
        if not page.result or not page.result.key:
            return None
        try:
            return self.service.open_stored(page.result.key)
        except TintypeError:
            return None


def _write_file(archive: zipfile.ZipFile, pipe: _Pipe, name: str, stored: OpenObject) -> Iterator[bytes]:
    with stored.file, archive.open(_info(name), "w") as target:
        stored.file.seek(0)
        while piece := stored.file.read(_PIECE):
            target.write(piece)
            yield pipe.take()
    yield pipe.take()


def _entry(page: JobPage, file: str) -> dict[str, object]:
    """A page in ``index.json``; the file is empty if the archive holds no picture of it."""
    result = page.result
    return {
        "number": page.number,
        "url": page.url,
        "status": page.status,
        "file": file,
        "verdict": result.verdict if result else "",
        "error": result.error if result else "",
        "detail": result.detail if result else "",
        "width": result.width if result else 0,
        "height": result.height if result else 0,
    }


def _info(name: str) -> zipfile.ZipInfo:
    now = datetime.now(UTC)
    return zipfile.ZipInfo(name, date_time=(now.year, now.month, now.day, now.hour, now.minute, now.second))


def _slug(url: str) -> str:
    """A part of a file name from host and path; it contains no separator of folders."""
    parts = urlsplit(url)
    return _UNSAFE.sub("-", f"{parts.hostname or ''}{parts.path}").strip("-")[:_MAX_SLUG].strip("-") or "page"
