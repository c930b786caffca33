"""Tests of the installation of browser, fonts and user.

Package managers are scripts on the PATH that record their arguments and do what a test sets; files and processes are
real.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from tintype.provision import find_browser
from tintype.provision.install import InstallFailed, install_browser

STARTS = "#!/bin/sh\necho Chromium 1.2.3\n"
USER = "tintype-of-the-tests"


class Machine:
    """An empty machine in a folder: its commands, its packages, and what was reported and called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.bin.mkdir(parents=True)
        self.calls_file = root / "calls"
        self.reported: list[str] = []

    def command(self, name: str, text: str = "") -> None:
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.calls_file}\n{text}\n')
        path.chmod(0o755)

    def debian(self, candidate: str = "1.2.3", *, fonts: bool = False, brings: Path | None = None) -> None:
        """Commands of Debian; ``brings`` is the browser that apt-get then installs."""
        self.command("dpkg-query", 'echo "install ok installed"' if fonts else "exit 1")
        self.command("apt-cache", f'echo "$2:"\necho "  Candidate: {candidate}"')
        self.command("apt-get", f'case "$*" in *chromium*) {self._making(brings)};; esac' if brings else "")

    def downloader(self, *, brings: Path) -> None:
        self.command("npx", self._making(brings))

    def _making(self, binary: Path) -> str:
        return f"/bin/mkdir -p {binary.parent}; printf '{STARTS}' >{binary}; /bin/chmod 755 {binary}"

    def browser(self, path: str = "bin/chromium-headless-shell", text: str = STARTS) -> Path:
        binary = self.root / path
        binary.parent.mkdir(parents=True, exist_ok=True)
        binary.write_text(text)
        binary.chmod(0o755)
        return binary

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def install(self, explicit: str = "") -> Path:
        return install_browser(explicit, USER, self.reported.append)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH", raising=False)
    monkeypatch.setattr(find_browser, "_LIBRARIES", (tmp_path / "lib/chromium",))
    monkeypatch.setattr(find_browser, "_MAGIC", (b"#!/b",))  # programs of this machine are scripts
    monkeypatch.setattr(find_browser, "SHARED_BROWSERS", tmp_path / "shared")
    monkeypatch.setattr(find_browser, "is_world_executable", lambda binary: "home" not in binary.parts)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    return Machine(tmp_path)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> Machine:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: name)
    return machine


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> Machine:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return machine


def test_uses_an_installed_browser_without_a_report(as_user: Machine) -> None:
    binary = as_user.browser()
    assert as_user.install() == binary
    assert as_user.calls == as_user.reported == []


def test_uses_the_browser_of_the_setting(as_user: Machine) -> None:
    as_user.browser()
    mine = as_user.browser("opt/mine")
    assert as_user.install(str(mine)) == mine


def test_rejects_a_setting_without_a_browser_and_installs_nothing(as_root: Machine) -> None:
    as_root.debian()
    with pytest.raises(InstallFailed, match="TINTYPE_CHROMIUM: no browser at /nowhere"):
        as_root.install("/nowhere")
    assert as_root.calls == []


def test_reports_why_a_browser_does_not_start(as_user: Machine) -> None:
    as_user.browser(text="#!/bin/sh\necho libnss3.so: cannot open shared object file >&2\nexit 127\n")
    with pytest.raises(InstallFailed, match=r"chromium-headless-shell does not start: libnss3\.so"):
        as_user.install()


class TestApt:
    def test_installs_browser_and_fonts(self, as_root: Machine) -> None:
        binary = as_root.root / "lib/chromium/chromium-headless-shell"
        as_root.debian(brings=binary)
        assert as_root.install() == binary
        installs = [call for call in as_root.calls if call.startswith("apt-get install")]
        assert installs[0].endswith(" chromium-headless-shell")
        assert installs[1].endswith(
            " fontconfig fonts-liberation fonts-crosextra-carlito fonts-crosextra-caladea"
            " fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji"
        )
        assert all("--no-install-recommends" in call for call in installs)

    def test_installs_fonts_for_an_installed_browser(self, as_root: Machine) -> None:
        as_root.debian()
        as_root.browser()
        as_root.install()
        installs = [call for call in as_root.calls if call.startswith("apt-get install")]
        assert len(installs) == 1
        assert "fonts-noto-cjk" in installs[0]

    def test_does_not_start_apt_when_nothing_is_missing(self, as_root: Machine) -> None:
        as_root.debian(fonts=True)
        as_root.browser()
        as_root.install()
        assert not [call for call in as_root.calls if call.startswith("apt-get")]

    def test_reports_fonts_that_apt_cannot_install_and_continues(self, as_root: Machine) -> None:
        as_root.debian()
        as_root.command("apt-get", "echo 'E: Unable to locate package' >&2; exit 100")
        binary = as_root.browser()
        assert as_root.install() == binary
        assert as_root.reported[-1].startswith("apt-get cannot install fontconfig fonts-liberation")
        assert as_root.reported[-1].endswith("(exit status 100; E: Unable to locate package).")

    def test_reports_why_apt_has_no_answer_about_a_browser(self, as_root: Machine) -> None:
        as_root.debian(fonts=True)
        as_root.command("apt-cache", "echo 'E: The package lists are corrupt' >&2; exit 100")
        with pytest.raises(InstallFailed):
            as_root.install()
        assert (
            "apt-cache policy chromium failed (exit status 100; E: The package lists are corrupt)." in as_root.reported
        )

    def test_reports_writing_systems_without_a_font(self, as_root: Machine) -> None:
        as_root.debian(fonts=True)
        as_root.browser()
        as_root.command("fc-list", 'echo "True 0-dff e80-10ffff"')  # Thai lies between
        as_root.command("fc-match", "echo Liberation Sans,Liberation Serif,Liberation Mono,Carlito")
        as_root.install()
        assert as_root.reported == [
            "Fonts: no font with the metrics of Cambria: install fonts-crosextra-caladea.",
            "Fonts: no font for Thai: install fonts-noto-core.",
        ]

    def test_ignores_a_browser_in_the_home_of_root(self, as_root: Machine) -> None:
        as_root.browser("home/.cache/ms-playwright/chromium_headless_shell-1/chrome-linux/headless_shell")
        binary = as_root.root / "bin/chromium-headless-shell"
        as_root.debian(brings=binary)
        assert as_root.install() == binary


class TestPlaywright:
    @pytest.mark.parametrize("candidate", ["(none)", "2:1snap1-0ubuntu2"])
    def test_downloads_to_a_folder_that_every_user_can_read(self, as_root: Machine, candidate: str) -> None:
        binary = as_root.root / "shared/chromium_headless_shell-1/chrome-linux/headless_shell"
        as_root.debian(candidate)
        as_root.downloader(brings=binary)
        assert as_root.install() == binary
        assert "npx --yes playwright install chromium-headless-shell --with-deps" in as_root.calls
        assert not [call for call in as_root.calls if call.startswith("apt-get install") and "chromium" in call]

    def test_downloads_without_root(self, as_user: Machine) -> None:
        binary = as_user.root / "home/.cache/ms-playwright/chromium_headless_shell-1/chrome-linux/headless_shell"
        as_user.debian()
        as_user.downloader(brings=binary)
        assert as_user.install() == binary
        assert as_user.calls == ["npx --yes playwright install chromium-headless-shell"]

    def test_prefers_the_python_package_of_playwright(self, as_user: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
        monkeypatch.setattr("sys.executable", str(as_user.bin / "python"))
        as_user.command("python", as_user._making(as_user.bin / "chromium"))
        as_user.command("npx")
        as_user.install()
        assert as_user.calls == ["python -m playwright install chromium-headless-shell"]

    def test_fails_with_three_lines_of_advice(self, as_user: Machine) -> None:
        as_user.command("npx", "echo 'npm ERR! network' >&2; exit 1")
        with pytest.raises(InstallFailed) as failure:
            as_user.install()
        assert len(str(failure.value).splitlines()) == 3
        assert "TINTYPE_CHROMIUM" in str(failure.value)
        assert "Playwright cannot download Chromium (exit status 1; npm ERR! network)." in as_user.reported


class TestBrowserUser:
    @pytest.fixture
    def unknown(self, as_root: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
        def missing(name: str) -> None:
            raise KeyError(name)

        monkeypatch.setattr(pwd, "getpwnam", missing)
        as_root.browser()
        return as_root

    def test_creates_a_user_without_home_and_login(self, unknown: Machine) -> None:
        unknown.command("useradd")
        unknown.install()
        (call,) = [call for call in unknown.calls if call.startswith("useradd")]
        assert "--system --no-create-home" in call
        assert call.endswith(f"nologin {USER}")

    def test_names_the_setting_when_the_user_cannot_be_created(self, unknown: Machine) -> None:
        unknown.command("useradd", "echo 'useradd: cannot lock /etc/passwd' >&2; exit 1")
        unknown.install()
        assert unknown.reported[0] == (
            f"Cannot create the system user {USER} (exit status 1; useradd: cannot lock /etc/passwd)."
            " Set TINTYPE_BROWSER_USER to an existing user."
        )

    def test_reports_a_program_that_is_not_installed(self, unknown: Machine) -> None:
        unknown.install()
        assert "(it does not start: No such file or directory)" in unknown.reported[0]

    def test_keeps_an_existing_user(self, as_root: Machine) -> None:
        as_root.browser()
        as_root.command("useradd")
        as_root.install()
        assert as_root.calls == []

    def test_creates_no_user_without_root(self, as_user: Machine) -> None:
        as_user.browser()
        as_user.command("useradd")
        as_user.install()
        assert as_user.calls == []
