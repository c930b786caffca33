"""Names of all log events of the package, read from its source with ``ast``."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator

from tests.support.paths import ROOT

_EVENT_ARGUMENT = {"debug": 0, "info": 0, "warning": 0, "error": 0, "exception": 0, "critical": 0, "log": 1}
"""Methods of a logger, and the position of the event among their arguments."""
_EVENT = re.compile(r"[a-z]+(_[a-z]+)+")
_EVENT_IN_JSON = re.compile(r'"event": "(\w+)"')


@functools.cache
def log_events() -> frozenset[str]:
    """The events that the package logs."""
    sources = (ROOT / "tintype").rglob("*.py")
    return frozenset(event for source in sources for event in _events(ast.parse(source.read_text())))


def _events(tree: ast.Module) -> Iterator[str]:
    aliases = {name for node in ast.walk(tree) if isinstance(node, ast.Assign) for name in _logger_aliases(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (position := _event_position(node.func, aliases)) is not None:
            texts = (text for argument in node.args[position : position + 1] for text in _strings(argument))
            yield from filter(_EVENT.fullmatch, texts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):  # a line written without the logger
            yield from _EVENT_IN_JSON.findall(node.value)


def _event_position(function: ast.expr, aliases: set[str]) -> int | None:
    if isinstance(function, ast.Attribute):
        return _EVENT_ARGUMENT.get(function.attr)
    return 0 if isinstance(function, ast.Name) and function.id in aliases else None


def _logger_aliases(assignment: ast.Assign) -> list[str]:
    """Variables that hold a method of a logger, such as ``write = log.info if loud else log.debug``."""
    value = assignment.value
    values = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
    if all(isinstance(each, ast.Attribute) and each.attr in _EVENT_ARGUMENT for each in values):
        return [target.id for target in assignment.targets if isinstance(target, ast.Name)]
    return []


def _strings(argument: ast.expr) -> list[str]:
    """The text of a constant, or those of both branches of a conditional expression."""
    if isinstance(argument, ast.IfExp):
        return [*_strings(argument.body), *_strings(argument.orelse)]
    return [argument.value] if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else []
