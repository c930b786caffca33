"""Rewrites the generated tables of the documentation and deploy/nginx/options.conf: ``make docs``.

A page holds a table between ``<!-- options -->`` and ``<!-- /options -->``; :func:`refresh` replaces what is between.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from click import Command, Context, Group, Option

from tintype import cli, errors, signing
from tintype.commands import ExitCode
from tintype.commands.flags import SECTIONS
from tintype.commands.help_page import DocumentedCommand
from tintype.migrate import VENDORS, Vendor
from tintype.options import Options, accepts, format_value, is_body_only, option_names
from tintype.options.devices import DEVICES
from tintype.settings import Settings
from tintype.telemetry.definitions import METRICS

ROOT = Path(__file__).parent.parent
COMMON_OPTIONS = (
    *("url", "thumb_width", "thumb_height", "format", "width", "height", "device", "dark_mode", "full_page"),
    *("selector", "retina", "delay", "block_cookie_banners", "fresh", "placeholder", "on_error"),
)
"""The options listed in README.md."""
_SETTING = re.compile(r"\bTINTYPE_[A-Z_]+\b")
COMPARISON: tuple[tuple[str, ...], ...] = (
    (
        "feature",
        "Tintype",
        "hosted APIs (ScreenshotOne, Urlbox …)",
        "a browser server (browserless, gotenberg)",
        "a Playwright script",
    ),
    ("thumbnail from one URL, usable in `<img>`", "yes", "yes", "no: POST, or a proxy that you write", "no"),
    ("cache, stale while revalidating, all sizes from one capture", "yes", "mostly a cache only", "no", "you write it"),
    ("SSRF protection", "always on", "on the provider's network", "optional", "you write it"),
    ("pages and thumbnails stay on your machines", "yes", "no", "yes", "yes"),
    ("cost", "a machine", "per capture", "a machine; check the licence", "a machine and your time"),
    ("proxies, other countries, stealth", "**no**", "yes", "partly", "you write it"),
    ("video, animated images", "**no**", "yes", "partly", "you write it"),
    ("general browser automation", "**no**", "no", "yes", "yes"),
    ("24/7 support", "**no**", "yes", "in paid plans", "no"),
)
"""What Tintype does and does not do, compared with other ways to thumbnails; the first row is the head."""


def main() -> None:
    """Rewrite all pages with markers and all generated files; print a line for each that changed."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        _write(path, refresh(path.read_text()))
    _write(ROOT / "deploy" / "nginx" / "options.conf", nginx_known_options())


def options_table(names: Iterable[str] = (), docs: str = "") -> str:
    """Options of /thumb, /persist and ``tintype shot``: all, or only ``names``; ``docs``: path of the pages."""
    return _table(
        ("option", "accepts", "default", "meaning"),
        (
            (f"`{name}`", _accepted(name, docs), _default(name), _linked(Options.model_fields[name].description, docs))
            for name in names or option_names()
        ),
    )


def settings_table() -> str:
    """All settings, by their environment variables."""
    rows = []
    for field in Settings.model_fields.values():
        extra: Mapping[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        rows.append(
            (
                f"`{field.validation_alias}`",
                str(extra["accepts"]),
                _code(format_value(field.default)),
                _SETTING.sub(r"`\g<0>`", _linked(field.description)),
            )
        )
    return _table(("setting", "accepts", "default", "meaning"), rows)


def errors_table() -> str:
    """All errors that a client may receive."""
    rows = ((str(kind.status), f"`{kind.code}`", kind.title, _meaning(kind)) for kind in errors.ALL)
    return _table(("status", "error", "title", "when"), rows)


def devices_table() -> str:
    """All device presets."""
    return _table(
        ("device", "name", "viewport", "scale", "kind"),
        (
            (f"`{slug}`", d.title, f"{d.width} × {d.height}", f"{d.scale:g}", "touch" if d.mobile else "desktop")
            for slug, d in DEVICES.items()
        ),
    )


def migration_table(vendor: Vendor) -> str:
    """All parameters of another service and their counterparts."""
    other = {"always": "always", "unsupported": "—"}
    rows = (
        (", ".join(f"`{name}`" for name in rule.source), other.get(rule.kind, f"`{rule.target}`"), rule.note)
        for rule in vendor.rules
    )
    return _table((vendor.title, "Tintype", "notes"), rows)


def metrics_table() -> str:
    """All metrics of /metrics."""
    rows = ((f"`{m.name}`", m.kind, ", ".join(f"`{label}`" for label in m.labels), m.help_text) for m in METRICS)
    return _table(("metric", "kind", "labels", "meaning"), rows)


def nginx_known_options() -> str:
    """Content of deploy/nginx/options.conf: a map that detects queries with unknown options, which are not cached."""
    known = "|".join([*(name for name in option_names() if not is_body_only(name)), *signing.PARAMETERS])
    return f"""\
# Generated by `make docs` from the options of GET /thumb. Do not edit.
# One regular expression for all options: one variable per option cost more than the rest of a hit.
map $args $tintype_unknown_option {{
    default 1;
    "~^(?:(?:{known})=[^&]++(?:&|$))++$" "";
}}
"""


def commands_section() -> str:
    """Usage, help text and flags of all commands."""
    with Context(cli.tintype) as context:
        return "\n".join(_command(name, cli.tintype.get_command(context, name), context) for name in cli.COMMANDS)


def exit_codes_table() -> str:
    """The exit codes of all commands."""
    return _table(("exit status", "meaning"), ((str(code.value), code.meaning) for code in ExitCode))


TABLES: dict[str, Callable[[], str]] = {
    "options": options_table,
    "options-often": functools.partial(options_table, COMMON_OPTIONS, "docs/"),
    "settings": settings_table,
    "errors": errors_table,
    "devices": devices_table,
    "metrics": metrics_table,
    "commands": commands_section,
    "comparison": lambda: _table(COMPARISON[0], COMPARISON[1:]),
    "exit-codes": exit_codes_table,
    **{f"from-{name}": functools.partial(migration_table, vendor) for name, vendor in VENDORS.items()},
}


def refresh(page: str) -> str:
    """The page with new content between all markers."""
    for name, table in TABLES.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        page = between.sub(lambda match, table=table: f"{match[1]}\n{table()}\n{match[2]}", page)
    return page


def _command(name: str, command: Command | None, context: Context) -> str:
    """One command, without the flags that are capture options: docs/options.md lists those."""
    if command is None:
        raise KeyError(name)
    usage = f"`tintype {' '.join([name, *command.collect_usage_pieces(context)])}`"
    paragraphs = [" ".join(part.split()) for part in (command.help or "").replace("\b", "").split("\n\n")]
    flags = [flag for flag in command.params if isinstance(flag, Option)]
    own = [flag for flag in flags if not _is_capture_option(flag)]
    rows = [f"| `{', '.join(flag.opts)}` | {flag.help} |" for flag in own]
    rows += ["| `--…` | every option: [Options](options.md) |"] if len(own) < len(flags) else []
    tables = ["\n".join(["| flag | meaning |", "| --- | --- |", *rows])] if rows else []
    text = "\n\n".join([f"## tintype {name}", usage, *paragraphs, *tables, *_examples(command)]) + "\n"
    below = command.commands.items() if isinstance(command, Group) else ()
    return "\n".join([text, *(_command(f"{name} {each}", part, context) for each, part in below)])


def _is_capture_option(flag: Option) -> bool:
    """Whether a flag is an option of captures; ``--html``, ``--url`` and ``--tag`` elsewhere only share a name."""
    return flag.name in Options.model_fields and getattr(flag, "section", "") in SECTIONS


def _examples(command: Command) -> Iterator[str]:
    """The examples of the help page, and the exit codes that the command can have besides 0."""
    if isinstance(command, DocumentedCommand):
        yield "\n".join(["```sh", *command.examples, "```"])
        codes = ", ".join(str(code.value) for code in command.exit_codes)
        yield f"Exit status: {codes}."


def _accepted(name: str, docs: str) -> str:
    return f"[a preset]({docs}options.md#devices)" if name == "device" else accepts(name)


def _linked(text: str | None, docs: str = "") -> str:
    """A text whose references to pages are links."""
    return re.sub(r"\bdocs/([a-z-]+\.md)", rf"[\1]({docs}\1)", text or "")


def _default(name: str) -> str:
    field = Options.model_fields[name]
    return "required" if field.is_required() else _code(format_value(field.default))


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _meaning(kind: type[errors.TintypeError]) -> str:
    return " ".join((kind.__doc__ or "").split()).replace("``", "`")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        print(f"{path.relative_to(ROOT)} rewritten")


if __name__ == "__main__":
    main()
