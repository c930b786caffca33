"""Where Chromium's binary is found: real trees of files, no browser is started."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tintype.provision import find_browser

ELF = b"\x7fELF\x02\x01\x01"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine: its /usr/bin, home and library folders lie under the returned folder."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH", raising=False)
    monkeypatch.setattr(find_browser, "_LIBRARIES", (tmp_path / "lib/chromium",))
    monkeypatch.setattr(find_browser, "SHARED_BROWSERS", tmp_path / "opt/tintype/browsers")
    return tmp_path


def put(path: Path, content: bytes = ELF) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def script(path: Path, text: str) -> Path:
    return put(path, f"#!/bin/sh -e\n{text}\n".encode())


def test_an_empty_machine_has_none(machine: Path) -> None:
    assert find_browser.find_chromium() is None


def test_debians_wrapper_leads_to_the_binary_it_starts(machine: Path) -> None:
    binary = put(machine / "lib/chromium/chromium-headless-shell")
    wrapper = script(machine / "bin/chromium-headless-shell", f'{binary} "$@"')
    assert find_browser.find_chromium() == find_browser.find_chromium(str(wrapper)) == binary


def test_a_wrapper_that_builds_its_path_from_a_folder(machine: Path) -> None:
    binary = put(machine / "elsewhere/chromium")
    script(machine / "bin/chromium", f'LIBDIR={binary.parent}\nexec $LIBDIR/$APPNAME "$@"')
    assert find_browser.find_chromium() == binary


def test_a_wrapper_with_the_binary_beside_it_behind_a_link(machine: Path) -> None:
    binary = put(machine / "opt/google/chrome/chrome")
    wrapper = script(machine / "opt/google/chrome/google-chrome", 'exec "$HERE/chrome" "$@"')
    (machine / "bin/google-chrome").symlink_to(wrapper)
    assert find_browser.find_chromium() == binary


def test_a_wrapper_that_leads_nowhere_is_passed_over(machine: Path) -> None:
    script(machine / "bin/chromium-headless-shell", '/gone/chromium-headless-shell "$@"')
    chrome = put(machine / "bin/google-chrome-stable")
    assert find_browser.find_chromium() == chrome


def test_ubuntus_snap_stub_is_no_browser(machine: Path) -> None:
    put(machine / "lib/chromium/chromium-browser", b"not a program")
    script(machine / "bin/chromium-browser", 'exec /snap/bin/chromium "$@"')
    snap = put(machine / "usr/bin/snap")
    (machine / "bin/chromium").symlink_to(snap)
    assert find_browser.find_chromium() is None


def test_a_headless_shell_wins_over_a_full_browser(machine: Path) -> None:
    put(machine / "bin/google-chrome")
    put(machine / "bin/chromium")
    cached = put(machine / "home/.cache/ms-playwright/chromium_headless_shell-1100/chrome-linux/headless_shell")
    assert find_browser.find_chromium() == cached
    installed = put(machine / "bin/chromium-headless-shell")
    assert find_browser.find_chromium() == installed


def test_a_library_folder_is_searched_without_a_command_on_the_path(machine: Path) -> None:
    binary = put(machine / "lib/chromium/chromium-headless-shell")
    assert find_browser.find_chromium() == binary


@pytest.mark.parametrize(
    "layout",
    [
        "chromium_headless_shell-1100/chrome-linux/headless_shell",
        "chromium_headless_shell-1200/chrome-headless-shell-linux64/chrome-headless-shell",
        "chromium-1100/chrome-linux/chrome",
        "chromium-1100/chrome-mac/Chromium.app/Contents/MacOS/Chromium",
    ],
)
@pytest.mark.parametrize("cache", ["home/.cache/ms-playwright", "home/Library/Caches/ms-playwright", "named"])
def test_playwrights_downloads_are_found(
    machine: Path, monkeypatch: pytest.MonkeyPatch, cache: str, layout: str
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(machine / "named"))
    binary = put(machine / cache / layout)
    assert find_browser.find_chromium() == binary


def test_the_newest_download_wins_by_number_not_by_text(machine: Path) -> None:
    cache = machine / "home/.cache/ms-playwright"
    put(cache / "chromium_headless_shell-999/chrome-linux/headless_shell")
    newest = put(cache / "chromium_headless_shell-1200/chrome-linux/headless_shell")
    assert find_browser.find_chromium() == newest


def test_a_shared_download_is_found(machine: Path) -> None:
    binary = put(machine / "opt/tintype/browsers/chromium_headless_shell-1/chrome-linux/headless_shell")
    assert find_browser.find_chromium() == binary


def test_applications_on_a_mac(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    binary = put(
        machine / "home/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", b"\xcf\xfa\xed\xfe\x0c\x00"
    )
    assert find_browser.find_chromium() == binary


class TestTheOperatorsChoice:
    def test_is_the_only_candidate(self, machine: Path) -> None:
        put(machine / "bin/chromium-headless-shell")
        assert find_browser.find_chromium(str(machine / "nowhere")) is None

    def test_may_have_any_name(self, machine: Path) -> None:
        mine = put(machine / "mine/browser-of-mine")
        assert find_browser.find_chromium(str(mine)) == mine

    def test_may_be_a_command(self, machine: Path) -> None:
        put(machine / "bin/chromium-headless-shell")
        chrome = put(machine / "bin/google-chrome")
        assert find_browser.find_chromium("google-chrome") == chrome

    def test_may_be_below_the_home_folder(self, machine: Path) -> None:
        mine = put(machine / "home/browser")
        assert find_browser.find_chromium("~/browser") == mine

    def test_must_be_a_program(self, machine: Path) -> None:
        text = machine / "notes.txt"
        text.write_text("a note")
        assert find_browser.find_chromium(str(text)) is None
        assert find_browser.find_chromium(str(machine)) is None

    def test_that_is_a_foreign_script_does_not_fall_back_to_the_system(self, machine: Path) -> None:
        put(machine / "lib/chromium/chromium")
        assert find_browser.find_chromium(str(script(machine / "start.sh", "true"))) is None


def test_a_browser_is_open_to_all_only_when_every_folder_above_it_is() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        binary = put(folder / "inner/browser")
        assert find_browser.is_world_executable(binary)
        binary.parent.chmod(0o700)
        assert not find_browser.is_world_executable(binary)


class TestTheVersion:
    def test_is_what_the_browser_says(self, machine: Path) -> None:
        assert find_browser.version_of(script(machine / "chromium", "echo Chromium 1.2.3")) == "Chromium 1.2.3"

    def test_of_one_that_does_not_start_is_its_reason(self, machine: Path) -> None:
        broken = script(machine / "chromium", "echo libnss3.so: cannot open >&2; exit 127")
        with pytest.raises(OSError, match=r"libnss3\.so: cannot open"):
            find_browser.version_of(broken)
