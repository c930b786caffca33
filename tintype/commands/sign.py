"""``tintype sign``: prints a signed thumbnail URL, for use in an ``<img>`` without an API key."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import click

from tintype import application
from tintype.commands.flags import given_options, option_flags
from tintype.errors import ConfigurationError
from tintype.options import Options, format_value, is_body_only
from tintype.settings import Settings
from tintype.settings.types import DURATION, parse_duration
from tintype.signing import EXPIRES, SIGNATURE, UrlSigner

_EXCLUDED = ("url", *(name for name in Options.model_fields if is_body_only(name)))


def _sign(url: str, *, base: str | None, expires: str | None, meta: bool, **_: Any) -> None:
    """Print a signed thumbnail URL.

    URL is the page to capture. The first key of TINTYPE_SIGNING_KEYS signs; the signature covers the target and all
    options. Without --expires the signed URL is valid as long as the key is.
    """
    settings = Settings.load()
    if not settings.signing_keys:
        raise ConfigurationError("TINTYPE_SIGNING_KEYS is not set; use the same value as the service")
    pairs = [("url", url), *((name, format_value(value)) for name, value in given_options(_EXCLUDED))]
    _validate(settings, pairs, meta=meta)
    if expires is not None:
        pairs.append((EXPIRES, str(int(time.time() + _parse_lifetime(expires)))))
    path = "/meta" if meta else "/thumb"
    pairs.append((SIGNATURE, UrlSigner(settings.signing_keys).sign(path, pairs)))
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    click.echo(f"{(settings.public_url if base is None else base).rstrip('/')}{path}?{query}")


def _validate(settings: Settings, pairs: list[tuple[str, str]], *, meta: bool) -> None:
    """Check the options as the service would; raises InvalidRequest or TargetDenied."""
    parts = application.build_application(settings)
    try:
        parts.request_parser.parse([*pairs, *([("format", "json")] if meta else [])], from_body=False)
    finally:
        parts.close()


def _parse_lifetime(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError:
        raise click.BadParameter(f"must be {DURATION}, not {text!r}", param_hint="--expires") from None


command = click.Command(
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
)
