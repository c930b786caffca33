"""Settings of the capture daemon and its address."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tintype import backends
from tintype.chromium.daemon.config import DaemonConfig, address_for, command_for
from tintype.settings import Settings

CONFIG = DaemonConfig(slots=3, allow_addresses=("127.0.0.1:8090",))


def test_survives_encoding_as_json() -> None:
    assert DaemonConfig.from_json(CONFIG.to_json()) == CONFIG
    assert command_for(CONFIG, "unix:///run/x.sock")[-2:] == ["unix:///run/x.sock", CONFIG.to_json()]


@pytest.mark.parametrize("text", ["[]", '{"slotz": 1}', "nonsense"])
def test_rejects_other_texts(text: str) -> None:
    with pytest.raises(ValueError, match=r"configuration|Expecting"):
        DaemonConfig.from_json(text)


def test_contains_the_log_format_of_the_service() -> None:
    settings = Settings.load({"TINTYPE_LOG_FORMAT": "console", "TINTYPE_LOG_LEVEL": "debug"}, env_file=None)
    config = backends.daemon_config(settings)
    assert (config.log_format, config.log_level) == ("console", "debug")


def test_gives_different_settings_different_addresses(tmp_path: Path) -> None:
    same = address_for(CONFIG, tmp_path)
    assert address_for(replace(CONFIG), tmp_path) == same
    assert address_for(replace(CONFIG, deny_hosts=("a.example",)), tmp_path) != same
    assert address_for(CONFIG, tmp_path / "other") != same


def test_shortens_the_socket_path_of_a_long_data_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    address = address_for(CONFIG, deep)
    path = Path(address.removeprefix("unix://"))
    assert len(str(path)) < 100
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert address_for(CONFIG, deep) == address
    assert address_for(CONFIG, deep / "other") != address


def test_rejects_a_short_folder_that_others_may_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"tintype-{os.geteuid()}").mkdir(mode=0o755)
    with pytest.raises(PermissionError, match="accessible to other users"):
        address_for(CONFIG, tmp_path / ("x" * 100))
