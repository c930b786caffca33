"""Entry point of the command line: table of commands, error messages and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from tintype import __version__, errors
from tintype.commands import ExitCode
from tintype.errors import ConfigurationError, InvalidRequest, TintypeError
from tintype.lean_imports import import_structlog_without_rich

COMMANDS = {
    "serve": "serve",
    "shot": "shot",
    "batch": "batch",
    "top": "top",
    "doctor": "doctor",
    "purge": "purge",
    "stored": "stored",
    "sign": "sign",
    "migrate": "migrate",
    "openapi": "openapi",
    "install-browser": "install_browser",
    "update-filters": "update_filters",
    "capture-daemon": "capture_daemon",
}
"""Command name to module in ``commands/``. Only the module of the called command is imported."""

EXIT_CODES: dict[type[TintypeError], ExitCode] = {
    errors.InvalidRequest: ExitCode.USAGE_ERROR,
    errors.TargetDenied: ExitCode.TARGET_ERROR,
    errors.NotAPage: ExitCode.TARGET_ERROR,
    errors.SelectorNotFound: ExitCode.TARGET_ERROR,
    errors.TargetUnreachable: ExitCode.TARGET_ERROR,
    errors.TargetError: ExitCode.TARGET_ERROR,
    errors.PageCrashed: ExitCode.TARGET_ERROR,
    errors.BrowserCrashed: ExitCode.SERVICE_ERROR,
    errors.EngineError: ExitCode.SERVICE_ERROR,
    errors.Overloaded: ExitCode.SERVICE_ERROR,
    errors.BackendUnavailable: ExitCode.SERVICE_ERROR,
    errors.CaptureTimeout: ExitCode.SERVICE_ERROR,
    errors.StorageFull: ExitCode.SERVICE_ERROR,
}


class Commands(click.Group):
    """A group that imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Command names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        import_structlog_without_rich()
        module = importlib.import_module(f"tintype.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


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
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of stdout has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILURE
    except ConfigurationError as error:
        _print_error("Invalid settings:", *str(error).splitlines())
        return ExitCode.USAGE_ERROR
    except InvalidRequest as error:
        _print_error(
            *(_flag_message(mistake) for mistake in error.invalid_parameters)
            if error.invalid_parameters
            else (error.detail,)
        )
        return ExitCode.USAGE_ERROR
    except OSError as error:  # a full disk, a folder without permission
        problem = f"{error.filename or 'input or output'}: {error.strerror or error}"
        _print_error(problem, "Free disk space, or check the permissions.")
        return ExitCode.FAILURE
    except TintypeError as error:
        _print_error(f"{error.title}: {error.detail}" if error.detail != error.title else error.title)
        return EXIT_CODES.get(type(error), ExitCode.FAILURE)


def _flag_message(mistake: errors.InvalidParameter) -> str:
    name = "URL" if mistake.parameter == "url" else f"--{mistake.parameter.replace('_', '-')}"
    return f"{name} {mistake.message}"


def _print_error(first: str, *rest: str) -> None:
    click.echo(click.style("tintype: ", fg="red") + first, err=True)
    for line in rest:
        click.echo(f"  {line}", err=True)
