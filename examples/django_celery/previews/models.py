"""Previews in the database."""

from __future__ import annotations

from django.db import models


class Preview(models.Model):
    """The thumbnail of a page; ``thumbnail`` is its permanent URL."""

    id = models.BigAutoField(primary_key=True)
    url = models.URLField(max_length=2048)
    status = models.CharField(max_length=10, default="queued")
    thumbnail = models.URLField(max_length=2048, blank=True)
    reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.url
