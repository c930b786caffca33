"""The tables of the documentation, made from the code they describe, so that they cannot lag.

A page holds a table between ``<!-- options -->`` and ``<!-- /options -->``; :func:`refresh` rewrites what lies between.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tintype import errors, signing
from tintype.migrate import VENDORS, Vendor
from tintype.options import (
    Credentials,
    Emulation,
    Navigation,
    Options,
    PageChanges,
    PdfOptions,
    Region,
    Rendition,
    WaitOptions,
    accepts,
    is_body_only,
)
from tintype.options.devices import DEVICES
from tintype.settings import Settings
from tintype.telemetry.definitions import METRICS

OFTEN = (
    *(
        "url",
        "thumb_width",
        "thumb_height",
        "format",
        "width",
        "height",
        "device",
        "dark_mode",
        "full_page",
        "selector",
    ),
    *("retina", "delay", "block_cookie_banners", "fresh", "placeholder", "on_error"),
)
"""The options that the front page names."""
_PARTS = (Emulation, Navigation, Credentials, WaitOptions, PageChanges, Region, PdfOptions, Rendition)


def option_names() -> tuple[str, ...]:
    """Every option in reading order: the page, then the steps of a capture, then what is not in the key."""
    stepwise = ("url", *(name for part in _PARTS for name in part.model_fields), *Options.model_fields)
    return tuple(dict.fromkeys(stepwise))


def options_table(names: Iterable[str] = ()) -> str:
    """Options of /thumb, /persist and ``tintype shot``: all of them, unless some are named."""
    return _table(
        ("option", "accepts", "default", "meaning"),
        (
            (f"`{name}`", _accepted(name), _default(name), Options.model_fields[name].description or "")
            for name in names or option_names()
        ),
    )


def settings_table() -> str:
    """Every setting, by its name in the environment."""
    rows = []
    for field in Settings.model_fields.values():
        extra: Mapping[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = f"`{field.default}`" if field.default not in ("", None) else ""
        rows.append((f"`{field.validation_alias}`", str(extra["accepts"]), default, field.description or ""))
    return _table(("setting", "accepts", "default", "meaning"), rows)


def errors_table() -> str:
    """Every failure that a caller may be told about."""
    rows = ((str(kind.status), f"`{kind.code}`", kind.title, _meaning(kind)) for kind in errors.ALL)
    return _table(("status", "error", "title", "when"), rows)


def devices_table() -> str:
    """Every device preset."""
    return _table(
        ("device", "name", "viewport", "scale", "kind"),
        (
            (f"`{slug}`", d.title, f"{d.width} × {d.height}", f"{d.scale:g}", "touch" if d.mobile else "desktop")
            for slug, d in DEVICES.items()
        ),
    )


def migration_table(vendor: Vendor) -> str:
    """Every parameter of another service, and what it is here."""
    rows = ((", ".join(f"`{name}`" for name in rule.there), rule.here or "—", rule.note) for rule in vendor.rules)
    return _table((vendor.title, "here", "what to know"), rows)


def metrics_table() -> str:
    """Every figure of /metrics."""
    rows = ((f"`{m.name}`", m.kind, ", ".join(f"`{label}`" for label in m.labels), m.help_text) for m in METRICS)
    return _table(("metric", "kind", "labels", "meaning"), rows)


def edge() -> str:
    """``deploy/nginx/options.conf``: which queries name known options alone, so that a cache may keep their answers."""
    known = "|".join([*(name for name in option_names() if not is_body_only(name)), *signing.PARAMETERS])
    return f"""\
# Made from the options of GET /thumb by `make docs`. Not to be edited.
# One expression for all: a variable for each option cost more than everything else about a hit.
map $args $tintype_foreign {{
    default 1;
    "~^(?:(?:{known})=[^&]++(?:&|$))++$" "";
}}
"""


TABLES: dict[str, Callable[[], str]] = {
    "options": options_table,
    "options-often": functools.partial(options_table, OFTEN),
    "settings": settings_table,
    "errors": errors_table,
    "devices": devices_table,
    "metrics": metrics_table,
    **{f"from-{name}": functools.partial(migration_table, vendor) for name, vendor in VENDORS.items()},
}


def refresh(page: str) -> str:
    """The page with every table between its markers made anew."""
    for name, table in TABLES.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        page = between.sub(lambda found, table=table: f"{found[1]}\n{table()}\n{found[2]}", page)  # type: ignore[misc]
    return page


def _accepted(name: str) -> str:
    return "a preset, see docs/options.md" if name == "device" else accepts(name)


def _default(name: str) -> str:
    field = Options.model_fields[name]
    if field.is_required():
        return "required"
    if field.default in ("", None, ()):
        return ""
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"


def _meaning(kind: type[errors.TintypeError]) -> str:
    return " ".join((kind.__doc__ or "").split()).replace("``", "`")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
