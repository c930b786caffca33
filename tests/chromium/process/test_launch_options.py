"""The command line of Chromium, whose flags are part of the egress protection."""

from __future__ import annotations

from pathlib import Path

import pytest

from tintype.chromium.process.launch_options import LaunchOptions, environment, hideable_dirs
from tintype.chromium.process.user import BrowserUser

SHELL = LaunchOptions(
    binary="/usr/lib/chromium/headless_shell", user=BrowserUser("nobody", 65534, 65534), proxy_port=1080
)


def test_sends_every_connection_through_the_proxy() -> None:
    line = SHELL.arguments(Path("/tmp/p"))
    assert "--proxy-server=socks5://127.0.0.1:1080" in line
    assert "--proxy-bypass-list=<-loopback>" in line
    assert "--force-webrtc-ip-handling-policy=disable_non_proxied_udp" in line
    assert "--webrtc-ip-handling-policy=disable_non_proxied_udp" in line
    assert {"--disable-quic", "--dns-prefetch-disable"} <= set(line)


def test_debugs_over_a_pipe_and_opens_no_port() -> None:
    line = " ".join(SHELL.arguments(Path("/tmp/p")))
    assert "--remote-debugging-pipe" in line
    assert "--remote-debugging-port" not in line
    assert "--remote-allow-origins" not in line


@pytest.mark.parametrize("sandbox", [True, False])
def test_keeps_the_sandbox_unless_it_is_disabled(sandbox: bool) -> None:
    options = LaunchOptions(binary="b", user=BrowserUser("me"), proxy_port=1, sandbox=sandbox)
    assert ("--no-sandbox" in options.arguments(Path("/tmp/p"))) is not sandbox


@pytest.mark.parametrize(
    ("binary", "headless"),
    [("/usr/lib/chromium/chromium", True), ("/opt/google/chrome/chrome", True), ("/x/chrome-headless-shell", False)],
)
def test_starts_a_full_browser_headless(binary: str, headless: bool) -> None:
    options = LaunchOptions(binary=binary, user=BrowserUser("me"), proxy_port=1)
    assert ("--headless=new" in options.arguments(Path("/tmp/p"))) is headless


def test_has_no_dangerous_flags() -> None:
    flags = {flag.partition("=")[0] for flag in SHELL.arguments(Path("/tmp/p"))}
    assert not flags & {
        "--disable-web-security",
        "--ignore-certificate-errors",
        "--allow-file-access-from-files",
        "--single-process",
        "--in-process-gpu",
        "--disable-ipc-flooding-protection",
        "--disable-popup-blocking",
        "--no-zygote",
    }


def test_hides_our_environment_from_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    seen = environment(Path("/tmp/p"))
    assert set(seen) == {"PATH", "HOME", "LANG", "TZ"}
    assert (seen["HOME"], seen["TZ"]) == ("/tmp/p", "Europe/Berlin")


def test_hides_no_folder_that_the_browser_needs(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    for folder in (home, data):
        folder.mkdir()
    assert hideable_dirs((str(home), str(data)), home / "cache/chrome") == (str(data),)
