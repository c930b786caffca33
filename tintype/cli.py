"""Entry point of the command line: table of commands, error messages and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

import click

from tintype import __version__, errors
from tintype.commands import ExitCode, exit_code_of
from tintype.commands.help_page import SuggestingGroup, write_examples, write_sections
from tintype.errors import ConfigurationError, InvalidRequest, TintypeError
from tintype.lean_imports import import_structlog_without_rich


class CommandEntry(NamedTuple):
    """A command: its module in ``commands/``, its section of the help page, and the first line of its own."""

    module: str
    section: str
    summary: str


COMMANDS = {
    "serve": CommandEntry("serve", "Service", "Run the service until SIGTERM or Ctrl-C."),
    "worker": CommandEntry("job_worker", "Service", "Capture pages of jobs until SIGTERM or Ctrl-C."),
    "shot": CommandEntry("shot", "Captures", "Capture a URL or an HTML file into a file."),
    "batch": CommandEntry("batch", "Captures", "Capture all URLs of a list or a sitemap into a folder."),
    "jobs": CommandEntry("jobs", "Clients", "Submit, follow, repeat and cancel jobs of a running service."),
    "schedules": CommandEntry(
        "schedules", "Clients", "List, show, run, pause and delete schedules of a running service."
    ),
    "top": CommandEntry("top", "Service", "Report what a running node does, live."),
    "doctor": CommandEntry("doctor", "Service", "Check the settings and what they need."),
    "purge": CommandEntry("purge", "Cache and storage", "Remove thumbnails from the cache."),
    "stored": CommandEntry("stored", "Cache and storage", "List and delete stored objects, on disk or in S3."),
    "webhooks": CommandEntry("webhooks", "Clients", "List, resend and test deliveries of webhooks."),
    "sign": CommandEntry("sign", "Clients", "Print a signed thumbnail URL."),
    "migrate": CommandEntry("migrate", "Clients", "Translate URLs of other screenshot services."),
    "openapi": CommandEntry("openapi", "Clients", "Print the OpenAPI 3.1 document."),
    "install-browser": CommandEntry("install_browser", "Installation", "Find Chromium, or install it with fonts."),
    "update-filters": CommandEntry("update_filters", "Installation", "Download and compile the filter lists."),
    "capture-daemon": CommandEntry("capture_daemon", "Service", "Run the capture daemon on its own."),
}
"""Only the module of the called command is imported."""

EXAMPLES = (
    "tintype shot https://example.com -o example.png",
    "tintype shot https://example.com --full-page --device iphone-15",
    "tintype batch urls.txt -o thumbnails --thumb-width 640",
    "tintype serve --port 8000",
    "tintype doctor",
)


class Commands(SuggestingGroup):
    """A group that imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Command names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        import_structlog_without_rich()
        module = importlib.import_module(f"tintype.commands.{COMMANDS[cmd_name].module}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the commands in sections, their summaries uncut."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            sections.setdefault(entry.section, []).append((name, entry.summary))
        write_sections(formatter, sections)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write examples, and where to read more."""
        write_examples(formatter, EXAMPLES)
        formatter.write_paragraph()
        formatter.write_text("tintype COMMAND --help describes a command, its options and its exit codes.")


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tintype")
def tintype() -> None:
    """Website thumbnails: captures a URL and returns an image.

    Settings are read from environment variables and from .env in the working directory.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code; errors are printed as short messages, never as a traceback."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    try:
        return int(tintype.main(arguments, prog_name="tintype", standalone_mode=False) or 0)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE_ERROR
    except click.ClickException as error:
        return _report_click_error(error)
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of stdout has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILURE
    except (ConfigurationError, TintypeError) as error:
        return _report_error(error)
    except OSError as error:  # a full disk, a folder without permission
        problem = f"{error.filename or 'input or output'}: {error.strerror or error}"
        _print_error(problem, "Free disk space, or check the permissions.")
        return ExitCode.FAILURE


def _report_click_error(error: click.ClickException) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = [f"See {context.command_path} --help."] if context else []
    _print_error(*error.format_message().splitlines(), *hint)
    return error.exit_code


def _report_error(error: ConfigurationError | TintypeError) -> int:
    if isinstance(error, ConfigurationError):
        _print_error("Invalid settings:", *str(error).splitlines())
        return ExitCode.USAGE_ERROR
    if isinstance(error, InvalidRequest) and error.invalid_parameters:
        _print_error(*map(_flag_message, error.invalid_parameters))
    elif isinstance(error, InvalidRequest):
        _print_error(error.detail)
    else:
        _print_error(f"{error.title}: {error.detail}" if error.detail != error.title else error.title)
    return exit_code_of(error)


def _flag_message(mistake: errors.InvalidParameter) -> str:
    name = "URL" if mistake.parameter == "url" else f"--{mistake.parameter.replace('_', '-')}"
    return f"{name} {mistake.message}"


def _print_error(first: str, *rest: str) -> None:
    click.echo(click.style("tintype: ", fg="red") + first, err=True)
    for line in rest:
        click.echo(f"  {line}", err=True)
