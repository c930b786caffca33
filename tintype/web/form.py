"""Which controls of a form ask for the options? Made from the options model, so that no option can be forgotten."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from werkzeug.datastructures import MultiDict

from tintype.options import (
    Emulation,
    Navigation,
    Options,
    PageChanges,
    PdfOptions,
    Region,
    Rendition,
    WaitOptions,
    accepts,
    format_value,
    is_body_only,
)
from tintype.options.devices import DEVICES

Kind = Literal["flag", "choice", "several", "number", "code", "text"]

COMMON = ("device", "thumb_width", "format", "full_page", "dark_mode", "fresh")
"""What people choose most: shown at once."""
MULTILINE_FROM = 10_000
"""Characters from which a text has lines."""
_GROUPS = {
    "Window and visitor": (*Emulation.model_fields, "retina"),
    "When it is taken": (*Navigation.model_fields, *WaitOptions.model_fields),
    "Changes to the page": (*PageChanges.model_fields,),
    "Part of the page": (*Region.model_fields,),
    "Size and format": (*Rendition.model_fields,),
    "Sheets of a PDF": (*PdfOptions.model_fields,),
}
_OTHER = "Cache and failures"
_BODY_ONLY = "Sent by POST only"
_LABELS = {"css": "CSS", "html": "HTML", "js": "JavaScript", "ttl": "Greatest age", "url": "URL"}
_NO_DEFAULT = {"choice": "automatic", "device": "none"}
_SCHEMA = Options.model_json_schema()
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """How one option is asked for. ``default`` is what holds when nothing is said, as it would be written."""

    name: str
    kind: Kind
    description: str
    accepts: str
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    """Values with their names."""
    minimum: float | None = None
    maximum: float | None = None
    is_integer: bool = True
    max_length: int | None = None
    body_only: bool = False

    @property
    def label(self) -> str:
        """What people read: the option's name as words."""
        return _LABELS.get(self.name) or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Controls under one heading. What is ``posted`` goes into a body, so only a script can send it."""

    title: str
    fields: tuple[FormField, ...]
    body_only: bool = False


def common_fields(without: Sequence[str] = ()) -> tuple[FormField, ...]:
    """The controls that are shown at once."""
    return tuple(_form_field(name) for name in COMMON if name not in without)


def field_groups(without: Sequence[str] = ()) -> tuple[FieldGroup, ...]:
    """All others, by the steps of a capture; ``without`` are options that an operator switched off."""
    left = [name for name in Options.model_fields if name not in {"url", *COMMON, *without}]
    said = [name for name in left if not is_body_only(name)]
    told = {name for names in _GROUPS.values() for name in names}
    rest = [name for name in said if name not in told]
    return (
        *(_field_group(title, [name for name in names if name in said]) for title, names in _GROUPS.items()),
        _field_group(_OTHER, rest),
        _field_group(_BODY_ONLY, [name for name in left if is_body_only(name)], posted=True),
    )


def parse_form(form: MultiDict[str, str]) -> list[tuple[str, str]]:
    """The options that a form said without any script: what is left empty or as it was says nothing."""
    url = form.get("url", "").strip()
    pairs = [("url", url if _SCHEME.match(url) else f"https://{url}")] if url else []
    names = [name for name in Options.model_fields if name != "url" and not is_body_only(name)]
    said = ((name, _form_value(_form_field(name), form)) for name in names)
    return [*pairs, *((name, value) for name, value in said if value)]


def _form_value(control: FormField, form: MultiDict[str, str]) -> str:
    """What a control says; empty: nothing."""
    if control.kind == "several":
        return ",".join(form.getlist(control.name))
    flag = "true" if control.name in form else "false"
    value = flag if control.kind == "flag" else form.get(control.name, "").strip()
    return "" if control.kind in {"flag", "choice"} and value == control.default else value


def _field_group(title: str, names: Sequence[str], *, posted: bool = False) -> FieldGroup:
    return FieldGroup(title, tuple(_form_field(name) for name in names), posted)


def _form_field(name: str) -> FormField:
    field, schema = Options.model_fields[name], _schema(name)
    kind, choices = _kind(name, schema)
    return FormField(
        name=name,
        kind=kind,
        description=(field.description or "").partition(" See docs/")[0],
        accepts=accepts(name),
        default=format_value(field.default) if kind != "several" and not field.is_required() else "",
        choices=choices,
        minimum=schema.get("minimum", schema.get("ge")),
        maximum=schema.get("maximum", schema.get("le")),
        is_integer=schema.get("type") == "integer",
        max_length=schema.get("maxLength"),
        body_only=is_body_only(name),
    )


def _schema(name: str) -> dict[str, Any]:
    """What JSON Schema says of an option, null left aside."""
    schema = _SCHEMA["properties"][name]
    inner: dict[str, Any] = next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), {})
    return {**schema, **inner}


def _kind(name: str, schema: dict[str, Any]) -> tuple[Kind, tuple[tuple[str, str], ...]]:
    items = schema.get("items") or {}
    if name == "device":
        return "choice", (("", _NO_DEFAULT["device"]), *((slug, device.title) for slug, device in DEVICES.items()))
    if schema.get("type") == "boolean":
        return "flag", ()
    if "enum" in items:
        return "several", tuple((value, value) for value in items["enum"])
    if "enum" in schema:
        unset = () if schema["default"] else (("", _NO_DEFAULT["choice"]),)
        return "choice", (*unset, *((value, value) for value in schema["enum"]))
    if schema.get("type") in {"integer", "number"}:
        return "number", ()
    return ("code" if schema.get("maxLength", 0) > MULTILINE_FROM or schema.get("default") == [] else "text"), ()
