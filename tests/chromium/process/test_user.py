"""The user that runs the browser."""

from __future__ import annotations

import os
import pwd

import pytest

from tintype.chromium.process import user
from tintype.errors import ConfigurationError


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    known: dict[str, int] = {}

    def find(name: str) -> pwd.struct_passwd:
        uid = known[name]
        return pwd.struct_passwd((name, "x", uid, uid, "", "/", "/bin/false"))

    monkeypatch.setattr(pwd, "getpwnam", find)
    return known


@pytest.fixture
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_keeps_a_user_that_is_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    chosen = user.choose_user("tintype")
    assert (chosen.uid, chosen.gid) == (-1, -1)


@pytest.mark.usefixtures("_root")
class TestRoot:
    def test_gets_the_configured_user(self, users: dict[str, int]) -> None:
        users.update(tintype=900, nobody=65534)
        assert user.choose_user("tintype") == user.BrowserUser("tintype", 900, 900)

    def test_falls_back_to_nobody(self, users: dict[str, int]) -> None:
        users.update(nobody=65534)
        assert user.choose_user("tintype").name == "nobody"

    def test_rejects_another_name_of_root(self, users: dict[str, int]) -> None:
        users.update(toor=0, nobody=65534)
        assert user.choose_user("toor").name == "nobody"

    def test_fails_if_no_user_exists(self, users: dict[str, int]) -> None:
        with pytest.raises(ConfigurationError, match=r"TINTYPE_BROWSER_USER.*useradd"):
            user.choose_user("tintype")

    def test_stays_root_only_without_the_sandbox(self, users: dict[str, int]) -> None:
        assert user.choose_user("tintype", allow_root=True).name == "root"
