"""Form fields of the playground, made from the options model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from werkzeug.datastructures import MultiDict

from tintype.options import Emulation, Options, accepts, format_value, is_body_only
from tintype.options.devices import DEVICES, DevicePreset
from tintype.options.sections import CACHE_AND_ERRORS, SECTIONS
from tintype.urls import with_scheme
from tintype.web.form_labels import CHOICES, EXAMPLES, LABELS, UNITS

Kind = Literal["flag", "choice", "multiple", "number", "code", "text", "password"]

COMMON = ("device", "thumb_width", "format", "full_page", "dark_mode", "fresh")
"""Options of the short form."""
MULTILINE_FROM = 10_000
"""Maximum length, in characters, from which a text gets a multi-line field."""
_BODY_ONLY = "Credentials and HTML, by POST"
_MASKED = ("basic_auth",)
"""Options that hold a password, whose fields are masked."""
_AUTOMATIC = "automatic"
_SCHEMA = Options.model_json_schema()
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_UNIT = re.compile(r" to \d+ (\w+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """Form field of one option; ``default`` is written as in a query string."""

    name: str
    kind: Kind
    description: str
    accepts: str
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    """Values and their labels."""
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    """Abbreviated: ``px``, ``ms``."""
    example: str = ""
    """A value to show in an empty field."""
    is_integer: bool = True
    max_length: int | None = None
    body_only: bool = False

    @property
    def label(self) -> str:
        """The option's name for people."""
        return LABELS[self.name]


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields under one heading. ``body_only`` fields are sent by POST, which requires JavaScript."""

    title: str
    fields: tuple[FormField, ...]
    body_only: bool = False


def common_fields(hidden: Sequence[str] = ()) -> tuple[FormField, ...]:
    """Fields of the short form."""
    return tuple(_form_field(name) for name in COMMON if name not in hidden)


def field_groups(hidden: Sequence[str] = ()) -> tuple[FieldGroup, ...]:
    """All other fields, grouped by the steps of a capture; ``hidden`` options are left out."""
    shown = [name for name in Options.model_fields if name not in {"url", *COMMON, *hidden}]
    in_query = [name for name in shown if not is_body_only(name)]
    grouped = {name for names in SECTIONS.values() for name in names}
    other = [name for name in in_query if name not in grouped]
    return (
        *(_field_group(title, [name for name in names if name in in_query]) for title, names in SECTIONS.items()),
        _field_group(CACHE_AND_ERRORS, other),
        _field_group(_BODY_ONLY, [name for name in shown if is_body_only(name)], body_only=True),
    )


def parse_form(form: MultiDict[str, str]) -> list[tuple[str, str]]:
    """Options of a form that a browser sent without JavaScript; empty and default values are left out."""
    url = form.get("url", "").strip()
    pairs = [("url", _with_scheme(url))] if url else []
    names = [name for name in Options.model_fields if name != "url" and not is_body_only(name)]
    values = ((name, _form_value(_form_field(name), form)) for name in names)
    return [*pairs, *((name, value) for name, value in values if value)]


def _with_scheme(url: str) -> str:
    """The URL with the scheme that :func:`tintype.urls.with_scheme` adds, else with ``https://``."""
    completed = with_scheme(url)
    return completed if _SCHEME.match(completed) else f"https://{completed}"


def device_viewports() -> list[tuple[str, str, DevicePreset]]:
    """Value, label and preset of each device; the first is the default viewport, which is that of ``desktop``."""
    default = Emulation()
    desktop = DevicePreset(title="", width=default.width, height=default.height, scale=default.scale)
    listed = [(slug, preset.title, preset) for slug, preset in DEVICES.items() if slug != "desktop"]
    return [("", "Desktop", desktop), *listed]


def _form_value(field: FormField, form: MultiDict[str, str]) -> str:
    """Value of a field in a query string; empty if it has its default."""
    if field.kind == "multiple":
        return ",".join(form.getlist(field.name))
    flag = "true" if field.name in form else "false"
    value = flag if field.kind == "flag" else form.get(field.name, "").strip()
    return "" if field.kind in {"flag", "choice"} and value == field.default else value


def _field_group(title: str, names: Sequence[str], *, body_only: bool = False) -> FieldGroup:
    return FieldGroup(title, tuple(_form_field(name) for name in names), body_only)


def _form_field(name: str) -> FormField:
    field, schema = Options.model_fields[name], _schema(name)
    kind, choices = _kind(name, schema)
    unit = _UNIT.search(accepts(name))
    return FormField(
        name=name,
        kind=kind,
        description=(field.description or "").partition(" See docs/")[0],
        accepts=accepts(name),
        default=format_value(field.default) if kind != "multiple" and not field.is_required() else "",
        choices=choices,
        minimum=schema.get("minimum", schema.get("ge")),
        maximum=schema.get("maximum", schema.get("le")),
        unit=UNITS.get(unit[1], unit[1]) if unit else "",
        example=EXAMPLES.get(name, ""),
        is_integer=schema.get("type") == "integer",
        max_length=schema.get("maxLength"),
        body_only=is_body_only(name),
    )


def _schema(name: str) -> dict[str, Any]:
    """JSON Schema of an option, without null."""
    schema = _SCHEMA["properties"][name]
    inner: dict[str, Any] = next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), {})
    return {**schema, **inner}


def _kind(name: str, schema: dict[str, Any]) -> tuple[Kind, tuple[tuple[str, str], ...]]:
    items, labels = schema.get("items") or {}, CHOICES.get(name, {})
    if name == "device":
        return "choice", tuple((slug, _device_label(title, preset)) for slug, title, preset in device_viewports())
    if schema.get("type") == "boolean":
        return "flag", ()
    if "enum" in items:
        return "multiple", tuple((value, value) for value in items["enum"])
    if "enum" in schema:
        unset = () if schema["default"] else (("", _AUTOMATIC),)
        return "choice", (*unset, *((value, labels.get(value, value)) for value in schema["enum"]))
    if schema.get("type") in {"integer", "number"}:
        return "number", ()
    if name in _MASKED:
        return "password", ()
    is_object = schema.get("default") == [] and is_body_only(name)
    return ("code" if schema.get("maxLength", 0) > MULTILINE_FROM or is_object else "text"), ()


def _device_label(title: str, preset: DevicePreset) -> str:
    return f"{title}, {preset.width} × {preset.height}"
