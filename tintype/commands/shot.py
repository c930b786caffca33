"""``tintype shot``: one picture into a file, without a server. Its flags are the options of the service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

import click
from rich.console import Console

from tintype import application, logs
from tintype.commands.flags import given_options, option_flags
from tintype.model import ThumbnailResult, Verdict
from tintype.service.policy import raise_for_verdict
from tintype.settings import Settings
from tintype.urls import host_of

_EXCLUDED = ("url", "html", "on_error", "placeholder")
_FORMAT_BY_SUFFIX = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".avif": "avif",
    ".pdf": "pdf",
    ".json": "json",
}


def _shot(url: str | None, output: str, html: BinaryIO | None, *, verbose: bool, **_: Any) -> None:
    """Photograph URL, or the page in an HTML file, into a file.

    The file is named for the host of the page unless -o says otherwise; - is standard output. A name that ends in
    .png, .jpg, .webp, .avif, .pdf or .json chooses the format.
    """
    settings = Settings.load()
    logs.configure(settings.log_level if verbose else "error", settings.log_format)
    parts = application.build_application(settings)
    try:
        wanted = parts.request_parser.parse([*_page_options(url, html), *_given_options(output)])
        begin = perf_counter()
        with _spinner(url or "a page of your own"):
            answer = parts.service.get(wanted.capture_request, wanted.freshness)
        raise_for_verdict(answer.thumbnail, wanted.fail_on)
        spent = perf_counter() - begin
    finally:
        parts.close()
    path = _write(answer, output or f"{host_of(wanted.capture_request.shot.url)}.{answer.thumbnail.extension}")
    click.echo(_summary(answer, path, spent), err=True)


def _page_options(url: str | None, html: BinaryIO | None) -> Iterator[tuple[str, Any]]:
    """What to photograph; raises UsageError when nothing is named."""
    if url is None and html is None:
        raise click.UsageError("Missing argument 'URL', or --html FILE.")
    if url is not None:
        yield "url", url
    if html is not None:
        yield "html", html.read().decode("utf-8", "replace")


def _given_options(output: str) -> Iterator[tuple[str, Any]]:
    """The options that were really written, and the format that the file name implies."""
    yield from given_options(_EXCLUDED)
    implied = _FORMAT_BY_SUFFIX.get(Path(output).suffix.lower())
    if implied and click.get_current_context().params["format"] is None:
        yield "format", implied


@contextmanager
def _spinner(label: str) -> Iterator[None]:
    """Something that moves, for who waits at a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"Photographing {label[:80]} …"):
        yield


def _write(result: ThumbnailResult, output: str) -> str:
    if output == "-":
        sys.stdout.buffer.write(result.thumbnail.body)
        sys.stdout.buffer.flush()
        return "standard output"
    try:
        Path(output).write_bytes(result.thumbnail.body)
    except OSError as error:
        raise click.FileError(output, error.strerror) from error
    return output


def _summary(result: ThumbnailResult, path: str, seconds: float) -> str:
    picture = result.thumbnail
    remarks = [
        str(result.cache),
        f"{seconds:.2f} s",
        *([f"the page answered {picture.status}"] if picture.status >= 400 else []),  # noqa: PLR2004 - HTTP
        *([f"verdict {picture.verdict}"] if picture.verdict is not Verdict.OK else []),
        *(["taken before the page was done"] if picture.partial else []),
        *(["cut at the height limit"] if picture.truncated else []),
    ]
    size = f"{picture.width} × {picture.height} {picture.mime.partition('/')[2]}, {len(picture.body):,} bytes"
    return f"{path}: {size} ({', '.join(remarks)})"


command = click.Command(
    "shot",
    callback=_shot,
    params=[
        click.Argument(["url"], required=False),
        click.Option(
            ["--html"], type=click.File("rb"), metavar="FILE", help="Photograph this page; - is standard input."
        ),
        click.Option(["-o", "--output"], default="", metavar="FILE", help="Where to; - is standard output."),
        *option_flags(_EXCLUDED),
        click.Option(["-v", "--verbose"], is_flag=True, help="Log what happens."),
    ],
    help=_shot.__doc__,
)
