"""Tests of the search for the Chromium binary, on real trees of files; no browser is started."""

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


def test_returns_none_on_an_empty_machine(machine: Path) -> None:
    assert find_browser.find_chromium() is None


def test_resolves_the_wrapper_of_debian(machine: Path) -> None:
    binary = put(machine / "lib/chromium/chromium-headless-shell")
    wrapper = script(machine / "bin/chromium-headless-shell", f'{binary} "$@"')
    assert find_browser.find_chromium() == find_browser.find_chromium(str(wrapper)) == binary


def test_resolves_a_wrapper_that_joins_folder_and_name(machine: Path) -> None:
    binary = put(machine / "elsewhere/chromium")
    script(machine / "bin/chromium", f'LIBDIR={binary.parent}\nexec $LIBDIR/$APPNAME "$@"')
    assert find_browser.find_chromium() == binary


def test_resolves_a_linked_wrapper_beside_its_binary(machine: Path) -> None:
    binary = put(machine / "opt/google/chrome/chrome")
    wrapper = script(machine / "opt/google/chrome/google-chrome", 'exec "$HERE/chrome" "$@"')
    (machine / "bin/google-chrome").symlink_to(wrapper)
    assert find_browser.find_chromium() == binary


def test_skips_a_wrapper_without_a_binary(machine: Path) -> None:
    script(machine / "bin/chromium-headless-shell", '/gone/chromium-headless-shell "$@"')
    chrome = put(machine / "bin/google-chrome-stable")
    assert find_browser.find_chromium() == chrome


def test_skips_the_snap_stub_of_ubuntu(machine: Path) -> None:
    put(machine / "lib/chromium/chromium-browser", b"not a program")
    script(machine / "bin/chromium-browser", 'exec /snap/bin/chromium "$@"')
    snap = put(machine / "usr/bin/snap")
    (machine / "bin/chromium").symlink_to(snap)
    assert find_browser.find_chromium() is None


def test_prefers_a_headless_shell(machine: Path) -> None:
    put(machine / "bin/google-chrome")
    put(machine / "bin/chromium")
    cached = put(machine / "home/.cache/ms-playwright/chromium_headless_shell-1100/chrome-linux/headless_shell")
    assert find_browser.find_chromium() == cached
    installed = put(machine / "bin/chromium-headless-shell")
    assert find_browser.find_chromium() == installed


def test_searches_library_folders(machine: Path) -> None:
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
def test_finds_downloads_of_playwright(machine: Path, monkeypatch: pytest.MonkeyPatch, cache: str, layout: str) -> None:
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(machine / "named"))
    binary = put(machine / cache / layout)
    assert find_browser.find_chromium() == binary


def test_prefers_the_download_with_the_highest_number(machine: Path) -> None:
    cache = machine / "home/.cache/ms-playwright"
    put(cache / "chromium_headless_shell-999/chrome-linux/headless_shell")
    newest = put(cache / "chromium_headless_shell-1200/chrome-linux/headless_shell")
    assert find_browser.find_chromium() == newest


def test_finds_a_shared_download(machine: Path) -> None:
    binary = put(machine / "opt/tintype/browsers/chromium_headless_shell-1/chrome-linux/headless_shell")
    assert find_browser.find_chromium() == binary


def test_finds_applications_on_macos(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    binary = put(
        machine / "home/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", b"\xcf\xfa\xed\xfe\x0c\x00"
    )
    assert find_browser.find_chromium() == binary


class TestExplicit:
    def test_ignores_other_browsers(self, machine: Path) -> None:
        put(machine / "bin/chromium-headless-shell")
        assert find_browser.find_chromium(str(machine / "nowhere")) is None

    def test_accepts_any_file_name(self, machine: Path) -> None:
        mine = put(machine / "mine/browser-of-mine")
        assert find_browser.find_chromium(str(mine)) == mine

    def test_accepts_a_command(self, machine: Path) -> None:
        put(machine / "bin/chromium-headless-shell")
        chrome = put(machine / "bin/google-chrome")
        assert find_browser.find_chromium("google-chrome") == chrome

    def test_expands_the_home_folder(self, machine: Path) -> None:
        mine = put(machine / "home/browser")
        assert find_browser.find_chromium("~/browser") == mine

    def test_rejects_a_file_that_is_not_executable(self, machine: Path) -> None:
        text = machine / "notes.txt"
        text.write_text("a note")
        assert find_browser.find_chromium(str(text)) is None
        assert find_browser.find_chromium(str(machine)) is None

    def test_rejects_a_script_without_a_browser(self, machine: Path) -> None:
        put(machine / "lib/chromium/chromium")
        assert find_browser.find_chromium(str(script(machine / "start.sh", "true"))) is None


def test_checks_execute_permission_of_every_parent_folder() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        binary = put(folder / "inner/browser")
        assert find_browser.is_world_executable(binary)
        binary.parent.chmod(0o700)
        assert not find_browser.is_world_executable(binary)


class TestVersion:
    def test_returns_the_output_of_the_browser(self, machine: Path) -> None:
        assert find_browser.version_of(script(machine / "chromium", "echo Chromium 1.2.3")) == "Chromium 1.2.3"

    def test_raises_the_reason_when_the_browser_does_not_start(self, machine: Path) -> None:
        broken = script(machine / "chromium", "echo libnss3.so: cannot open >&2; exit 127")
        with pytest.raises(OSError, match=r"libnss3\.so: cannot open"):
            find_browser.version_of(broken)
