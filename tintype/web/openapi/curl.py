"""curl commands of the page at ``/docs``, one for each operation, with the base URL of the node."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

BASE = "http://base-url.invalid"
"""Stands for the base URL in a command, until the page is sent to a client."""
_EXAMPLE_TARGET = "url=https%3A%2F%2Fexample.com%2F"
_TARGET_ROUTES = ("/thumb", "/meta")
_KEY = '"Authorization: Bearer $TINTYPE_KEY"'


def command(path: str, method: str, operation: Mapping[str, Any]) -> str:
    """A command that works as it is: images go into a file, and ``$TINTYPE_KEY`` is the client's API key."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    parts = [["curl", *_output(path, method), *([] if method in {"get", "post"} else ["-X", method.upper()])]]
    if any("bearer" in each for each in operation.get("security", ())):
        parts.append(["-H", _KEY])
    if content:
        parts += [["-H", "'Content-Type: application/json'"], ["-d", shlex.quote(json.dumps(content["example"]))]]
    query = f"?{_EXAMPLE_TARGET}" if path in _TARGET_ROUTES and not content else ""
    parts.append([f"'{BASE}{_named(path)}{query}'"])
    if parts[0] == ["curl"]:
        parts[:2] = [["curl", *parts[1]]]
    return " \\\n  ".join(" ".join(part) for part in parts)


def _output(path: str, method: str) -> list[str]:
    if path == "/thumb":
        return ["-o", "thumbnail.png"]
    if path.endswith("/archive"):
        return ["-o", "job.zip"]
    if path.endswith("/events"):
        return ["-N"]
    if path.endswith("/preview"):
        return ["-o", "preview.webp"]
    return ["-O"] if method == "get" and path.startswith("/stored/") else []


def _named(path: str) -> str:
    """The path with a word in place of each parameter: curl expands braces."""
    return re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), path)
