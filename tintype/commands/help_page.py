"""Help pages of commands: options in sections, examples and exit codes; suggestions for unknown commands."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from tintype.commands import ExitCode

OPTIONS = "Options"
"""The section of options without one."""


class SectionedOption(click.Option):
    """An option that help pages list in a section of their own."""

    def __init__(self, *args: Any, section: str = OPTIONS, is_on: bool = False, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section
        self._is_on = is_on

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Name and text. Of a switch only the form that changes its default is named."""
        record = super().get_help_record(ctx)
        if record is None or not self.secondary_opts:
            return record
        return (self.secondary_opts if self._is_on else self.opts)[0], record[1]


class DocumentedCommand(click.Command):
    """A command whose help page has sections of options, examples that can be run, and its exit codes."""

    def __init__(
        self, *args: Any, examples: Sequence[str] = (), exit_codes: Sequence[ExitCode] = (), **attributes: Any
    ) -> None:
        super().__init__(*args, **attributes)
        self.examples = tuple(examples)
        self.exit_codes = (ExitCode.OK, *exit_codes)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each section, the sections in the order of their first option."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                sections.setdefault(getattr(parameter, "section", OPTIONS), []).append(record)
        write_sections(formatter, sections)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the exit codes."""
        write_examples(formatter, self.examples)
        write_sections(formatter, {"Exit status": [(str(code.value), code.meaning) for code in self.exit_codes]})
        super().format_epilog(ctx, formatter)


class SuggestingGroup(click.Group):
    """A group that suggests a command in place of an unknown one, and lists the first lines of its commands uncut."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with the first lines of their help pages."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, (command.help or "").strip().partition("\n")[0]) for name, command in commands if command]
        write_sections(formatter, {"Commands": rows})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command and the rest of the arguments; raises UsageError with a suggestion."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f"did you mean {close[0]}?" if close else f"the commands are {', '.join(self.list_commands(ctx))}"
            raise click.UsageError(f"There is no command {name[:60]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


def write_examples(formatter: click.HelpFormatter, examples: Iterable[str]) -> None:
    """Write commands below a heading, each as it is: a wrapped command cannot be copied."""
    if lines := list(examples):
        with formatter.section("Examples"):
            for line in lines:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def write_sections(formatter: click.HelpFormatter, sections: Mapping[str, Sequence[tuple[str, str]]]) -> None:
    """Write lists of two columns, each below its heading; the columns of all lists are aligned."""
    rows = [row for section in sections.values() for row in section]
    width = max((len(name) for name, _ in rows), default=0)
    for heading, records in sections.items():
        if records:
            with formatter.section(heading):
                padded = [(name.ljust(min(width, _MAX_NAMES)), text) for name, text in records]
                formatter.write_dl(padded, col_max=_MAX_NAMES)


_MAX_NAMES = 28
"""Columns for names of options; a longer name has its description on the next line."""
