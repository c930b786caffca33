"""``tintype stored``: lists, removes and prunes what ``/persist`` stored, on disk and in S3."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import click

from tintype import application, logs
from tintype.commands import ExitCode
from tintype.commands.data_folders import require_stored_objects, without_new_folder
from tintype.commands.help_page import DocumentedCommand, SuggestingGroup
from tintype.commands.targets import complete_target
from tintype.model import STORED_PREFIX, StoredEntry, is_storage_key
from tintype.service.stored_objects import MAX_LIMIT, StoredFilter, StoredObjects, StoredRemoval
from tintype.service.stored_query import parse_conditions
from tintype.settings import Settings
from tintype.settings.types import DURATION, parse_duration
from tintype.urls import TargetPolicy

_CONDITIONS = (
    click.option("--url", help="Only captures of this URL."),
    click.option("--host", help="Only captures of this host; *.example.com: all hosts below it."),
    click.option("--prefix", help="Only keys with this beginning; thumbs/: all."),
    click.option("--before", help="Only objects stored before this date or time (UTC)."),
    click.option("--older-than", help="Only objects of at least this age, such as 90d."),
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Print what would be deleted, and delete nothing.")


def _with_conditions(function: Callable[..., None]) -> Callable[..., None]:
    return reduce(lambda decorated, add: add(decorated), reversed(_CONDITIONS), function)


_EXIT_CODES = (ExitCode.FAILURE, ExitCode.USAGE_ERROR, ExitCode.SERVICE_ERROR)


@click.group("stored", cls=SuggestingGroup)
def command() -> None:
    """List and delete stored objects, on disk or in S3.

    The objects are those of the service in this folder: in S3_BUCKET, in TINTYPE_STORAGE_DIR, or in the data folder.
    """


@command.command(
    "ls",
    cls=DocumentedCommand,
    examples=("tintype stored ls --host example.com", "tintype stored ls --older-than 90d --json"),
    exit_codes=_EXIT_CODES,
)
@_with_conditions
@click.option("--limit", type=click.IntRange(1), help="Stop after so many objects.")
@_JSON
def list_command(*, limit: int | None, as_json: bool, **conditions: str | None) -> None:
    """List stored objects: time, size, type, verdict, key and target.

    An object whose metadata is missing or damaged is listed with that word in place of its target.
    """
    with _opened() as (stored, policy, _):
        query, size, count, unknown = _filter(conditions, policy), 0, 0, 0
        for entries, unknown_targets in _pages(stored, query):
            unknown += unknown_targets
            for entry in entries if limit is None else entries[: limit - count]:
                count, size = count + 1, size + entry.file.size
                click.echo(_json_line(entry) if as_json else _line(entry))
            if count == limit:
                break
        click.echo(f"{_objects(count, size)} in {stored.storage_name}.", err=True)
        _warn_unknown(query, unknown)


@command.command(
    "rm",
    cls=DocumentedCommand,
    examples=("tintype stored rm --host example.com --dry-run", "tintype stored rm --url https://example.com/pricing"),
    exit_codes=_EXIT_CODES,
)
@click.argument("keys", nargs=-1)
@_with_conditions
@_DRY_RUN
@_JSON
def remove_command(*, keys: tuple[str, ...], dry_run: bool, as_json: bool, **conditions: str | None) -> None:
    """Delete stored objects by KEY or URL of the object, or by conditions, which must all hold.

    Cached thumbnails of the same pages are purged, if the cache is Redis or in the data folder of this machine. Copies
    in CDNs and browsers stay: purge the CDN too.
    """
    if bool(keys) == any(conditions.values()):
        raise click.UsageError("Choose what to delete: name keys, or give conditions such as --host.")
    with _opened() as (stored, policy, _):
        if keys:
            _report_removal(stored, _remove_keys(stored, keys, dry_run), dry_run, as_json)
        else:
            _remove_matching(stored, _filter(conditions, policy), dry_run, as_json)


@command.command(
    "prune",
    cls=DocumentedCommand,
    examples=("tintype stored prune --older-than 90d --dry-run",),
    exit_codes=_EXIT_CODES,
)
@click.option("--older-than", help="Age from which objects are deleted. [TINTYPE_STORED_RETENTION]")
@_DRY_RUN
@_JSON
def prune_command(*, older_than: str | None, dry_run: bool, as_json: bool) -> None:
    """Delete stored objects that are older than the retention.

    A running service does the same every hour if TINTYPE_STORED_RETENTION is set.
    """
    with _opened() as (stored, _, settings):
        age = _age(older_than) if older_than else settings.stored_retention
        if not age:
            raise click.UsageError("Set TINTYPE_STORED_RETENTION, or pass --older-than.")
        _remove_matching(stored, StoredFilter(before=time.time() - age), dry_run, as_json)


@contextmanager
def _opened() -> Iterator[tuple[StoredObjects, TargetPolicy, Settings]]:
    settings = Settings.load()
    require_stored_objects(settings)
    logs.configure("warning", settings.log_format)
    with without_new_folder(settings) as opened:
        parts = application.build_application(opened)
        try:
            yield parts.service.stored, parts.request_parser.target_policy, settings
        finally:
            parts.close()


def _filter(conditions: dict[str, str | None], policy: TargetPolicy) -> StoredFilter:
    texts = {name: text for name, text in conditions.items() if text}
    age = texts.pop("older_than", "")
    if "url" in texts:
        texts["url"] = complete_target(texts["url"])
    if age and "before" in texts:
        raise click.UsageError("Pass --before or --older-than, not both.")
    if age:
        texts["before"] = f"{time.time() - _age(age):.6f}"
    return parse_conditions(texts, policy)


def _age(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError:
        raise click.UsageError(f"--older-than must be {DURATION}.") from None


def _pages(stored: StoredObjects, query: StoredFilter) -> Iterator[tuple[tuple[StoredEntry, ...], int]]:
    after = None
    while after is None or after:
        page = stored.page(query, after or "", MAX_LIMIT)
        yield page.entries, page.unknown_targets
        after = page.next


def _remove_keys(stored: StoredObjects, keys: tuple[str, ...], dry_run: bool) -> StoredRemoval:
    """Delete by key; the URL of an object contains its key. Reports each key that does not exist as failed."""
    entries: list[StoredEntry] = []
    failed: list[str] = []
    versions = False
    for text in keys:
        key = text[max(0, text.rfind(STORED_PREFIX)) :]
        found = stored.find(key) if is_storage_key(key) else None
        if found is None:
            click.echo(f"{text}: is not stored", err=True)
            failed.append(text)
        elif dry_run:
            entries.append(found)
        elif removed := stored.delete(key):
            entries += removed.entries
            failed += removed.failed
            versions |= removed.old_versions_kept
    return StoredRemoval(entries=tuple(entries), failed=tuple(failed), old_versions_kept=versions)


def _remove_matching(stored: StoredObjects, query: StoredFilter, dry_run: bool, as_json: bool) -> None:
    entries: list[StoredEntry] = []
    failed: list[str] = []
    after, unknown, versions = "", 0, False
    while True:
        removed = stored.delete_matching(query, after, MAX_LIMIT, dry_run=dry_run)
        unknown, entries, failed = (
            unknown + removed.unknown_targets,
            [*entries, *removed.entries],
            [*failed, *removed.failed],
        )
        versions |= removed.old_versions_kept
        after = removed.next
        if not after:
            break
    total = StoredRemoval(entries=tuple(entries), failed=tuple(failed), old_versions_kept=versions)
    _warn_unknown(query, unknown)
    _report_removal(stored, total, dry_run, as_json)


def _report_removal(stored: StoredObjects, removed: StoredRemoval, dry_run: bool, as_json: bool) -> None:
    for entry in removed.entries:
        click.echo(_json_line(entry) if as_json else entry.file.key)
    verb = "Would delete" if dry_run else "Deleted"
    click.echo(f"{verb} {_objects(len(removed.entries), removed.size)} from {stored.storage_name}.", err=True)
    if removed.old_versions_kept:
        click.echo("The bucket keeps old versions: a lifecycle rule must remove them.", err=True)
    if removed.failed:
        click.echo(f"{len(removed.failed)} not deleted.", err=True)
        click.get_current_context().exit(ExitCode.FAILURE)


def _warn_unknown(query: StoredFilter, unknown: int) -> None:
    if unknown and query.needs_target:
        click.echo(f"{unknown} objects have no readable target and were not compared.", err=True)


def _objects(count: int, size: int) -> str:
    return f"{count:,} {'object' if count == 1 else 'objects'} ({size:,} bytes)"


def _line(entry: StoredEntry) -> str:
    file = entry.file
    target = entry.target or ("-" if entry.metadata == "ok" else f"metadata {entry.metadata}")
    verdict = entry.meta.get("verdict", "-")
    return f"{_time(file.stored_at)}  {file.size:>10}  {file.mime:<15}  {verdict:<9}  {file.key}  {target}"


def _json_line(entry: StoredEntry) -> str:
    file = entry.file
    members: dict[str, Any] = {
        "key": file.key,
        "target": entry.target or None,
        "bytes": file.size,
        "content_type": file.mime,
        "stored_at": _time(file.stored_at),
        "verdict": entry.meta.get("verdict"),
        "metadata": entry.metadata,
    }
    return json.dumps(members, ensure_ascii=False)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
