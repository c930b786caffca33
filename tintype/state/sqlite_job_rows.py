"""Columns of jobs and pages in SQLite."""

from __future__ import annotations

import sqlite3
from typing import Any

from tintype.jobs.model import JobPage
from tintype.state.job_records import STATES, decode_result

COUNTERS = ("queued", "running", "captured", "failed", "dropped")
"""Columns of ``job`` that count its pages, by state."""
JOB_COLUMNS = (
    "id, owner, name, stores, created, started, ended, cancelled, fingerprint, webhook, sitemap, " + ", ".join(COUNTERS)
)
"""The columns of :func:`~tintype.state.job_records.to_job`."""
PAGE_COLUMNS = "page.number, url, state, attempts, result"


def job_row(database: sqlite3.Connection, job_id: str) -> Any:
    """The row of a job; None if there is none."""
    return database.execute(f"SELECT {JOB_COLUMNS} FROM job WHERE id = ?", (job_id,)).fetchone()


def to_page(row: Any) -> JobPage:
    """The page of a row with :data:`PAGE_COLUMNS`."""
    number, url, state, attempts, result = row
    return JobPage(
        number=number,
        url=url,
        status=STATES[state],
        attempts=attempts,
        result=decode_result(result),
    )
