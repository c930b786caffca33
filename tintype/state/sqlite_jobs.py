"""Jobs in one SQLite file, shared by the processes of one machine.

Times of leases and retries are of the machine's monotonic clock, which no correction of the time of day changes. It
restarts with the machine, and with it every lease ends.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from tintype import telemetry
from tintype.jobs.model import (
    ClaimLimits,
    Job,
    JobPage,
    Lease,
    NewJob,
    NewPage,
    PageResult,
    PageStatus,
    QueueState,
    Sitemap,
)
from tintype.state.job_records import (
    EXAMINED_JOBS,
    IDEMPOTENCY_SECONDS,
    LOST,
    MAX_LOST_WORKERS,
    STATES,
    encode_result,
    encode_sitemap,
    encode_webhook,
    to_job,
)
from tintype.state.sqlite_job_events import add_job_event, add_page_event
from tintype.state.sqlite_job_rows import COUNTERS, JOB_COLUMNS, PAGE_COLUMNS, job_row, to_page
from tintype.state.sqlite_jobs_file import SqliteJobsFile, boot_id

log = structlog.get_logger("tintype.state")

_QUEUED, _CANCELLED = 0, 4
_HAS_WORK = """
SELECT EXISTS (SELECT 1 FROM job WHERE queued > 0) OR EXISTS (SELECT 1 FROM page WHERE state = 1 AND due <= ?)
"""
_RETRY = """
UPDATE page SET state = 0, attempts = 0, lost = 0, due = 0, result = NULL WHERE job = ? AND state IN (3, 4)
"""


class SqliteJobs:
    """Job store in a file; see :class:`~tintype.jobs.model.JobStore`. A damaged file is set aside and logged."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        boot_id: Callable[[], str] = boot_id,
    ) -> None:
        self._file = SqliteJobsFile(path, boot_id)
        self._clock, self._monotonic = clock, monotonic

    def create(self, job: NewJob) -> Job:
        """Store a job with all its pages, or return the one that its idempotency key has created."""
        now = self._clock()
        with self._file.transaction() as database:
            if job.idempotency_key and (existing := self._of_idempotency_key(database, job, now)):
                return existing
            number = database.execute(
                "INSERT INTO job (id, owner, name, stores, created, queued, idempotency_key, fingerprint, webhook,"
                " sitemap) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (job.id, job.owner, job.name, job.stores, now, len(job.pages), job.idempotency_key or None,
                 job.fingerprint, encode_webhook(job.webhook), encode_sitemap(job.sitemap)),
            ).lastrowid  # fmt: skip
            _add_pages(database, number, job.pages)
            return to_job(job_row(database, job.id))

    def _of_idempotency_key(self, database: sqlite3.Connection, job: NewJob, now: float) -> Job | None:
        which = (job.owner, job.idempotency_key)
        database.execute(
            "UPDATE job SET idempotency_key = NULL WHERE owner = ? AND idempotency_key = ? AND created < ?",
            (*which, now - IDEMPOTENCY_SECONDS),
        )
        query = f"SELECT {JOB_COLUMNS} FROM job WHERE owner = ? AND idempotency_key = ?"
        row = database.execute(query, which).fetchone()
        return to_job(row) if row else None

    def job(self, job_id: str) -> Job | None:
        """The job."""
        with self._file.reading() as database:
            row = job_row(database, job_id)
        return to_job(row) if row else None

    def jobs(self, *, owner: str | None, before: str = "", limit: int = 50) -> list[Job]:
        """Jobs of an owner (None: of all), newest first, from the one after the id ``before``."""
        conditions, values = ["1"], []
        if owner is not None:
            conditions.append("owner = ?")
            values.append(owner)
        if before:
            conditions.append("number < (SELECT number FROM job WHERE id = ?)")
            values.append(before)
        query = f"SELECT {JOB_COLUMNS} FROM job WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT {limit:d}"
        with self._file.reading() as database:
            return [to_job(row) for row in database.execute(query, values)]

    def pages(
        self, job_id: str, *, after: int = 0, limit: int = 100, status: PageStatus | None = None
    ) -> list[JobPage]:
        """Pages of a job by number, from the one after ``after``."""
        state = "" if status is None else f"AND state = {STATES.index(status):d}"
        query = f"""
            SELECT {PAGE_COLUMNS} FROM page JOIN job ON job.number = page.job
            WHERE job.id = ? AND page.number > ? {state} ORDER BY page.number LIMIT ?
        """
        with self._file.reading() as database:
            return [to_page(row) for row in database.execute(query, (job_id, after, limit))]

    def claim(self, limits: ClaimLimits, lease_seconds: float) -> Lease | None:
        """A page to capture now, of the owner with the fewest running pages; None if there is none within limits."""
        now = self._monotonic()
        with self._file.reading() as database:
            if not database.execute(_HAS_WORK, (now,)).fetchone()[0]:
                return None
        with self._file.transaction() as database:
            self._return_lost(database, now)
            running = dict(database.execute("SELECT owner, sum(running) FROM job WHERE running > 0 GROUP BY owner"))
            if sum(running.values()) >= limits.total:
                return None
            busy = [name for (name,) in database.execute(
                "SELECT name FROM host WHERE running >= ? OR started > ?",
                (limits.per_host, now - limits.host_pause if limits.host_pause else now),
            )]  # fmt: skip
            owners = database.execute("SELECT owner, min(claimed) FROM job WHERE queued > 0 GROUP BY owner").fetchall()
            for owner, _ in sorted(owners, key=lambda each: (running.get(each[0], 0), each[1])):
                if running.get(owner, 0) >= limits.per_owner:
                    break
                if found := _first_page(database, owner, busy, now):
                    return self._lease(database, found, now, now + lease_seconds)
        return None

    def _return_lost(self, database: sqlite3.Connection, now: float) -> None:
        """Queue the pages of expired leases again, or end those that were lost too often."""
        lost = database.execute(
            "SELECT job, number, host, lost FROM page WHERE state = 1 AND due <= ? LIMIT 1000", (now,)
        ).fetchall()
        database.executemany("UPDATE page SET lost = lost + 1 WHERE job = ? AND number = ?", (row[:2] for row in lost))
        for job, number, host, before in lost:
            failed = before + 1 >= MAX_LOST_WORKERS
            telemetry.count("tintype_job_pages_lost_total")
            log.warning("job_page_lost", page=number, workers=before + 1, retried=not failed)
            _leave(database, (job, number, host), 3 if failed else _QUEUED, now, LOST if failed else None)
            self._end(database, job, number)

    def _lease(self, database: sqlite3.Connection, page: tuple[int, int], now: float, until: float) -> Lease:
        token = secrets.token_hex(8)
        database.execute(
            "UPDATE page SET state = 1, attempts = attempts + 1, due = ?, token = ? WHERE job = ? AND number = ?",
            (until, token, *page),
        )
        row = database.execute(
            "SELECT id, page.number, attempts, owner, stores, url, text, retried, host FROM page JOIN job"
            " ON job.number = page.job JOIN page_options ON page_options.job = page.job"
            " AND page_options.number = page.options WHERE page.job = ? AND page.number = ?",
            page,
        ).fetchone()
        database.execute(
            "UPDATE job SET queued = queued - 1, running = running + 1,"
            " started = CASE started WHEN 0 THEN ? ELSE started END WHERE number = ?",
            (self._clock(), page[0]),
        )
        database.execute(
            "INSERT INTO host VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE SET running = running + 1, started = ?",
            (row[-1], now, now),
        )
        job_id, number, attempts, owner, stores, url, options, retried, _ = row
        return Lease(
            job=job_id, number=number, token=token, attempt=attempts, owner=owner, stores=bool(stores), url=url,
            options=options, retried=bool(retried),
        )  # fmt: skip

    def extend(self, lease: Lease, lease_seconds: float) -> bool:
        """Extend a lease; returns False if it has expired and another worker may have the page."""
        until = self._monotonic() + lease_seconds
        with self._file.transaction() as database:
            change = "UPDATE page SET due = ? WHERE job = (SELECT number FROM job WHERE id = ?) AND number = ?"
            which = (until, lease.job, lease.number, lease.token)
            return database.execute(f"{change} AND state = 1 AND token = ?", which).rowcount == 1

    def finish(self, lease: Lease, result: PageResult) -> bool:
        """Store the result of a page; returns False without an effect if the lease is lost."""
        return self._end_lease(lease, STATES.index(result.status), 0.0, result)

    def release(self, lease: Lease, seconds: float, result: PageResult) -> bool:
        """Return a page to the queue for a retry after so many seconds; the result is kept if there is none."""
        return self._end_lease(lease, _QUEUED, self._monotonic() + seconds, result)

    def _end_lease(self, lease: Lease, state: int, due: float, result: PageResult) -> bool:
        with self._file.transaction() as database:
            held = _held(database, lease)
            if held is None:
                return False
            _leave(database, (held[0], lease.number, held[1]), state, due, result)
            self._end(database, held[0], lease.number)
            return True

    def expand(self, lease: Lease, pages: Sequence[NewPage], sitemap: Sitemap) -> bool:
        """Replace the only page of a job, its sitemap, by the pages that were found; all or none."""
        with self._file.transaction() as database:
            held = _held(database, lease)
            if held is None:
                return False
            job, host = held
            _leave(database, (job, lease.number, host), _QUEUED, 0.0, None)
            self._end(database, job)
            if database.execute("SELECT cancelled FROM job WHERE number = ?", (job,)).fetchone()[0]:
                return True
            database.execute("DELETE FROM page WHERE job = ?", (job,))
            _add_pages(database, job, pages)
            change = "UPDATE job SET queued = ?, sitemap = ? WHERE number = ?"
            database.execute(change, (len(pages), encode_sitemap(sitemap), job))
            return True

    def retry(self, job_id: str) -> int:
        """Queue the failed and cancelled pages of a job again; returns their number."""
        with self._file.transaction() as database:
            number = _job_number(database, job_id)
            count = database.execute(_RETRY, (number,)).rowcount
            if count:
                database.execute(
                    "UPDATE job SET queued = queued + ?, failed = 0, dropped = 0, ended = 0, cancelled = 0, retried = 1"
                    " WHERE number = ?",
                    (count, number),
                )
            return count

    def cancel(self, job_id: str) -> int:
        """Cancel the pages that have not begun; returns their number. Running pages end by themselves."""
        with self._file.transaction() as database:
            number = _job_number(database, job_id)
            count = database.execute("UPDATE page SET state = 4 WHERE job = ? AND state = 0", (number,)).rowcount
            change = "UPDATE job SET queued = 0, dropped = dropped + ?, cancelled = 1 WHERE number = ? AND ended = 0"
            if database.execute(change, (count, number)).rowcount:
                self._end(database, number)
            return count

    def delete(self, job_id: str) -> bool:
        """Forget a job and its pages; stored thumbnails stay. The hosts of running pages are free again."""
        with self._file.transaction() as database:
            number = _job_number(database, job_id)
            running = database.execute("SELECT host FROM page WHERE job = ? AND state = 1", (number,)).fetchall()
            database.executemany("UPDATE host SET running = max(0, running - 1) WHERE name = ?", running)
            return database.execute("DELETE FROM job WHERE number = ?", (number,)).rowcount == 1

    def expire(self, ended_before: float, limit: int) -> int:
        """Forget at most ``limit`` jobs that ended before a time; returns their number."""
        with self._file.transaction() as database:
            old = "SELECT number FROM job WHERE ended > 0 AND ended < ? ORDER BY ended LIMIT ?"
            database.execute("DELETE FROM host WHERE running = 0 AND started < ?", (self._monotonic() - 3600,))
            return database.execute(f"DELETE FROM job WHERE number IN ({old})", (ended_before, limit)).rowcount

    def queued(self, owner: str) -> int:
        """Queued pages of an owner."""
        with self._file.reading() as database:
            query = "SELECT coalesce(sum(queued), 0) FROM job WHERE owner = ? AND queued > 0"
            return int(database.execute(query, (owner,)).fetchone()[0])

    def state(self) -> QueueState:
        """The queue at this moment."""
        with self._file.reading() as database:
            jobs, queued, running, oldest, claimed = database.execute(
                "SELECT count(*), coalesce(sum(queued), 0), coalesce(sum(running), 0),"
                " min(CASE WHEN queued > 0 THEN created END), max(CASE WHEN queued > 0 THEN claimed END)"
                " FROM job WHERE ended = 0"
            ).fetchone()
        age = max(0.0, self._clock() - oldest) if oldest else 0.0
        unclaimed = max(0.0, self._monotonic() - claimed) if claimed else age
        return QueueState(queued, running, age, jobs, min(age, unclaimed))

    def _end(self, database: sqlite3.Connection, job: int, page: int = 0) -> None:
        """Record what has ended with a lease or a cancellation: the page, and the job with its last page."""
        now = self._clock()
        if page:
            add_page_event(database, job, page, now)
        change = "UPDATE job SET ended = ? WHERE number = ? AND queued = 0 AND running = 0 AND ended = 0"
        if database.execute(change, (now, job)).rowcount:
            add_job_event(database, job, now)


def _add_pages(database: sqlite3.Connection, job: int | None, pages: Sequence[NewPage]) -> None:
    options = {text: index for index, text in enumerate(dict.fromkeys(page.options for page in pages))}
    texts = ((job, index, text) for text, index in options.items())
    database.executemany("INSERT OR REPLACE INTO page_options (job, number, text) VALUES (?, ?, ?)", texts)
    rows = ((job, number, page.host, page.url, options[page.options]) for number, page in enumerate(pages, 1))
    database.executemany("INSERT INTO page (job, number, host, url, options) VALUES (?, ?, ?, ?, ?)", rows)


def _held(database: sqlite3.Connection, lease: Lease) -> tuple[int, str] | None:
    """Number of the job, and host of the page, of a lease that is held; None if it is lost."""
    held: tuple[int, str] | None = database.execute(
        "SELECT page.job, host FROM page JOIN job ON job.number = page.job"
        " WHERE job.id = ? AND page.number = ? AND state = 1 AND token = ?",
        (lease.job, lease.number, lease.token),
    ).fetchone()
    return held


def _first_page(database: sqlite3.Connection, owner: str, busy: list[str], now: float) -> tuple[int, int] | None:
    """The first page that may begin, of the owner's job that was examined least recently."""
    open_jobs = "SELECT number FROM job WHERE owner = ? AND queued > 0 ORDER BY claimed, number LIMIT ?"
    marks = ", ".join("?" * len(busy))
    query = f"SELECT number FROM page WHERE job = ? AND state = 0 AND due <= ? AND host NOT IN ({marks})"
    for (job,) in database.execute(open_jobs, (owner, EXAMINED_JOBS)).fetchall():
        database.execute("UPDATE job SET claimed = ? WHERE number = ?", (now, job))
        if row := database.execute(f"{query} ORDER BY number LIMIT 1", (job, now, *busy)).fetchone():
            return job, row[0]
    return None


def _leave(
    database: sqlite3.Connection, page: tuple[int, int, str], state: int, due: float, result: PageResult | None
) -> None:
    """End the lease of a page (job, number, host) with its new state; a cancelled job queues no page again."""
    job, number, host = page
    if state == _QUEUED and database.execute("SELECT cancelled FROM job WHERE number = ?", (job,)).fetchone()[0]:
        state = _CANCELLED
    text = encode_result(result) if result else None
    database.execute(
        "UPDATE page SET state = ?, due = ?, token = NULL, result = ? WHERE job = ? AND number = ?",
        (state, due, text, job, number),
    )
    counter = COUNTERS[state]
    database.execute(f"UPDATE job SET running = running - 1, {counter} = {counter} + 1 WHERE number = ?", (job,))
    database.execute("UPDATE host SET running = max(0, running - 1) WHERE name = ?", (host,))


def _job_number(database: sqlite3.Connection, job_id: str) -> int:
    row = database.execute("SELECT number FROM job WHERE id = ?", (job_id,)).fetchone()
    return row[0] if row else 0
