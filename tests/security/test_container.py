"""The seccomp profile: it denies dangerous system calls and permits Chromium's sandbox and the namespace sandbox."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from harness.site_server import SiteServer
from tests.security import confined
from tests.support.paths import ROOT
from tintype.chromium.daemon.daemon import DaemonConfig, address_for, command_for
from tintype.engines.chromium import ChromiumEngine
from tintype.options import Options

PROFILE = ROOT / "deploy/seccomp.json"
DANGEROUS = {
    "add_key", "bpf", "create_module", "delete_module", "finit_module", "init_module", "io_uring_enter",
    "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl",
    "open_by_handle_at", "perf_event_open", "pivot_root", "process_vm_writev", "ptrace", "reboot", "request_key",
    "settimeofday", "swapoff", "swapon", "syslog", "umount2", "userfaultfd", "fsopen", "fsmount", "move_mount",
    "open_tree", "mount_setattr", "clock_settime", "acct", "quotactl", "modify_ldt",
}  # fmt: skip
FOR_THE_SANDBOX = {"clone", "clone3", "setns", "unshare", "chroot"}


class TestSeccompProfile:
    profile: dict[str, Any] = json.loads(PROFILE.read_text())

    def test_denies_by_default(self) -> None:
        assert (self.profile["defaultAction"], self.profile["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
        assert {rule["action"] for rule in self.profile["syscalls"]} == {"SCMP_ACT_ALLOW"}

    def test_allows_no_dangerous_calls(self) -> None:
        assert confined.allowed(PROFILE) & DANGEROUS == set()

    def test_allows_the_calls_of_the_sandbox(self) -> None:
        assert confined.allowed(PROFILE) >= FOR_THE_SANDBOX

    def test_explains_every_rule(self) -> None:
        assert all(rule["comment"] for rule in self.profile["syscalls"])


@pytest.mark.browser
class TestInsideTheProfile:
    @pytest.fixture(autouse=True)
    def _requirements(self) -> None:
        if not confined.can_run_unprivileged():
            pytest.skip("THE SECCOMP PROFILE IS NOT TESTED: it needs x86_64, linux-libc-dev and user namespaces")

    def start(self, profile: Path, folder: Path, site: SiteServer) -> ChromiumEngine:
        config = DaemonConfig(slots=1, idle_timeout=5.0, allow_addresses=(f"127.0.0.1:{site.port}",))
        address = address_for(config, folder)
        apply_profile = [*confined.UNPRIVILEGED, sys.executable, "-m", "tests.security.confined", str(profile)]
        command = [*apply_profile, *command_for(config, address)]
        return ChromiumEngine(address, command, folder, timeout=60, log_file=folder / "daemon.log")

    def test_captures_with_sandbox_and_namespaces(self, site: SiteServer) -> None:
        with tempfile.TemporaryDirectory() as folder:
            engine = self.start(PROFILE, Path(folder), site)
            capture = engine.capture(Options(url=site.url("/plain.html")).capture_request().shot)
            status = engine.status()
            engine.close()
            engine.stop_if_idle()
        assert (capture.width, capture.height) == (1280, 720)
        assert (status.sandbox, status.namespaces) == (True, True)

    def test_denied_calls_fail(self) -> None:
        script = "import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.ptrace(0, 0, 0, 0), ctypes.get_errno())"
        unconfined = [*confined.UNPRIVILEGED, sys.executable, "-c", script]
        apply_profile = [
            *confined.UNPRIVILEGED,
            sys.executable,
            "-m",
            "tests.security.confined",
            str(PROFILE),
            sys.executable,
            "-c",
            script,
        ]
        results = [subprocess.check_output(command, text=True).strip() for command in (unconfined, apply_profile)]
        assert results == ["0 0", f"-1 {errno.EPERM}"]
