"""Installs a browser, fonts and the browser's user: ``tintype install-browser``.

An installed browser is used. Else apt installs one, as root on Debian and Ubuntu; else Playwright downloads one. The
package of Ubuntu only points to a snap, which Tintype cannot control. If all of them fail, the error has instructions.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tintype.provision import find_browser, fonts

_BROWSERS = ("chromium-headless-shell", "chromium")
_DOWNLOAD = ("install", "chromium-headless-shell")
_TIMEOUT = 1800.0
"""Seconds for one helper program: 300 MB from a slow mirror."""
_STDERR_LINES = 3
"""Lines of a failed program's stderr that a message repeats."""

_NO_BROWSER_HELP = """\
No Chromium was found, and none could be installed.
Install one: as root on Debian or Ubuntu run `tintype install-browser`; elsewhere `npx playwright install \
chromium-headless-shell`, or your system's package of Chromium or Chrome.
Then run this again, or set TINTYPE_CHROMIUM to its binary."""

Report = Callable[[str], None]
"""Receives one line of progress or warning."""


class InstallFailed(Exception):
    """No browser starts. The text has instructions for the operator."""


def install_browser(explicit: str, user: str, report: Report, packages: Sequence[str] = fonts.PACKAGES) -> Path:
    """Install a browser, its fonts and its user where they are missing; returns the binary, raises InstallFailed.

    ``explicit`` is TINTYPE_CHROMIUM, ``packages`` are Debian packages of fonts. Packages and ``user`` are installed as
    root only.
    """
    if explicit and not find_browser.find_chromium(explicit):
        raise InstallFailed(f"TINTYPE_CHROMIUM: no browser at {explicit}; set the path of a binary, or unset it")
    if os.geteuid() == 0:
        _ensure_user(user, report)
        _install_packages(_usable_browser(explicit), packages, report)
    binary = _usable_browser(explicit) or _download(report)
    if binary is None:
        raise InstallFailed(_NO_BROWSER_HELP)
    _check_start(binary)
    _check_fonts(report)
    return binary


def _usable_browser(explicit: str) -> Path | None:
    """The installed browser, unless the browser's user cannot execute it."""
    binary = find_browser.find_chromium(explicit)
    if binary and os.geteuid() == 0 and not explicit and not find_browser.is_world_executable(binary):
        return None
    return binary


def _ensure_user(user: str, report: Report) -> None:
    """Create the user that Chromium runs as when root starts Tintype: Chromium's sandbox does not run as root."""
    with contextlib.suppress(KeyError):
        pwd.getpwnam(user)
        return
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    if failure := _run([*command, user]):
        report(f"Cannot create the system user {user} ({failure}). Set TINTYPE_BROWSER_USER to an existing user.")
    else:
        report(f"Created the system user {user}. Chromium runs as this user.")


def _install_packages(binary: Path | None, packages: Sequence[str], report: Report) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-query"):
        return
    wanted = [name for name in packages if not _is_installed(name)]
    if binary and not wanted:
        return
    if failure := _run(["apt-get", "update", "-qq"]):
        report(f"apt-get update failed ({failure}). Continuing with the present package lists.")
    if not binary and (browser := next((name for name in _BROWSERS if _is_available(name, report)), None)):
        _apt_install([browser], report)
    if wanted:
        _apt_install(wanted, report)


def _apt_install(packages: Sequence[str], report: Report) -> None:
    report(f"Installing {' '.join(packages)} ...")
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *packages]
    if failure := _run(command, {"DEBIAN_FRONTEND": "noninteractive"}):
        report(f"apt-get cannot install {' '.join(packages)} ({failure}).")


def _is_installed(package: str) -> bool:
    """Whether dpkg has installed a package; dpkg-query fails for an unknown package."""
    _, output = _run_and_read(["dpkg-query", "-W", "-f", "${Status}", package])
    return "ok installed" in output


def _is_available(package: str, report: Report) -> bool:
    """Whether apt has a package with a browser: the one of Ubuntu has ``snap`` in its version and contains none."""
    failure, output = _run_and_read(["apt-cache", "policy", package])
    if failure:
        report(f"apt-cache policy {package} failed ({failure}).")
    lines = output.splitlines()
    candidate = next((line for line in lines if "Candidate:" in line), "")
    return bool(candidate) and "(none)" not in candidate and "snap" not in candidate


def _download(report: Report) -> Path | None:
    downloader = _downloader()
    if downloader is None:
        return None
    root = os.geteuid() == 0
    report("Downloading Chromium with Playwright ...")
    shared = {"PLAYWRIGHT_BROWSERS_PATH": str(find_browser.SHARED_BROWSERS)} if root else {}
    if failure := _run([*downloader, *_DOWNLOAD, *(["--with-deps"] if root else [])], shared):
        report(f"Playwright cannot download Chromium ({failure}).")
    return find_browser.find_chromium()


def _downloader() -> list[str] | None:
    if importlib.util.find_spec("playwright"):
        return [sys.executable, "-m", "playwright"]
    return [npx, "--yes", "playwright"] if (npx := shutil.which("npx")) else None


def _check_start(binary: Path) -> None:
    try:
        find_browser.version_of(binary)
    except OSError as error:
        raise InstallFailed(f"{binary} does not start: {error}") from error


def _check_fonts(report: Report) -> None:
    """Report writing systems without a font; without fontconfig they are unknown, which ``tintype doctor`` reports."""
    with contextlib.suppress(fonts.FontconfigUnavailable):
        for line in fonts.advice(fonts.missing_scripts(), fonts.missing_substitutes()):
            report(f"Fonts: {line}.")


def _run(command: Sequence[str], more: Mapping[str, str] | None = None) -> str:
    """Run a helper program; returns why it failed, with the end of its stderr, or an empty text."""
    return _run_and_read(command, more)[0]


def _run_and_read(command: Sequence[str], more: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Run a helper program; returns why it failed, or an empty text, and its stdout."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "LC_ALL": "C", **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {_TIMEOUT:g} s", ""
    except OSError as error:
        return f"it does not start: {error.strerror}", ""
    if done.returncode == 0:
        return "", done.stdout
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return "; ".join((f"exit status {done.returncode}", *lines[-_STDERR_LINES:])), done.stdout
