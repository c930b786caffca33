"""The curl commands of the page at /docs: they work as they are."""

from __future__ import annotations

import shlex

import pytest

from tintype.web.openapi import ApiFeatures, curl, document

OPEN = document(ApiFeatures(admin=True))["paths"]
WITH_KEYS = document(ApiFeatures(keys=True))["paths"]
OPERATIONS = [(path, method) for path, methods in OPEN.items() for method in methods]


def words(path: str, method: str = "get", paths: dict = OPEN) -> list[str]:
    return shlex.split(curl.command(path, method, paths[path][method]).replace("\\\n", ""))


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_requests_the_operation(path: str, method: str) -> None:
    command = words(path, method)
    assert command[0] == "curl"
    assert command[-1].startswith(f"{curl.BASE}{path.partition('{')[0]}")
    assert ("-d" in command) == ("requestBody" in OPEN[path][method])
    assert ("DELETE" in command) == (method == "delete")


def test_begins_with_the_first_argument() -> None:
    assert curl.command("/health", "get", OPEN["/health"]["get"]) == f"curl '{curl.BASE}/health'"


@pytest.mark.parametrize("method", ["get", "post"])
def test_writes_images_into_a_file(method: str) -> None:
    command = words("/thumb", method)
    assert command[command.index("-o") + 1] == "thumbnail.png"


def test_contains_no_braces_which_curl_expands() -> None:
    assert words("/stored/{key}") == ["curl", "-O", f"{curl.BASE}/stored/KEY"]


def test_sends_a_key_only_where_one_is_required() -> None:
    assert "Authorization: Bearer $TINTYPE_KEY" in words("/thumb", paths=WITH_KEYS)
    assert "-H" not in words("/thumb")
    assert "-H" not in words("/health", paths=WITH_KEYS)
