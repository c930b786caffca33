"""Command-line flags made from the capture options."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import click
from click.core import ParameterSource

from tintype.commands.help_page import SectionedOption
from tintype.options import Credentials, Options, accepts, format_value, option_names, sections

_REPEATABLE = {"headers": "\n", "cookies": ";"}
"""Repeatable flags, and the separator that joins their values."""
_FLAG_VALUES = {
    "headers": "'Name: value', repeatable; visible to other users in the process list",
    "cookies": "name=value, repeatable; visible in the process list",
    "basic_auth": "user:password; visible in the process list",
}
"""Accepted values of flags whose notation differs from JSON."""
SECTIONS: dict[str, tuple[str, ...]] = {
    **sections.SECTIONS,
    "Credentials for the page": tuple(Credentials.model_fields),
    sections.CACHE_AND_ERRORS: ("fresh", "ttl", "tag", "fail_on", "on_error", "placeholder"),
}
"""Sections of the help page, and their options."""


def option_flags(exclude: Collection[str] = ()) -> list[click.Parameter]:
    """One flag for each capture option except ``exclude``, in the order of the sections."""
    in_sections = dict.fromkeys(name for names in SECTIONS.values() for name in names)
    return [_flag(name) for name in in_sections if name not in exclude]


def given_options(exclude: Collection[str] = ()) -> Iterator[tuple[str, Any]]:
    """Names and values of the options given on the command line."""
    context = click.get_current_context()
    for name in option_names():
        if name not in exclude and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            yield name, _REPEATABLE[name].join(value) if name in _REPEATABLE else value


def _flag(name: str) -> click.Option:
    """One capture option as a flag; the options model validates its value, not click."""
    field = Options.model_fields[name]
    spelled = name.replace("_", "-")
    section = next(title for title, names in SECTIONS.items() if name in names)
    if isinstance(field.default, bool):
        help_text = f"{_description(name)} Default: {'on' if field.default else 'off'}."
        names = [f"--{spelled}/--no-{spelled}"]
        return SectionedOption(names, default=None, help=help_text, section=section, is_on=field.default)
    default = format_value(field.default)
    values = f"{_FLAG_VALUES.get(name) or accepts(name)}{f', default {default}' if default else ''}"
    return SectionedOption(
        [f"--{spelled}"],
        metavar="VALUE",
        multiple=name in _REPEATABLE,
        help=f"{_description(name)} ({values})",
        section=section,
    )


def _description(name: str) -> str:
    text = (Options.model_fields[name].description or "").replace("; only in a POST", "")
    return text.replace(" See docs/verdicts.md.", "")
