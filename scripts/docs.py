"""Rewrites the tables of the documentation from the code: ``make docs``."""

from __future__ import annotations

import re
from pathlib import Path

from click import Command, Context, Option

from tintype import cli, reference
from tintype.options import Options

ROOT = Path(__file__).parent.parent
_COMMANDS = re.compile(r"(<!-- commands -->\n).*?(<!-- /commands -->)", re.DOTALL)


def main() -> None:
    """Every page with markers and every generated file, and a line for each that changed."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        _write(path, refresh(path.read_text()))
    _write(ROOT / "deploy" / "nginx" / "options.conf", reference.edge())


def refresh(page: str) -> str:
    """The page with every table between its markers made anew."""
    return _COMMANDS.sub(lambda found: f"{found[1]}\n{_commands()}\n{found[2]}", reference.refresh(page))


def _commands() -> str:
    with Context(cli.tintype) as context:
        return "\n".join(_section(name, cli.tintype.get_command(context, name), context) for name in cli.COMMANDS)


def _section(name: str, command: Command | None, context: Context) -> str:
    """What ``--help`` says, without the flags that are the options of the service: those have a page of their own."""
    if command is None:
        raise KeyError(name)
    usage = f"`tintype {' '.join([name, *command.collect_usage_pieces(context)])}`"
    paragraphs = [" ".join(part.split()) for part in (command.help or "").replace("\b", "").split("\n\n")]
    flags = [flag for flag in command.params if isinstance(flag, Option)]
    own = [flag for flag in flags if flag.name not in Options.model_fields]
    rows = [f"| `{', '.join(flag.opts)}` | {flag.help} |" for flag in own]
    rows += ["| `--…` | every option: [Options](options.md) |"] if len(own) < len(flags) else []
    table = "\n".join(["| flag | meaning |", "| --- | --- |", *rows])
    return "\n\n".join([f"## tintype {name}", usage, *paragraphs, *([table] if rows else [])]) + "\n"


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        print(f"{path.relative_to(ROOT)} rewritten")


if __name__ == "__main__":
    main()
