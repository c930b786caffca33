"""The options of the service as flags of a command."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import click
from click.core import ParameterSource

from tintype.options import Options, accepts
from tintype.reference import option_names

_REPEATABLE = {"headers": "\n", "cookies": ";"}
"""Flags that may be given more than once, and what parts their values."""
_FLAG_VALUES = {
    "headers": "'Name: value', may be repeated; other users of this machine can see it in the list of processes",
    "cookies": "name=value, may be repeated; visible as well",
    "basic_auth": "user:password; visible as well",
}
"""What flags accept where that differs from JSON."""


def option_flags(exclude: Collection[str] = ()) -> list[click.Parameter]:
    """A flag for every option but some."""
    return [_flag(name) for name in option_names() if name not in exclude]


def given_options(exclude: Collection[str] = ()) -> Iterator[tuple[str, Any]]:
    """The options that were really written."""
    context = click.get_current_context()
    for name in option_names():
        if name not in exclude and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            yield name, _REPEATABLE[name].join(value) if name in _REPEATABLE else value


def _flag(name: str) -> click.Option:
    """One option of the model as a flag; its value is judged by the model, not by click."""
    field = Options.model_fields[name]
    spelled = name.replace("_", "-")
    if isinstance(field.default, bool):
        return click.Option([f"--{spelled}/--no-{spelled}"], default=None, help=field.description)
    default = "" if field.default in (None, "", ()) else f", default {field.default}"
    meaning = f"{_description(name)} ({_FLAG_VALUES.get(name) or accepts(name)}{default})"
    return click.Option([f"--{spelled}"], metavar="VALUE", multiple=name in _REPEATABLE, help=meaning)


def _description(name: str) -> str:
    return (Options.model_fields[name].description or "").replace("; only in a POST", "")
