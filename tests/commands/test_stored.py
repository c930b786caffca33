"""``tintype stored``: ls, rm and prune over a folder and a bucket, with their exit codes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.servers import S3Server
from tests.support.contracts.storage import keys_of, stored_object
from tintype import backends, cli
from tintype.protocols import Storage
from tintype.settings import Settings

KEYS = sorted(stored_object(name).key for name in ("one", "two", "three"))


@pytest.fixture(params=["disk", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path / "data"))
    if request.param == "disk":
        yield fill(backends.open_storage(Settings.load()))
        return
    with S3Server() as server:
        server.create_bucket("shots")
        names = {"S3_BUCKET": "shots", "S3_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "x"}
        for name, value in {**names, "AWS_SECRET_ACCESS_KEY": "made-up-secret"}.items():
            monkeypatch.setenv(name, value)
        yield fill(backends.open_storage(Settings.load()))


def fill(storage: Storage) -> Storage:
    for name in ("one", "two", "three"):
        storage.put(replace(stored_object(name), target=f"https://{name}.org/"))
    return storage


def test_lists_removes_and_prunes(storage: Storage, capfd: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, list[str], str]:
        code = cli.run(["stored", *arguments])
        output, error = capfd.readouterr()
        return code, output.splitlines(), error

    code, lines, error = run("ls")
    assert (code, len(lines), "3 objects" in error, storage.name in error) == (0, 3, True, True)
    code, lines, _ = run("ls", "--json", "--host", "two.org")
    (found,) = map(json.loads, lines)
    assert (found["target"], found["metadata"], found["content_type"]) == ("https://two.org/", "ok", "image/png")

    one = stored_object("one").key
    assert run("rm", one, "--dry-run")[:2] == (0, [one])
    assert keys_of(storage) == KEYS
    assert run("rm", f"https://thumbs.example.com/stored/{one}")[:2] == (0, [one])
    code, lines, error = run("rm", one)
    assert (code, lines, "is not stored" in error) == (1, [], True)
    code, _, error = run("rm", "--url", "https://two.org")
    assert (code, "Deleted 1 object" in error, storage.name in error) == (0, True, True)
    assert run("rm")[0] == 2
    assert run("rm", "--host", "a b")[0] == 2
    assert run("rm", "--older-than", "soon")[0] == 2
    assert run("prune")[0] == 2, "neither a setting nor a flag names the age"
    assert run("prune", "--older-than", "1d")[:2] == (0, [])
    assert run("prune", "--older-than", "0s", "--dry-run")[1] in ([], [stored_object("three").key])
    assert keys_of(storage) == [stored_object("three").key]


def test_prunes_by_the_retention_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINTYPE_STORED_RETENTION", "30d")
    fill(backends.open_storage(Settings.load()))
    old = stored_object("two").key
    (path,) = tmp_path.rglob(old.removeprefix("thumbs/"))
    os.utime(path, (0, time.time() - 31 * 86_400))
    assert cli.run(["stored", "prune", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["key"] == old
    assert not path.exists()


def test_unavailable_storage_exits_with_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(backends.open_storage(Settings.load()))

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", fail)
    assert cli.run(["stored", "ls"]) == 4
    assert "Traceback" not in capfd.readouterr().err
