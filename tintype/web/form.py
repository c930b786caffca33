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
    is_posted,
)
from tintype.options.devices import DEVICES

Kind = Literal["flag", "choice", "several", "number", "code", "text"]

OFTEN = ("device", "thumb_width", "format", "full_page", "dark_mode", "fresh")
"""What people choose most: shown at once."""
LONG = 10_000
"""Characters from which a text has lines."""
_GROUPS = {
    "Window and visitor": (*Emulation.model_fields, "retina"),
    "When it is taken": (*Navigation.model_fields, *WaitOptions.model_fields),
    "Changes to the page": (*PageChanges.model_fields,),
    "Part of the page": (*Region.model_fields,),
    "Size and format": (*Rendition.model_fields,),
    "Sheets of a PDF": (*PdfOptions.model_fields,),
}
_REST = "Cache and failures"
_POSTED = "Sent by POST only"
_WORDS = {"css": "CSS", "html": "HTML", "js": "JavaScript", "ttl": "Greatest age", "url": "URL"}
_NO_DEFAULT = {"choice": "automatic", "device": "none"}
_SCHEMA = Options.model_json_schema()
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """How one option is asked for. ``default`` is what holds when nothing is said, as it would be written."""

    name: str
    kind: Kind
    meaning: str
    accepts: str
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    """Values with their names."""
    low: float | None = None
    high: float | None = None
    whole: bool = True
    longest: int | None = None
    posted: bool = False

    @property
    def label(self) -> str:
        """What people read: the option's name as words."""
        return _WORDS.get(self.name) or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Controls under one heading. What is ``posted`` goes into a body, so only a script can send it."""

    title: str
    controls: tuple[FormField, ...]
    posted: bool = False


def often(without: Sequence[str] = ()) -> tuple[FormField, ...]:
    """The controls that are shown at once."""
    return tuple(_control(name) for name in OFTEN if name not in without)


def groups(without: Sequence[str] = ()) -> tuple[FieldGroup, ...]:
    """All others, by the steps of a capture; ``without`` are options that an operator switched off."""
    left = [name for name in Options.model_fields if name not in {"url", *OFTEN, *without}]
    said = [name for name in left if not is_posted(name)]
    told = {name for names in _GROUPS.values() for name in names}
    rest = [name for name in said if name not in told]
    return (
        *(_group(title, [name for name in names if name in said]) for title, names in _GROUPS.items()),
        _group(_REST, rest),
        _group(_POSTED, [name for name in left if is_posted(name)], posted=True),
    )


def submitted(form: MultiDict[str, str]) -> list[tuple[str, str]]:
    """The options that a form said without any script: what is left empty or as it was says nothing."""
    url = form.get("url", "").strip()
    pairs = [("url", url if _SCHEME.match(url) else f"https://{url}")] if url else []
    names = [name for name in Options.model_fields if name != "url" and not is_posted(name)]
    said = ((name, _said(_control(name), form)) for name in names)
    return [*pairs, *((name, value) for name, value in said if value)]


def _said(control: FormField, form: MultiDict[str, str]) -> str:
    """What a control says; empty: nothing."""
    if control.kind == "several":
        return ",".join(form.getlist(control.name))
    flag = "true" if control.name in form else "false"
    value = flag if control.kind == "flag" else form.get(control.name, "").strip()
    return "" if control.kind in {"flag", "choice"} and value == control.default else value


def _group(title: str, names: Sequence[str], *, posted: bool = False) -> FieldGroup:
    return FieldGroup(title, tuple(_control(name) for name in names), posted)


def _control(name: str) -> FormField:
    field, schema = Options.model_fields[name], _schema(name)
    kind, choices = _kind(name, schema)
    return FormField(
        name=name,
        kind=kind,
        meaning=(field.description or "").partition(" See docs/")[0],
        accepts=accepts(name),
        default=_text(field.default) if kind != "several" and not field.is_required() else "",
        choices=choices,
        low=schema.get("minimum", schema.get("ge")),
        high=schema.get("maximum", schema.get("le")),
        whole=schema.get("type") == "integer",
        longest=schema.get("maxLength"),
        posted=is_posted(name),
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
    return ("code" if schema.get("maxLength", 0) > LONG or schema.get("default") == [] else "text"), ()


def _text(value: Any) -> str:
    """A default as it would be written into an address."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or value == () else f"{value:g}" if isinstance(value, float) else str(value)
