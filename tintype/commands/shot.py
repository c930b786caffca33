"""``tintype shot``: captures one page into a file, without a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

import click
from rich.console import Console

from tintype import logs
from tintype.commands import html_file
from tintype.commands.flags import given_options, option_flags
from tintype.commands.html_charset import decode_html
from tintype.model import ThumbnailResult, Truncation, Verdict
from tintype.options import MAX_PIXELS
from tintype.settings import Settings

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


def _shot(
    url: str | None, output: str, html: BinaryIO | None, base_dir: Path | None, *, verbose: bool, **_: Any
) -> None:
    """Capture a URL or an HTML file into a file.

    An HTML file can load what lies in its folder and below. Files that it could not load are listed on stderr; the exit
    status is 0 nevertheless.

    The default file name is the host of the page, or the name of the HTML file. The suffix of -o selects the format:
    .png, .jpg, .webp, .avif, .pdf or .json.
    """
    settings = Settings.load()
    logs.configure(settings.log_level if verbose else "error", settings.log_format)
    options = [*_given_options(output)]
    start = perf_counter()
    with _spinner(url or "the HTML file"):
        if url is None and html is not None and html_file.has_folder(settings, html, base_dir):
            name, result = html_file.capture(settings, html, base_dir, options)
        else:
            name, result = html_file.capture_target(settings, [*_target_options(url, html), *options])
    seconds = perf_counter() - start
    path = _write(result, output or f"{name}.{result.thumbnail.extension}")
    click.echo(_summary(result, path, seconds), err=True)


def _target_options(url: str | None, html: BinaryIO | None) -> Iterator[tuple[str, Any]]:
    """The target options; raises UsageError if there is neither a URL nor an HTML file."""
    if url is None and html is None:
        raise click.UsageError("Missing target: pass a URL or --html FILE.")
    if url is not None:
        yield "url", url
    if html is not None:
        yield "html", decode_html(html.read())


def _given_options(output: str) -> Iterator[tuple[str, Any]]:
    """The options of the command line, and the format implied by the suffix of the output file."""
    yield from given_options(_EXCLUDED)
    implied = _FORMAT_BY_SUFFIX.get(Path(output).suffix.lower())
    if implied and click.get_current_context().params["format"] is None:
        yield "format", implied


@contextmanager
def _spinner(label: str) -> Iterator[None]:
    """Show a spinner if stderr is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"Capturing {label[:80]} …"):
        yield


def _write(result: ThumbnailResult, output: str) -> str:
    if output == "-":
        sys.stdout.buffer.write(result.thumbnail.body)
        sys.stdout.buffer.flush()
        return "stdout"
    try:
        Path(output).write_bytes(result.thumbnail.body)
    except OSError as error:
        raise click.FileError(output, error.strerror) from error
    return output


def _summary(result: ThumbnailResult, path: str, seconds: float) -> str:
    thumbnail = result.thumbnail
    remarks = [
        str(result.cache),
        f"{seconds:.2f} s",
        *([f"HTTP status {thumbnail.status}"] if thumbnail.status >= 400 else []),  # noqa: PLR2004 - HTTP
        *([f"verdict {thumbnail.verdict}"] if thumbnail.verdict is not Verdict.OK else []),
        *(["captured before the page finished loading"] if thumbnail.partial else []),
        *([f"truncated, {_LIMITS[thumbnail.truncated]}"] if thumbnail.truncated else []),
    ]
    size = f"{thumbnail.width} × {thumbnail.height} {thumbnail.mime.partition('/')[2]}, {len(thumbnail.body):,} bytes"
    return f"{path}: {size} ({', '.join(remarks)})"


_LIMITS = {
    Truncation.HEIGHT: "at TINTYPE_MAX_PAGE_HEIGHT",
    Truncation.PIXELS: f"at {MAX_PIXELS // 1_000_000} megapixels: use a smaller scale or width",
    Truncation.WIDTH: "at the greatest width",
    Truncation.SCROLLER: "by the box in which the element scrolls",
    Truncation.SCREENS: "in a list that shows its visible rows only",
    Truncation.FORMAT: "at the longest side of the format: use png",
    Truncation.ENGINE: "by the engine",
}


command = click.Command(
    "shot",
    callback=_shot,
    params=[
        click.Argument(["url"], required=False),
        click.Option(["--html"], type=click.File("rb"), metavar="FILE", help="Capture this HTML file; - for stdin."),
        click.Option(
            ["--base-dir"],
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            metavar="FOLDER",
            help="Folder whose files the HTML file may load; default: its own folder, none for stdin.",
        ),
        click.Option(["-o", "--output"], default="", metavar="FILE", help="Output file; - for stdout."),
        *option_flags(_EXCLUDED),
        click.Option(["-v", "--verbose"], is_flag=True, help="Write log lines to stderr."),
    ],
    help=_shot.__doc__,
)
