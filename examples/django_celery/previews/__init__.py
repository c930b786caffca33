"""Previews of pages; importing the package makes the Celery application the current one."""

from __future__ import annotations

from previews.celery import app as celery_app

__all__ = ["celery_app"]
