"""Where commands keep data: the user's cache for captures, never a new folder for commands about a service."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.servers import S3Server
from tests.support.terminal import Terminal
from tintype.commands.data_folders import user_cache_folder

pytestmark = pytest.mark.usefixtures("own_settings", "engine")

PAGE = "http://127.0.0.1:9/page"


@pytest.fixture(autouse=True)
def user_cache(own_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of the user; TINTYPE_DATA_DIR is not set."""
    monkeypatch.delenv("TINTYPE_DATA_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return tmp_path / "caches" / "tintype"


class TestUserCache:
    def test_holds_the_cache_of_shot_and_batch(self, tintype: Terminal, user_cache: Path) -> None:
        Path("urls.txt").write_text(f"{PAGE}\n")
        assert tintype("shot", PAGE, "-o", "a.png") == 0
        assert tintype("batch", "urls.txt", "-o", "out") == 0
        assert "(HIT, " in tintype.err
        assert sorted(path.name for path in Path().iterdir()) == ["a.png", "out", "urls.txt"]
        assert (user_cache / "cache").is_dir()

    def test_yields_to_the_setting(self, tintype: Terminal, user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DATA_DIR", "mine")
        assert tintype("shot", PAGE) == 0
        assert Path("mine/cache").is_dir()
        assert not user_cache.exists()

    def test_ignores_a_relative_path(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", "caches")
        assert user_cache_folder() == tmp_path / ".cache" / "tintype"


class TestWrongFolder:
    @pytest.mark.parametrize(
        "arguments", [("purge", "--all"), ("purge", "--url", PAGE), ("stored", "ls"), ("stored", "rm", "--host", "a.b")]
    )
    def test_receives_no_files_but_an_error(self, tintype: Terminal, arguments: tuple[str, ...]) -> None:
        assert tintype(*arguments) == 2
        assert f"There is no data folder {Path('data').absolute()}" in tintype.err
        assert "set TINTYPE_DATA_DIR" in tintype.err
        assert list(Path().iterdir()) == []

    def test_names_the_cache_of_shot_if_there_is_one(self, tintype: Terminal, user_cache: Path) -> None:
        assert tintype("shot", PAGE) == 0
        assert tintype("purge", "--all") == 2
        assert f"The cache of tintype shot and batch: TINTYPE_DATA_DIR={user_cache}" in tintype.err

    def test_purges_a_cache_in_redis_from_any_folder(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
        assert tintype("purge", "--all") == 4
        assert list(Path().iterdir()) == []

    def test_receives_no_files_from_commands_about_a_bucket(
        self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        with S3Server() as server:
            server.create_bucket("thumbs")
            bucket = {"S3_BUCKET": "thumbs", "S3_REGION": "us-east-1", "S3_ENDPOINT_URL": server.url}
            for name, value in bucket.items():
                monkeypatch.setenv(name, value)
            assert tintype("stored", "ls") == 0
        assert list(Path().iterdir()) == []

    def test_receives_no_storage_folder(self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_STORAGE_DIR", "elsewhere")
        assert tintype("stored", "ls") == 2
        assert "TINTYPE_STORAGE_DIR: there is no folder elsewhere" in tintype.err
        assert list(Path().iterdir()) == []

    def test_receives_no_files_from_commands_without_data(
        self, tintype: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TINTYPE_SIGNING_KEYS", "0123456789abcdef")
        assert tintype("sign", PAGE) == 0
        assert tintype("openapi") == 0
        assert tintype("migrate", "https://api.snapsharp.dev/v1/screenshot?url=https://site.org") == 0
        assert list(Path().iterdir()) == []
