"""The command line: which commands there are, and how their failures are told and coded.

Exit codes: 0 done; 1 something failed; 2 wrong usage, an invalid request or wrong settings; 3 the page was refused,
unreachable or broken; 4 busy, too slow, or a part of ours does not answer; 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from tintype import __version__, brief, errors
from tintype.errors import ConfigurationError, InvalidRequest, TintypeError

COMMANDS = {
    "serve": "serve",
    "shot": "shot",
    "batch": "batch",
    "top": "top",
    "doctor": "doctor",
    "purge": "purge",
    "sign": "sign",
    "migrate": "migrate",
    "openapi": "openapi",
    "install-browser": "install_browser",
    "update-filters": "update_filters",
    "capture-daemon": "capture_daemon",
}
"""Command to its module in ``commands/``; only the one that is called is imported."""

_THE_REQUEST, _THE_PAGE, _US = 2, 3, 4
EXIT_CODES: dict[type[TintypeError], int] = {
    errors.InvalidRequest: _THE_REQUEST,
    errors.TargetDenied: _THE_PAGE,
    errors.NotAPage: _THE_PAGE,
    errors.SelectorNotFound: _THE_PAGE,
    errors.TargetUnreachable: _THE_PAGE,
    errors.TargetError: _THE_PAGE,
    errors.BrowserCrashed: _US,
    errors.EngineError: _US,
    errors.Overloaded: _US,
    errors.BackendUnavailable: _US,
    errors.CaptureTimeout: _US,
}
_INTERRUPTED = 130


class Commands(click.Group):
    """Commands that are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tintype.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tintype")
def tintype() -> None:
    """Website thumbnails: give it a URL, it gives back a picture.

    Settings come from the environment and from .env in the working directory.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code; failures are one or a few lines, never a traceback."""
    brief.import_structlog()
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a command."""
    try:
        return int(tintype.main(arguments, prog_name="tintype", standalone_mode=False) or 0)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ConfigurationError as error:
        _print_error("The settings have mistakes:", *str(error).splitlines())
        return _THE_REQUEST
    except InvalidRequest as error:
        _print_error(
            *(_flag_message(mistake) for mistake in error.invalid_parameters)
            if error.invalid_parameters
            else (error.detail,)
        )
        return _THE_REQUEST
    except TintypeError as error:
        _print_error(f"{error.title}: {error.detail}" if error.detail != error.title else error.title)
        return EXIT_CODES.get(type(error), 1)


def _flag_message(mistake: errors.InvalidParameter) -> str:
    name = "URL" if mistake.parameter == "url" else f"--{mistake.parameter.replace('_', '-')}"
    return f"{name} {mistake.message}"


def _print_error(first: str, *rest: str) -> None:
    click.echo(click.style("tintype: ", fg="red") + first, err=True)
    for line in rest:
        click.echo(f"  {line}", err=True)
