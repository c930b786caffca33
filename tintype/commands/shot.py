"""``tintype shot``: captures one page into a file, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

import click
from rich.console import Console

from tintype import logs
from tintype.commands import ExitCode, html_file
from tintype.commands.data_folders import with_user_cache
from tintype.commands.flags import given_options, option_flags
from tintype.commands.help_page import DocumentedCommand
from tintype.commands.html_charset import decode_html
from tintype.commands.output_file import OutputFile
from tintype.commands.targets import complete_target, explained_denial
from tintype.model import ThumbnailResult, Truncation, Verdict
from tintype.options import INLINE_HTML_URL, MAX_PIXELS
from tintype.settings import Settings
from tintype.urls import host_of

_EXCLUDED = ("url", "html", "on_error", "placeholder")


def _shot(
    url: str | None, output: str, html: BinaryIO | None, base_dir: Path | None, *, verbose: bool, **flags: Any
) -> None:
    """Capture a URL or an HTML file into a file.

    URL may be written without https://. A target inside your network needs TINTYPE_ALLOW_ADDRESSES. An HTML file can
    load what lies in its folder and below. Files that it could not load are listed on stderr; the exit status is 0
    nevertheless.

    The default file name is the host of the page, or the name of the HTML file. The ending of -o selects the format:
    .png, .jpg, .webp, .avif, .pdf or .json. The cache is in ~/.cache/tintype unless TINTYPE_DATA_DIR is set.
    """
    target = list(_target_options(url, html))
    destination = OutputFile.parse(output, flags["format"])
    settings = with_user_cache(Settings.load())
    logs.configure(settings.log_level if verbose else "error", settings.log_format)
    options = [*given_options(_EXCLUDED), *destination.format_option()]
    start = perf_counter()
    with explained_denial(dict(target).get("url")), _spinner(url or "the HTML file"):
        if url is None and html is not None and html_file.has_folder(settings, html, base_dir):
            name, result = html_file.capture(settings, html, base_dir, options)
        else:
            name, result = html_file.capture_target(settings, [*target, *_inline_html(html), *options])
    seconds = perf_counter() - start
    if name == host_of(INLINE_HTML_URL):
        name = "page"
    path = destination.write(result.thumbnail.body, name, result.thumbnail.extension)
    click.echo(_summary(result, path, seconds), err=True)


def _target_options(url: str | None, html: BinaryIO | None) -> Iterator[tuple[str, Any]]:
    """The URL of the target; raises UsageError if there is neither a URL nor an HTML file."""
    if url is None and html is None:
        raise click.UsageError("Missing target: pass a URL or --html FILE.", click.get_current_context())
    if url is not None:
        if "://" not in url and Path(url).is_file():
            raise click.UsageError(f"{url} is a file, not a URL; pass --html {url}", click.get_current_context())
        yield "url", complete_target(url)


def _inline_html(html: BinaryIO | None) -> Iterator[tuple[str, Any]]:
    if html is not None:
        yield "html", decode_html(html.read())


@contextmanager
def _spinner(label: str) -> Iterator[None]:
    """Show a spinner if stderr is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"Capturing {label[:80]} …"):
        yield


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


command = DocumentedCommand(
    "shot",
    callback=_shot,
    params=[
        click.Argument(["url"], required=False),
        click.Option(["-o", "--output"], default="", metavar="FILE", help="Output file or folder; - for stdout."),
        click.Option(["--html"], type=click.File("rb"), metavar="FILE", help="Capture this HTML file; - for stdin."),
        click.Option(
            ["--base-dir"],
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            metavar="FOLDER",
            help="Folder whose files the HTML file may load; default: its own folder, none for stdin.",
        ),
        click.Option(["-v", "--verbose"], is_flag=True, help="Write log lines to stderr."),
        *option_flags(_EXCLUDED),
    ],
    help=_shot.__doc__,
    examples=(
        "tintype shot example.com",
        "tintype shot https://example.com/pricing -o pricing.webp --thumb-width 640",
        "tintype shot https://example.com -o page.pdf --paper letter",
        "tintype shot https://example.com -o phone.png --device iphone-15 --full-page --dark-mode",
        "tintype shot https://example.com --selector '#chart' --wait-for '#chart svg' -o chart.png",
        "tintype shot --html page.html -o - > page.png",
        "TINTYPE_ALLOW_ADDRESSES=127.0.0.1:3000 tintype shot http://127.0.0.1:3000/ -o local.png",
    ),
    exit_codes=(
        ExitCode.FAILURE,
        ExitCode.USAGE_ERROR,
        ExitCode.TARGET_ERROR,
        ExitCode.SERVICE_ERROR,
        ExitCode.INTERRUPTED,
    ),
)
