"""How one parameter of another service is said here: a rule a line, the words of the docs table included."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult

from tintype.migrate.query_formats import from_query
from tintype.options.devices import DEVICES

Values = Mapping[str, str]

POSTED = "secrets do not belong into addresses: send it in the body of a POST, as `{}`"
ALONE = "captures leave through the network of your own machine"
EVENTS = {name: name for name in ("load", "domcontentloaded", "networkidle")}
PAPER = {name: name for name in ("a3", "a4", "a5", "letter", "legal", "tabloid")}
FORMATS = {"jpg": "jpeg", **{name: name for name in ("jpeg", "png", "webp", "avif", "pdf")}}

_LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")
_YES, _NO = frozenset({"true", "1", "yes", "on", ""}), frozenset({"false", "0", "no", "off"})


class Untranslatable(ValueError):
    """A value that has no counterpart here; its text says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one or a few parameters of theirs become; ``here`` is empty for what does not exist here."""

    there: tuple[str, ...]
    here: str
    note: str
    convert: Callable[[Values], Values]
    """Their values, by name, to our options. Raises Untranslatable."""

    @property
    def lost(self) -> bool:
        """Whether whoever used it has to be told."""
        return not self.here

    @property
    def told(self) -> str:
        """The note without its links."""
        return _LINK.sub(r"\1", self.note)


@dataclass(frozen=True, slots=True)
class Vendor:
    """A service whose addresses are understood."""

    title: str
    hosts: tuple[str, ...]
    """Empty for software that runs anywhere."""
    rules: tuple[Rule, ...]
    defaults: Values
    """What it does when nothing is said, where we would do otherwise and the picture had another shape."""
    read: Callable[[SplitResult], dict[str, str]] = from_query


def same(there: str, here: str, note: str = "") -> Rule:
    """Another name, the same values."""
    return Rule((there,), f"`{here}`", note, lambda said: {here: said[there]})


def flag(there: str, here: str, note: str = "", *, inverted: bool = False) -> Rule:
    """A boolean under another name."""
    return Rule((there,), f"`{here}`", note, lambda said: {here: str(_truth(said[there]) != inverted).lower()})


def when(there: str, here: str, note: str = "", *, said: bool = True) -> Rule:
    """Options, written as a query, where theirs is true (or where it is false)."""
    options = dict(pair.split("=", 1) for pair in here.split("&"))
    return Rule((there,), f"`{here}`", note, lambda values: options if _truth(values[there]) is said else {})


def times(there: str, here: str, factor: int, note: str) -> Rule:
    """A number in a larger unit."""
    return Rule((there,), f"`{here}`", note, lambda said: {here: str(round(_number(said[there]) * factor))})


def words(there: str, here: str, known: Values, note: str = "") -> Rule:
    """A word for a word, whatever its case."""

    def convert(said: Values) -> Values:
        word = said[there].lower()
        if word not in known:
            raise Untranslatable(f"{there}={said[there]}: there is no such {here} here")
        return {here: known[word]}

    return Rule((there,), f"`{here}`", note, convert)


def device(there: str) -> Rule:
    """One of our presets, however its name is put together."""

    def convert(said: Values) -> Values:
        name = re.sub(r"[\s_]+", "-", said[there].strip().lower())
        if name not in DEVICES:
            raise Untranslatable(f"{there}={said[there]}: there is no such device here; say width, height and scale")
        return {"device": name}

    return Rule((there,), "`device`", "small and with dashes: [our presets](../options.md#devices)", convert)


def joined(there: str, here: str, note: str = "") -> Rule:
    """Several numbers of theirs (names by commas), in one option here; what is not said before the last said is 0."""
    names = tuple(there.split(","))

    def convert(said: Values) -> Values:
        last = max(names.index(name) for name in said)
        return {here: ",".join(said.get(name, "0") for name in names[: last + 1])}

    return Rule(names, f"`{here}`", note, convert)


def needless(there: str, why: str) -> Rule:
    """Theirs asks for what is always so here."""
    return Rule((there,), "always", why, lambda _: {})


def absent(there: str, why: str) -> Rule:
    """What does not exist here, or not in an address; several names by commas."""
    return Rule(tuple(there.split(",")), "", why, lambda _: {})


def _truth(value: str) -> bool:
    if value.lower() in _YES | _NO:
        return value.lower() in _YES
    raise Untranslatable(f"{value} is neither true nor false")


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise Untranslatable(f"{value} is no number") from None
