"""Targets as people type them on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from tintype.errors import TargetDenied
from tintype.network.egress import parse_address
from tintype.urls import endpoint_of, with_scheme


def complete_target(text: str) -> str:
    """Put ``https://`` before a target without a scheme, and print a note about it."""
    completed = with_scheme(text)
    if completed != text:
        click.echo(f"Note: {text.strip()[:200]} has no scheme; using {completed[:208]}", err=True)
    return completed


@contextmanager
def explained_denial(url: str | None) -> Iterator[None]:
    """Name the setting that permits a target, when it is denied: on the command line, the operator reads the error."""
    try:
        yield
    except TargetDenied as error:
        if error.detail != TargetDenied.default_detail or url is None:
            raise
        raise TargetDenied(f"only public addresses are captured; {_permission(url)}") from error


def _permission(url: str) -> str:
    host, port = endpoint_of(url)
    address = parse_address(host)
    if address is None:
        return f"to permit {host}, add its address with the port {port} to TINTYPE_ALLOW_ADDRESSES"
    rule = f"[{host}]:{port}" if address.version == 6 else f"{host}:{port}"  # noqa: PLR2004 - IPv6
    return f"to permit this one, set TINTYPE_ALLOW_ADDRESSES={rule}"
