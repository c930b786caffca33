"""Stores the deliveries for a page or job that ends, in the transaction that ends it."""

from __future__ import annotations

import sqlite3

from tintype.jobs.events import job_delivery, page_delivery
from tintype.jobs.model import ENDED, Job
from tintype.state.job_records import to_job
from tintype.state.sqlite_deliveries import insert
from tintype.state.sqlite_job_rows import JOB_COLUMNS, PAGE_COLUMNS, to_page


def add_page_event(database: sqlite3.Connection, job_number: int, page_number: int, now: float) -> None:
    """Store the delivery for a page that has ended; none if it has not, or if the job has no webhook for it."""
    job = _job(database, job_number)
    if job is None:
        return
    query = f"SELECT {PAGE_COLUMNS} FROM page WHERE job = ? AND number = ?"
    page = to_page(database.execute(query, (job_number, page_number)).fetchone())
    if page.status in ENDED and (delivery := page_delivery(job, page)):
        insert(database, delivery, now)


def add_job_event(database: sqlite3.Connection, job_number: int, now: float) -> None:
    """Store the delivery for a job that has ended; none if it has no webhook for it."""
    if (job := _job(database, job_number)) and (delivery := job_delivery(job)):
        insert(database, delivery, now)


def _job(database: sqlite3.Connection, number: int) -> Job | None:
    """The job if it has a webhook."""
    query = f"SELECT {JOB_COLUMNS} FROM job WHERE number = ? AND webhook != ''"
    row = database.execute(query, (number,)).fetchone()
    return to_job(row) if row else None
