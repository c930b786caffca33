"""Chooses the OS user Chromium runs as: never root, unless the sandbox is disabled."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

import structlog

from tintype.errors import ConfigurationError

log = structlog.get_logger("tintype.chromium")

_FALLBACK_USER = "nobody"


@dataclass(frozen=True, slots=True)
class BrowserUser:
    """A user. ``uid`` -1: the current user."""

    name: str
    uid: int = -1
    gid: int = -1


def choose_user(browser_user: str, *, allow_root: bool = False) -> BrowserUser:
    """Return the current user or, if that is root, the browser's user, else ``nobody``; raises ConfigurationError."""
    if os.geteuid() != 0:
        return BrowserUser(_current_user_name())
    for name in (browser_user, _FALLBACK_USER):
        user = _find(name)
        if user:
            if name != browser_user:
                log.warning("browser_user_missing", wanted=browser_user, used=name, remedy=_remedy(browser_user))
            return user
    if allow_root:
        return BrowserUser("root")
    raise ConfigurationError(
        f"TINTYPE_BROWSER_USER: Chromium must not run as root and there is no user {browser_user!r}; "
        f"{_remedy(browser_user)}"
    )


def _find(name: str) -> BrowserUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return BrowserUser(name, entry.pw_uid, entry.pw_gid) if entry.pw_uid != 0 else None


def _current_user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _remedy(name: str) -> str:
    return f"create it: useradd --system --no-create-home --shell /usr/sbin/nologin {name or 'tintype'}"
