"""Captures of ``tintype shot``: of a target, or of an HTML file together with what lies beside it."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import click

from tintype import application
from tintype.commands.file_server import MAX_FILE, FileServer
from tintype.model import ThumbnailResult
from tintype.service.purge import Selector, SelectorKind
from tintype.settings import Settings
from tintype.urls import host_of

MAX_LISTED = 20
"""Files on stderr that could not be loaded; the others are counted."""
_IDLE_TIMEOUT = 1.0
"""Seconds after which the capture daemon of one HTML file exits."""
_STDIN = "stdin"
"""Name of a page that has no file."""


def has_folder(settings: Settings, html: BinaryIO, base_dir: Path | None) -> bool:
    """Whether the page can load files: it has a folder, and the local Chromium captures it."""
    is_file = not _is_stdin(html) and stat.S_ISREG(os.fstat(html.fileno()).st_mode)
    if not (is_file or base_dir):
        return False
    if "chromium" not in settings.engines:
        click.echo(
            "Only the local browser loads files beside an HTML file; TINTYPE_ENGINE has another engine.", err=True
        )
        return False
    return True


def capture(
    settings: Settings, html: BinaryIO, base_dir: Path | None, options: list[tuple[str, Any]]
) -> tuple[str, ThumbnailResult]:
    """Capture an HTML file, and list the files that it could not load; returns the file's name without its suffix."""
    folder, name = _locate(html, base_dir)
    content = html.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise click.UsageError(f"The HTML file is larger than {MAX_FILE >> 20} MB.")
    with FileServer(folder, name, content) as server:
        try:
            _, result = capture_target(_for_files(settings, server), [("url", server.page_url), *options], keep=False)
        finally:
            _list_failures(server.failures)
    return Path(name).stem, _without_server(result, server)


def capture_target(
    settings: Settings, options: list[tuple[str, Any]], *, keep: bool = True
) -> tuple[str, ThumbnailResult]:
    """Capture a target; returns its host, and the thumbnail. Without ``keep`` the cache forgets it."""
    parts = application.build_application(settings)
    try:
        wanted = parts.request_parser.parse(options)
        shot = wanted.capture_request.shot
        try:
            result = parts.service.get(wanted.capture_request, wanted.freshness, fail_on=wanted.fail_on)
        finally:
            if not keep:
                parts.service.purge(Selector(SelectorKind.URL, shot.url))
    finally:
        parts.close()
    return host_of(shot.url), result


def _locate(html: BinaryIO, base_dir: Path | None) -> tuple[Path, str]:
    """The folder that the page may load from, and the path of the page in it; raises UsageError."""
    if _is_stdin(html):
        return base_dir or Path(), f"{_STDIN}.html"
    file = Path(html.name)
    file = file.parent.resolve() / file.name
    folder = (base_dir or file.parent).resolve()
    if not file.is_relative_to(folder):
        raise click.UsageError("--base-dir must be a folder that contains the HTML file.")
    return folder, file.relative_to(folder).as_posix()


def _is_stdin(html: BinaryIO) -> bool:
    return getattr(html, "name", "<stdin>") == "<stdin>"


def _for_files(settings: Settings, server: FileServer) -> Settings:
    """Settings of a capture daemon that connects to this server, and to no other address beside the operator's."""
    allowed = (*settings.allow_hosts, "127.0.0.1") if settings.allow_hosts else ()
    changes = {
        "engine": "chromium",
        "allow_addresses": (*settings.allow_addresses, server.address),
        "allow_hosts": allowed,
        "daemon_idle_timeout": min(settings.daemon_idle_timeout, _IDLE_TIMEOUT),
    }
    return settings.model_copy(update=changes)


def _without_server(result: ThumbnailResult, server: FileServer) -> ThumbnailResult:
    """The result with paths in place of the server's URLs, which lead nowhere when the command has ended."""
    thumbnail, base = result.thumbnail, server.base_url
    body = thumbnail.body.replace(base.encode(), b"") if thumbnail.mime == "application/json" else thumbnail.body
    return replace(result, thumbnail=replace(thumbnail, body=body, final_url=thumbnail.final_url.removeprefix(base)))


def _list_failures(failures: dict[str, str]) -> None:
    for name, reason in [*failures.items()][:MAX_LISTED]:
        click.echo(f"Not loaded: {name} {reason}.", err=True)
    if len(failures) > MAX_LISTED:
        click.echo(f"Not loaded: {len(failures) - MAX_LISTED} more files.", err=True)
