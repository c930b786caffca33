"""As whom the browser runs."""

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


def test_whoever_is_not_root_stays_who_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    chosen = user.choose_user("tintype")
    assert (chosen.uid, chosen.gid) == (-1, -1)


@pytest.mark.usefixtures("_root")
class TestAsRoot:
    def test_the_browser_has_its_own_user(self, users: dict[str, int]) -> None:
        users.update(tintype=900, nobody=65534)
        assert user.choose_user("tintype") == user.BrowserUser("tintype", 900, 900)

    def test_nobody_is_the_last_resort(self, users: dict[str, int]) -> None:
        users.update(nobody=65534)
        assert user.choose_user("tintype").name == "nobody"

    def test_another_name_for_root_is_no_user(self, users: dict[str, int]) -> None:
        users.update(toor=0, nobody=65534)
        assert user.choose_user("toor").name == "nobody"

    def test_without_any_user_there_is_no_start(self, users: dict[str, int]) -> None:
        with pytest.raises(ConfigurationError, match=r"TINTYPE_BROWSER_USER.*useradd"):
            user.choose_user("tintype")

    def test_root_only_where_the_sandbox_was_given_up(self, users: dict[str, int]) -> None:
        assert user.choose_user("tintype", allow_root=True).name == "root"
