"""``tintype sign``: prints a signed thumbnail URL, for use in an ``<img>`` without an API key."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote, urlsplit

import click

from tintype import application
from tintype.commands import ExitCode
from tintype.commands.flags import given_options, option_flags
from tintype.commands.help_page import DocumentedCommand
from tintype.commands.targets import complete_target
from tintype.errors import ConfigurationError
from tintype.options import Options, format_value, is_body_only
from tintype.settings import Settings
from tintype.settings.types import DURATION, HTTP_URL, MAX_DURATION, parse_duration
from tintype.signing import EXPIRES, SIGNATURE, UrlSigner

_MIN_LIFETIME = 1.0
"""Seconds: a shorter lifetime ends before the URL can be used."""
_EXCLUDED = ("url", *(name for name in Options.model_fields if is_body_only(name)))


def _sign(url: str, *, base: str | None, expires: str | None, meta: bool, **_: Any) -> None:
    """Print a signed thumbnail URL.

    URL is the page to capture; it may be written without https://. The first key of TINTYPE_SIGNING_KEYS signs; the
    signature covers the target and all options. Without --expires the signed URL is valid as long as the key is.
    """
    settings = Settings.load()
    if not settings.signing_keys:
        raise ConfigurationError("TINTYPE_SIGNING_KEYS is not set; use the same value as the service")
    service = _service_url(settings.public_url if base is None else base)
    pairs = [("url", complete_target(url)), *((name, format_value(value)) for name, value in given_options(_EXCLUDED))]
    _validate(settings, pairs, meta=meta)
    if expires is not None:
        pairs.append((EXPIRES, str(int(time.time() + _parse_lifetime(expires)))))
    path = "/meta" if meta else "/thumb"
    pairs.append((SIGNATURE, UrlSigner(settings.signing_keys).sign(path, pairs)))
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    click.echo(f"{service}{path}?{query}")
    if not service:
        click.echo("Note: this is a path; --base URL or TINTYPE_PUBLIC_URL puts the service before it.", err=True)


def _service_url(text: str) -> str:
    """The base URL of the service; raises BadParameter unless it is empty or an http or https URL."""
    parts = urlsplit(text)
    if text and not (parts.scheme in ("http", "https") and parts.hostname):
        raise click.BadParameter(f"must be {HTTP_URL}, not {text[:80]!r}", param_hint="--base")
    return text.rstrip("/")


def _validate(settings: Settings, pairs: list[tuple[str, str]], *, meta: bool) -> None:
    """Check the options as the service would; raises InvalidRequest or TargetDenied."""
    parser = application.request_parser(settings)
    parser.parse([*pairs, *([("format", "json")] if meta else [])], from_body=False)


def _parse_lifetime(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = 0
    if not _MIN_LIFETIME <= seconds <= MAX_DURATION:
        problem = f"must be {DURATION}, from 1s to {MAX_DURATION // 86_400}d, not {text[:80]!r}"
        raise click.BadParameter(problem, param_hint="--expires")
    return seconds


command = DocumentedCommand(
    "sign",
    callback=_sign,
    params=[
        click.Argument(["url"]),
        click.Option(["--base"], metavar="URL", help="Base URL of the service; the default is TINTYPE_PUBLIC_URL."),
        click.Option(["--expires"], metavar="DURATION", help=f"Lifetime of the signed URL: {DURATION}."),
        click.Option(["--meta"], is_flag=True, help="Sign a URL of /meta instead of /thumb."),
        *option_flags(_EXCLUDED),
    ],
    help=_sign.__doc__,
    examples=(
        "tintype sign https://example.com --base https://thumbs.example.org",
        "tintype sign https://example.com --thumb-width 640 --format webp --expires 30d",
    ),
    exit_codes=(ExitCode.USAGE_ERROR, ExitCode.TARGET_ERROR),
)
