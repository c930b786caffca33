"""Rules that map parameters of another service to options, loaded from ``<service>.toml``.

A rules file has the keys ``title``, ``hosts`` (empty for software that runs anywhere), ``urls`` (a parser of
``query_formats``), ``takes_value`` (for ``path`` URLs), ``rules``, ``defaults`` (options whose default there
differs and changes the size or format) and ``words`` (named value maps). A rule has:

- ``source``: its parameter, or a list of parameters;
- ``target``: the option here; for ``if-true`` the options as a query, ``device=pixel-8&width=400``;
- ``kind``: ``copy`` (default), ``flag``, ``inverted-flag``, ``if-true`` (sets the target options), ``multiply`` (by
  ``factor``), ``words`` (maps a value by the named map ``words``, ignoring case), ``device`` (a preset name), ``join``
  (several parameters into one list), ``always`` (Tintype always does what the parameter requests) or ``unsupported``;
- ``note``: shown in the documentation; for ``unsupported`` also printed by ``tintype migrate``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

from tintype.migrate.query_formats import PARSERS
from tintype.options.devices import DEVICES

Values = Mapping[str, str]

_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on", ""}), frozenset({"false", "0", "no", "off"})


class Untranslatable(ValueError):
    """A value without a counterpart here; the text gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The translation of one or more parameters of a service."""

    source: tuple[str, ...]
    target: str = ""
    kind: str = "copy"
    factor: int = 1
    words: Values = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _CONVERTERS:
            raise ValueError(f"kind: {self.kind!r} is unknown; use one of {', '.join(_CONVERTERS)}")

    @property
    def is_unsupported(self) -> bool:
        """Whether a use of the parameter is reported."""
        return self.kind == "unsupported"

    @property
    def plain_note(self) -> str:
        """The note without Markdown links."""
        return _LINK.sub(r"\1", self.note)

    def convert(self, values: Values) -> Values:
        """Translate the given parameters of ``source`` into options. Raises Untranslatable."""
        return _CONVERTERS[self.kind](self, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A service whose URLs can be translated."""

    title: str
    hosts: tuple[str, ...]
    rules: tuple[Rule, ...]
    defaults: Values
    urls: str
    takes_value: tuple[str, ...]

    def read(self, parts: SplitResult) -> dict[str, str]:
        """Parameters and values of a URL of the service."""
        return PARSERS[self.urls](parts, self.takes_value)


def load(path: Path) -> Vendor:
    """Load a rules file; raises ValueError, KeyError or TypeError if it is invalid."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    words = data.get("words", {})
    return Vendor(
        title=data["title"],
        hosts=tuple(data["hosts"]),
        rules=tuple(_rule(entry, words) for entry in data["rules"]),
        defaults=data.get("defaults", {}),
        urls=data.get("urls", "query"),
        takes_value=tuple(data.get("takes_value", ())),
    )


def _rule(entry: dict[str, Any], words: Mapping[str, Values]) -> Rule:
    source = entry.pop("source")
    if "words" in entry:
        entry |= {"kind": "words", "words": words[entry["words"]]}
    return Rule(source=(source,) if isinstance(source, str) else tuple(source), **entry)


def _only(rule: Rule, values: Values) -> str:
    return values[rule.source[0]]


def _flag(rule: Rule, values: Values) -> Values:
    return {rule.target: str(_truth(_only(rule, values))).lower()}


def _inverted_flag(rule: Rule, values: Values) -> Values:
    return {rule.target: str(not _truth(_only(rule, values))).lower()}


def _if_true(rule: Rule, values: Values) -> Values:
    options = dict(pair.split("=", 1) for pair in rule.target.split("&"))
    return options if _truth(_only(rule, values)) else {}


def _multiply(rule: Rule, values: Values) -> Values:
    return {rule.target: str(round(_number(_only(rule, values)) * rule.factor))}


def _words(rule: Rule, values: Values) -> Values:
    value = _only(rule, values)
    if value.lower() not in rule.words:
        raise Untranslatable(f"{rule.source[0]}={value}: unknown {rule.target}; use one of {', '.join(rule.words)}")
    return {rule.target: rule.words[value.lower()]}


def _device(rule: Rule, values: Values) -> Values:
    value = _only(rule, values)
    name = re.sub(r"[\s_]+", "-", value.strip().lower())
    if name not in DEVICES:
        raise Untranslatable(f"{rule.source[0]}={value}: unknown device; set width, height and scale instead")
    return {rule.target: name}


def _join(rule: Rule, values: Values) -> Values:
    """Parameters that are missing before the last given one are 0."""
    last = max(rule.source.index(name) for name in values)
    return {rule.target: ",".join(values.get(name, "0") for name in rule.source[: last + 1])}


def _truth(value: str) -> bool:
    if value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise Untranslatable(f"{value} is not a boolean; use true or false")


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise Untranslatable(f"{value} is not a number") from None


_CONVERTERS: Mapping[str, Callable[[Rule, Values], Values]] = {
    "copy": lambda rule, values: {rule.target: _only(rule, values)},
    "flag": _flag,
    "inverted-flag": _inverted_flag,
    "if-true": _if_true,
    "multiply": _multiply,
    "words": _words,
    "device": _device,
    "join": _join,
    "always": lambda _rule, _values: {},
    "unsupported": lambda _rule, _values: {},
}
