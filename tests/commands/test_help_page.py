"""Help pages: sections, examples that can be run, exit codes, width; suggestions for unknown commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.support.paths import ROOT
from tests.support.terminal import Terminal
from tintype import cli, errors
from tintype.commands import ExitCode, exit_code_of
from tintype.commands.flags import SECTIONS
from tintype.commands.help_page import DocumentedCommand, SectionedOption
from tintype.options import Options

pytestmark = pytest.mark.usefixtures("own_settings")

_ASSIGNMENT = re.compile(r"[A-Z_]+=")


def all_commands(group: click.Group | None = None, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command and command of a group, by its full name."""
    group = group or cli.tintype
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{before}{name}", command
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{name} ")


COMMANDS = dict(all_commands())
LEAVES = {name: command for name, command in COMMANDS.items() if not isinstance(command, click.Group)}


def examples() -> list[str]:
    found = [example for command in LEAVES.values() for example in getattr(command, "examples", ())]
    return [*cli.EXAMPLES, *found]


class TestEveryCommand:
    @pytest.mark.parametrize("name", LEAVES)
    def test_has_examples_and_exit_codes(self, name: str) -> None:
        command = LEAVES[name]
        assert isinstance(command, DocumentedCommand)
        assert command.examples
        assert command.exit_codes[0] is ExitCode.OK
        assert ExitCode.USAGE_ERROR in command.exit_codes

    @pytest.mark.parametrize("columns", ["80", "100"])
    @pytest.mark.parametrize("name", COMMANDS)
    def test_fits_the_terminal(
        self, tintype: Terminal, name: str, columns: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", columns)
        assert tintype(*name.split(), "--help") == 0
        text = tintype.out.partition("Examples:")[0]
        assert [line for line in text.splitlines() if len(line) > int(columns)] == []

    @pytest.mark.parametrize("name", cli.COMMANDS)
    def test_begins_with_the_summary_of_the_table(self, name: str) -> None:
        assert (COMMANDS[name].help or "").splitlines()[0] == cli.COMMANDS[name].summary

    @pytest.mark.parametrize("arguments", [(), ("stored",)])
    def test_lists_whole_summaries(
        self, tintype: Terminal, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        tintype(*arguments, "--help")
        text = " ".join(tintype.out.split())
        listed = [command for name, command in COMMANDS.items() if name.split()[:-1] == [*arguments]]
        assert [command.help for command in listed if (command.help or "").splitlines()[0] not in text] == []
        assert "..." not in text.replace("[ARGS]...", "")

    def test_refers_to_no_file_of_the_repository(self, tintype: Terminal) -> None:
        for name in COMMANDS:
            tintype(*name.split(), "--help")
            assert "docs/" not in tintype.out, name


class TestExamples:
    @pytest.mark.parametrize("example", examples())
    def test_parse_without_errors(self, example: str, tmp_path: Path) -> None:
        for name in ("urls.txt", "shots.yaml", "page.html"):
            (tmp_path / name).touch()
        words = shlex.split(re.split(r" [<>] |^.* \| ", example.replace(" > ", " < "))[-1 if " | " in example else 0])
        words = [word for word in words if not _ASSIGNMENT.match(word) and word != "sudo"]
        assert words[0] == "tintype"
        cli.tintype.resolve_command(click.Context(cli.tintype), words[1:])
        name, command, arguments = words[1], COMMANDS[words[1]], words[2:]
        if isinstance(command, click.Group):
            command, arguments = COMMANDS[f"{name} {arguments[0]}"], arguments[1:]
        with command.make_context(name, [*arguments]) as context:  # closes the files
            options = [each.name for each in command.params if isinstance(each, SectionedOption)]
            given = {option: context.params[option] for option in options if context.params[option] is not None}
            given = {**given, **({"format": "pdf"} if "--paper" in arguments else {})}
        options_given = {
            option: value for option, value in given.items() if option in Options.model_fields and value != ()
        }
        Options.model_validate({"url": "https://example.com/", **options_given})


class TestSections:
    def test_contain_every_option_once(self) -> None:
        listed = [name for names in SECTIONS.values() for name in names]
        assert sorted(listed) == sorted(set(Options.model_fields))

    def test_print_with_their_options(self, tintype: Terminal) -> None:
        tintype("shot", "--help")
        for section in SECTIONS:
            assert f"\n{section}:\n" in tintype.out
        assert tintype.out.index("PDF:") < tintype.out.index("--paper") < tintype.out.index("Credentials for the page:")

    def test_name_the_form_of_a_switch_that_changes_its_default(self, tintype: Terminal) -> None:
        tintype("shot", "--help")
        assert re.search(r"^  --dark-mode ", tintype.out, re.MULTILINE)
        assert re.search(r"^  --no-block-ads ", tintype.out, re.MULTILINE)
        assert isinstance(SectionedOption(["--a"]), click.Option)


class TestExitCodes:
    def test_equal_the_table_of_the_documentation(self) -> None:
        page = (ROOT / "docs" / "commands.md").read_text()
        for code in ExitCode:
            assert f"| {code.value} | {code.meaning} |" in page

    def test_cover_every_error_of_a_capture(self) -> None:
        of_http = {
            *(errors.Unauthorized, errors.BadSignature, errors.Forbidden, errors.Closed, errors.HostNotAllowed),
            *(errors.NotFound, errors.MethodNotAllowed, errors.RequestTimeout, errors.PreconditionFailed),
            *(errors.BodyTooLarge, errors.UnsupportedMedia, errors.RangeNotSatisfiable, errors.CaptureCancelled),
            errors.IdempotencyConflict,
        }
        failed = {kind for kind in errors.ALL if exit_code_of(kind()) is ExitCode.FAILURE}
        assert failed == of_http

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (errors.UnusableCapture(), ExitCode.TARGET_ERROR),
            (errors.TargetError(), ExitCode.TARGET_ERROR),
            (errors.UnsupportedOption(), ExitCode.USAGE_ERROR),
            (errors.CaptureTimeout(), ExitCode.SERVICE_ERROR),
        ],
    )
    def test_equal_each_other_for_equal_reasons(self, error: errors.TintypeError, code: ExitCode) -> None:
        assert exit_code_of(error) is code


class TestSuggestions:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("sho", "x"), "There is no command 'sho'; did you mean shot?"),
            (("stored", "remove"), "There is no command 'remove'; the commands are ls, prune, rm"),
            (("stored", "prun"), "There is no command 'prun'; did you mean prune?"),
            (("shot", "example.com", "--widht", "3"), "--width"),
        ],
    )
    def test_name_what_was_probably_meant(self, tintype: Terminal, arguments: tuple[str, ...], message: str) -> None:
        assert tintype(*arguments) == 2
        assert tintype.err.startswith("tintype: ")
        assert message in tintype.err

    def test_refer_to_the_help_page_of_the_command(self, tintype: Terminal) -> None:
        assert tintype("purge", "--nothing") == 2
        assert tintype.err.splitlines()[-1] == "  See tintype purge --help."
