"""Jobs in Redis, shared by all machines; durable as far as Redis writes its append-only file (``appendonly yes``).

Each change is one Lua script, so it happens as a whole or not at all. Times are of the clock of Redis; ``now`` in
``jobs_store.lua`` describes what its corrections do to leases.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import structlog

from tintype import telemetry
from tintype.errors import BackendUnavailable
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
from tintype.model import digest_of
from tintype.state.job_records import (
    EXAMINED_JOBS,
    IDEMPOTENCY_SECONDS,
    LOST,
    MAX_LOST_WORKERS,
    STATES,
    decode_result,
    encode_result,
    encode_sitemap,
    encode_webhook,
    to_job,
)
from tintype.state.redis_client import PREFIX
from tintype.state.redis_scripts import RedisScripts

log = structlog.get_logger("tintype.state")

STAGED_PER_CALL: Final = 500
"""Pages that one command sends; Redis serves no other client while it stores them."""
PAGES_PER_CALL: Final = 500
"""Pages that one command returns."""
EXPIRED_PER_CALL: Final = 20
"""Jobs that one command deletes."""
_SCRIPTS = (
    "stage", "create", "claim", "extend", "finish", "release", "expand", "cancel", "retry", "delete", "expire", "list",
    "pages", "state",
)  # fmt: skip
COLUMNS = (
    "id", "owner", "name", "stores", "created", "started", "ended", "cancelled", "fingerprint",
    "webhook", "sitemap", "queued", "running", "captured", "failed", "dropped",
)  # fmt: skip


class RedisJobs:
    """Job store in Redis; see :class:`~tintype.jobs.model.JobStore`. Tests replace the clocks."""

    def __init__(
        self,
        url: str,
        prefix: str = PREFIX,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._redis = RedisScripts(
            url,
            f"{prefix}:jobs:",
            kind="jobs",
            names=_SCRIPTS,
            shared=("jobs_store", "deliveries_store"),
            clocks=(clock, monotonic),
        )

    def create(self, job: NewJob) -> Job:
        """Store a job with all its pages, or return the one that its idempotency key has created."""
        counts = self._stage_pages(job.id, job.pages)
        key = digest_of(f"{job.owner}\n{job.idempotency_key}".encode()) if job.idempotency_key else ""
        row = self._redis.run(
            "create",
            job.id,
            job.owner,
            job.name,
            int(job.stores),
            job.fingerprint,
            encode_webhook(job.webhook),
            encode_sitemap(job.sitemap),
            key,
            IDEMPOTENCY_SECONDS,
            *counts,
        )
        if row is None:
            raise _lost_pages()
        return _to_job(row)

    def _stage_pages(self, job: str, pages: Sequence[NewPage], prefix: str = "") -> tuple[int, int, int]:
        """Send pages without adding them to the job; returns the numbers of pages, of their fields, and of hosts."""
        options = {text: index for index, text in enumerate(dict.fromkeys(page.options for page in pages))}
        heads: dict[str, int] = {}
        fields: list[tuple[Any, Any]] = [*_records(pages, options, heads)]
        fields += [(f"options:{index}", text) for text, index in options.items()]
        self._stage(job, f"{prefix}pages", fields)
        self._stage(job, f"{prefix}hosts", [(number, host) for host, number in heads.items()])
        return len(pages), len(fields), len(heads)

    def _stage(self, job: str, name: str, pairs: Sequence[tuple[Any, Any]]) -> None:
        for start in range(0, len(pairs), STAGED_PER_CALL):
            chunk = pairs[start : start + STAGED_PER_CALL]
            self._redis.run("stage", job, name, *(word for pair in chunk for word in pair))

    def job(self, job_id: str) -> Job | None:
        """The job."""
        row = self._read("HMGET", f"job:{job_id}", *COLUMNS)
        return None if row[0] is None else _to_job(row)

    def jobs(self, *, owner: str | None, before: str = "", limit: int = 50) -> list[Job]:
        """Jobs of an owner (None: of all), newest first, from the one after the id ``before``."""
        index = "all" if owner is None else f"owner:{owner}"
        return [_to_job(row) for row in self._redis.run("list", index, before, limit)]

    def pages(
        self, job_id: str, *, after: int = 0, limit: int = 100, status: PageStatus | None = None
    ) -> list[JobPage]:
        """Pages of a job by number, from the one after ``after``."""
        state = "" if status is None else STATES.index(status)
        found: list[JobPage] = []
        while len(found) < limit:
            asked = min(limit - len(found), PAGES_PER_CALL)
            rows = self._redis.run("pages", job_id, found[-1].number if found else after, asked, state)
            found += [_to_page(row) for row in rows]
            if len(rows) < asked:
                break
        return found

    def claim(self, limits: ClaimLimits, lease_seconds: float) -> Lease | None:
        """A page to capture now, of the owner with the fewest running pages; None if there is none within limits."""
        token = secrets.token_hex(8)
        lost, row = self._redis.run(
            "claim", limits.total, limits.per_owner, limits.per_host, limits.host_pause, lease_seconds, token,
            MAX_LOST_WORKERS, encode_result(LOST), EXAMINED_JOBS, limits.node,
        )  # fmt: skip
        for job, number, workers, state in lost:
            retried = STATES[int(state)] is PageStatus.QUEUED
            telemetry.count("tintype_job_pages_lost_total")
            log.warning("job_page_lost", job=job.decode(), page=int(number), workers=workers, retried=retried)
        if row is None:
            return None
        job, number, attempt, owner, stores, url, options, retried = row
        return Lease(
            job=job.decode(), number=int(number), token=token, attempt=attempt, owner=owner.decode(),
            stores=stores == b"1", url=url.decode(), options=options.decode(), retried=retried == b"1",
        )  # fmt: skip

    def extend(self, lease: Lease, lease_seconds: float) -> bool:
        """Extend a lease; returns False if it has expired and another worker may have the page."""
        return bool(self._redis.run("extend", *_held(lease), lease_seconds))

    def finish(self, lease: Lease, result: PageResult) -> bool:
        """Store the result of a page; returns False without an effect if the lease is lost."""
        return bool(self._redis.run("finish", *_held(lease), STATES.index(result.status), encode_result(result)))

    def release(self, lease: Lease, seconds: float, result: PageResult) -> bool:
        """Return a page to the queue for a retry after so many seconds; a page of a cancelled job is cancelled."""
        return bool(self._redis.run("release", *_held(lease), seconds, encode_result(result)))

    def expand(self, lease: Lease, pages: Sequence[NewPage], sitemap: Sitemap) -> bool:
        """Replace the only page of a job, its sitemap, by the pages that were found; all or none."""
        counts = self._stage_pages(lease.job, pages, "found-")
        done = self._redis.run("expand", *_held(lease), encode_sitemap(sitemap), *counts)
        if done is None:
            raise _lost_pages()
        return bool(done)

    def retry(self, job_id: str) -> int:
        """Queue the failed and cancelled pages of a job again; returns their number."""
        return int(self._redis.run("retry", job_id))

    def cancel(self, job_id: str) -> int:
        """Cancel the pages that have not begun; returns their number. Running pages end by themselves."""
        return int(self._redis.run("cancel", job_id))

    def delete(self, job_id: str) -> bool:
        """Forget a job and its pages; stored thumbnails stay. The hosts of running pages are free again."""
        return bool(self._redis.run("delete", job_id))

    def expire(self, ended_before: float, limit: int) -> int:
        """Forget at most ``limit`` jobs that ended before a time; returns their number."""
        forgotten = 0
        while forgotten < limit:
            count = self._redis.run("expire", ended_before, min(EXPIRED_PER_CALL, limit - forgotten))
            forgotten += count
            if count < EXPIRED_PER_CALL:
                break
        return forgotten

    def queued(self, owner: str) -> int:
        """Queued pages of an owner."""
        return int(self._read("HGET", "owner-queued", owner) or 0)

    def state(self) -> QueueState:
        """The queue at this moment."""
        queued, running, age, jobs, unclaimed = self._redis.run("state")
        return QueueState(queued, running, float(age), jobs, float(unclaimed))

    def _read(self, command: str, key: str, *words: str | int) -> Any:
        execute = self._redis.client.execute_command
        return self._redis.call(lambda: execute(command, f"{self._redis.prefix}{key}", *words))


def _records(
    pages: Sequence[NewPage], options: dict[str, int], heads: dict[str, int]
) -> Iterator[tuple[str | int, str]]:
    """Number and record of each page, from the last to the first; ``heads`` becomes the first page of each host.

    A record has the number of the next page of its host (0: none), the index of its options, host and URL.
    """
    for number in range(len(pages), 0, -1):
        page = pages[number - 1]
        yield number, f"{heads.get(page.host, 0)} {options[page.options]} {page.host} {page.url}"
        heads[page.host] = number


def _held(lease: Lease) -> tuple[str, int, str]:
    return lease.job, lease.number, lease.token


def _to_job(row: Sequence[bytes]) -> Job:
    return to_job([value.decode() for value in row])


def _to_page(row: Sequence[Any]) -> JobPage:
    number, url, state, attempts, result = row
    return JobPage(
        number=number,
        url=url.decode(),
        status=STATES[int(state)],
        attempts=int(attempts),
        result=decode_result(result),
    )


def _lost_pages() -> BackendUnavailable:
    log.warning("job_store_failed", reason="Redis lost pages of a job while they were sent")
    return _failure()


def _failure() -> BackendUnavailable:
    return BackendUnavailable("the storage of jobs failed; see the log")
