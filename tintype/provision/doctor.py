"""Checks of ``tintype doctor``: folder, browser, sandbox, fonts, cache, storage, one capture."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from tintype import backends, logs
from tintype.chromium.process import namespaces, user
from tintype.chromium.process.launch_options import HOMES, hideable_dirs
from tintype.chromium.process.namespaces import NamespaceSpec
from tintype.chromium.process.user import BrowserUser
from tintype.errors import ConfigurationError, TintypeError
from tintype.job_components import describe_broker, open_broker
from tintype.jobs.service import UNCLAIMED_SECONDS
from tintype.provision import find_browser, fonts
from tintype.service import check_cache
from tintype.settings import Settings

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only its size is read
SMALL_SHM = 64 << 20
"""Docker's default; a full page can need more."""
MIN_FREE_DISK = 512 << 20
FILTER_LIST_MAX_DAYS = 30
"""Days after which filter lists are outdated."""
_TIMEOUT = 60.0
_MAX_REASON = 400
_MARKER = "tintype-was-here"


class CheckLevel(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: its name, its result, details, and a remedy unless it is ok."""

    name: str
    level: CheckLevel
    detail: str
    remedy: str = ""


def run_checks(settings: Settings) -> Iterator[CheckResult]:
    """Run every check, the cheap ones first. Makes one real capture; leaves no files."""
    yield from _data_folder(settings)
    if "chromium" in settings.engines:
        yield from _browser(settings)
        yield _fonts()
        yield from _shared_memory()
        yield from _filter_lists(settings)
    yield _check("cache", lambda: _cache(settings), "Check REDIS_URL, and whether that server answers.")
    if settings.broker_url or settings.job_workers == 0:
        yield _check("broker", lambda: _broker(settings), "Check TINTYPE_BROKER_URL, and whether that server answers.")
    if settings.jobs:
        yield check_jobs(settings)
    yield _check("storage", lambda: _storage(settings), _storage_remedy(settings))
    for name in settings.engines:
        one = settings.model_copy(update={"engine": name})
        result = _check("capture", partial(_capture, one), _engine_remedy(name, settings))
        is_clear = result.level is CheckLevel.OK or len(settings.engines) == 1
        yield result if is_clear else replace(result, detail=f"{name.partition('://')[0]}: {result.detail}")


def _broker(settings: Settings) -> str:
    broker = open_broker(settings)
    try:
        broker.top_up(0)
    finally:
        broker.close()
    return describe_broker(settings)


def _check(what: str, run: Callable[[], str], remedy: str) -> CheckResult:
    """OK with the text that ``run`` returns, or an error with the reason why it fails."""
    try:
        return CheckResult(what, CheckLevel.OK, run())
    except (TintypeError, ConfigurationError, OSError) as error:
        return CheckResult(what, CheckLevel.ERROR, _reason(error), remedy)


def _reason(error: Exception) -> str:
    """The error with its cause, which clients must not see, but the operator needs; passwords in URLs are masked."""
    cause = str(error.__cause__ or "").strip()
    text = f"{error} ({cause})" if cause and cause not in str(error) else str(error)
    return str(logs.mask_secrets(None, "", {"reason": text})["reason"])[:_MAX_REASON]


def _data_folder(settings: Settings) -> Iterator[CheckResult]:
    folder = settings.data_dir.absolute()
    try:
        with tempfile.TemporaryFile(dir=backends.data_folder(settings)) as file:
            file.write(b"tintype")
    except (OSError, ConfigurationError) as error:
        remedy = f"Make {folder} writable for the user that runs Tintype, or set TINTYPE_DATA_DIR."
        yield CheckResult("data folder", CheckLevel.ERROR, str(error), remedy)
        return
    free = shutil.disk_usage(folder).free
    level = CheckLevel.WARNING if free < MIN_FREE_DISK else CheckLevel.OK
    yield CheckResult(
        "data folder", level, f"{folder}, {free >> 20:,} MB free", "Free disk space, or set TINTYPE_CACHE_SIZE."
    )


def _browser(settings: Settings) -> Iterator[CheckResult]:
    binary = find_browser.find_chromium(settings.chromium)
    if binary is None:
        wrong = f"none at {settings.chromium}" if settings.chromium else "none found"
        yield CheckResult(
            "browser", CheckLevel.ERROR, wrong, "Run tintype install-browser, or set TINTYPE_CHROMIUM to a binary."
        )
        return
    result = _check(
        "browser", lambda: f"{find_browser.version_of(binary)} at {binary}", "Reinstall it: tintype install-browser."
    )
    yield result
    if result.level is not CheckLevel.OK:
        return
    try:
        chosen = user.choose_user(settings.browser_user, allow_root=settings.allow_no_sandbox)
    except ConfigurationError as error:
        yield CheckResult(
            "browser user", CheckLevel.ERROR, str(error), "Run tintype install-browser as root: it creates the user."
        )
        return
    yield _user(binary, settings.browser_user, chosen)
    yield _sandbox(binary, settings, chosen)
    if sys.platform == "linux":
        yield _namespaces(chosen, binary)


def _user(binary: Path, wanted: str, chosen: BrowserUser) -> CheckResult:
    """If root starts Tintype, Chromium runs as another user, which must exist and must be able to execute it."""
    if chosen.uid >= 0 and not find_browser.is_world_executable(binary):
        remedy = "Install one for all users: tintype install-browser."
        return CheckResult("browser user", CheckLevel.ERROR, f"{chosen.name} cannot execute {binary}", remedy)
    if chosen.uid >= 0 and chosen.name != wanted:
        remedy = (
            "Run tintype install-browser as root: it creates the user. Or set TINTYPE_BROWSER_USER to an existing user."
        )
        detail = f"the user {wanted} does not exist; Chromium runs as {chosen.name}"
        return CheckResult("browser user", CheckLevel.WARNING, detail, remedy)
    return CheckResult("browser user", CheckLevel.OK, f"Chromium runs as {chosen.name}")


def _sandbox(binary: Path, settings: Settings, chosen: BrowserUser) -> CheckResult:
    """Start Chromium without --no-sandbox: it exits with an error if it cannot create its sandbox."""
    try:
        done = _start_browser(binary, chosen)
    except (OSError, subprocess.SubprocessError) as error:
        return CheckResult(
            "sandbox", CheckLevel.ERROR, f"Chromium does not start: {error}", "Reinstall it: tintype install-browser."
        )
    if done.returncode == 0 and _MARKER in done.stdout:
        if settings.allow_no_sandbox:
            return CheckResult(
                "sandbox", CheckLevel.WARNING, "works, but ALLOW_NO_SANDBOX is set", "Unset ALLOW_NO_SANDBOX."
            )
        return CheckResult("sandbox", CheckLevel.OK, "Chromium starts with its sandbox")
    message = next((line for line in done.stderr.splitlines() if "andbox" in line), done.stderr.strip()[:200])
    level = CheckLevel.WARNING if settings.allow_no_sandbox else CheckLevel.ERROR
    remedy = "Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, a seccomp profile): see docs/deploy.md."
    return CheckResult("sandbox", level, message or f"Chromium exited with status {done.returncode}", remedy)


def _start_browser(binary: Path, chosen: BrowserUser) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="tintype-doctor-", ignore_cleanup_errors=True) as profile:
        identity: dict[str, Any] = {}
        if chosen.uid >= 0:
            os.chown(profile, chosen.uid, chosen.gid)
            identity = {"user": chosen.uid, "group": chosen.gid, "extra_groups": []}
        flags = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-breakpad"]
        page = f"data:text/html,<p>{_MARKER}</p>"
        return subprocess.run(
            [str(binary), *flags, f"--user-data-dir={profile}", "--dump-dom", page],
            env={"PATH": os.defpath, "HOME": profile, "LANG": "C.UTF-8"},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
            **identity,
        )


def _namespaces(chosen: BrowserUser, binary: Path) -> CheckResult:
    """Start a program that does nothing in the namespace sandbox; report what of the homes Chromium sees in it."""
    near, far = socket.socketpair()
    with near, far:
        plan = NamespaceSpec(listener_socket=far.fileno(), listeners=1, uid=chosen.uid, gid=chosen.gid)
        done = subprocess.run(
            namespaces.command(plan, [shutil.which("true") or "/bin/true"]),
            pass_fds=[far.fileno()],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    if done.returncode == 0 and namespaces.FOLDERS_VISIBLE in done.stderr:
        remedy = "Permit mounts to the container: see docs/deploy.md."
        detail = "Chromium runs with its own network, but sees the folders of the service"
        return CheckResult("namespaces", CheckLevel.WARNING, detail, remedy)
    seen = ", ".join(folder for folder in HOMES if not hideable_dirs([folder], binary))
    if done.returncode == 0 and seen:
        detail = f"Chromium runs with its own network, but sees {seen}, because it is installed there"
        remedy = "Install it system-wide: run tintype install-browser as root."
        return CheckResult("namespaces", CheckLevel.WARNING, detail, remedy)
    if done.returncode == 0:
        return CheckResult("namespaces", CheckLevel.OK, "Chromium runs with its own network and file system view")
    remedy = "The egress proxy still checks every connection. To enable namespaces, see docs/deploy.md."
    return CheckResult("namespaces", CheckLevel.WARNING, done.stderr.strip()[:200] or "denied by the kernel", remedy)


def _fonts() -> CheckResult:
    try:
        scripts, substitutes = fonts.missing_scripts(), fonts.missing_substitutes()
    except fonts.FontconfigUnavailable as error:
        return CheckResult("fonts", CheckLevel.WARNING, f"unknown: {error}", "Run: apt install fontconfig")
    if not scripts and not substitutes:
        detail = f"{len(fonts.SCRIPTS)} writing systems, colour emoji and metric-compatible web fonts"
        return CheckResult("fonts", CheckLevel.OK, detail)
    packages = sorted({script.package for script in scripts} | {other.package for other in substitutes})
    remedy = f"Run tintype install-browser as root, or: apt install {' '.join(packages)}"
    return CheckResult("fonts", CheckLevel.WARNING, "; ".join(fonts.advice(scripts, substitutes)), remedy)


def _shared_memory() -> Iterator[CheckResult]:
    folder = Path(SHARED_MEMORY)
    if not folder.is_dir():
        return
    size = shutil.disk_usage(folder).total
    level = CheckLevel.WARNING if size <= SMALL_SHM else CheckLevel.OK
    remedy = "Large pages need more. In a container: --shm-size=1g"
    yield CheckResult("shared memory", level, f"{SHARED_MEMORY}, {size >> 20:,} MB", remedy)


def _filter_lists(settings: Settings) -> Iterator[CheckResult]:
    """Check that the configured lists were downloaded and are not outdated."""
    if not settings.filter_lists:
        return
    lists = {entry.source: entry for entry in backends.filter_list_store(settings).lists()}
    present = [entry for source in settings.filter_lists if (entry := lists.get(source)) and entry.file]
    if len(present) < len(settings.filter_lists):
        detail = f"{len(settings.filter_lists) - len(present)} of {len(settings.filter_lists)} were never downloaded"
        yield CheckResult("filter lists", CheckLevel.WARNING, detail, "Run: tintype update-filters")
        return
    days = int((time.time() - min(entry.read_at for entry in present)) / 86_400)
    titles, rules = ", ".join(entry.title for entry in present), sum(entry.rules for entry in present)
    detail = f"{titles}: {rules:,} rules, {days} days old"
    level = CheckLevel.WARNING if days > FILTER_LIST_MAX_DAYS else CheckLevel.OK
    yield CheckResult(
        "filter lists", level, detail, "Run tintype update-filters regularly, for example daily from cron."
    )


def _cache(settings: Settings) -> str:
    records = backends.open_state(settings).records
    check_cache(records)
    return f"{backends.describe_state(settings)}, {records.size() >> 20:,} of {settings.cache_size >> 20:,} MB used"


def check_jobs(settings: Settings) -> CheckResult:
    """The queue of jobs; a warning if no process works it."""
    try:
        state = backends.open_state(settings).jobs.state()
    except (TintypeError, ConfigurationError, OSError) as error:
        return CheckResult(
            "jobs", CheckLevel.ERROR, _reason(error), "Check the folder of TINTYPE_DATA_DIR or REDIS_URL."
        )
    detail = f"{state.jobs:,} open, {state.queued:,} pages queued, {state.running:,} running"
    if not state.queued or state.running or state.unclaimed < UNCLAIMED_SECONDS:
        return CheckResult("jobs", CheckLevel.OK, detail)
    remedy = "Start tintype serve or tintype worker, with TINTYPE_JOB_WORKERS above 0."
    unclaimed = f"{detail}; no process has looked for one for {state.unclaimed:.0f} s"
    return CheckResult("jobs", CheckLevel.WARNING, unclaimed, remedy)


def _storage(settings: Settings) -> str:
    backends.open_storage(settings).check()
    return backends.describe_storage(settings)


def _storage_remedy(settings: Settings) -> str:
    if settings.s3_bucket:
        return "Check S3_BUCKET, S3_REGION, S3_ENDPOINT_URL and the AWS credentials, which need write permission."
    return "Make the folder of stored objects writable: TINTYPE_STORAGE_DIR, or stored in the data folder."


def _engine_remedy(engine: str, settings: Settings) -> str:
    if engine == "snapsharp":
        return "Check SNAPSHARP_API_KEY and SNAPSHARP_BASE_URL, and that this machine reaches that host."
    if engine.startswith(("unix://", "tcp://")):
        return "Check that tintype capture-daemon runs there, and TINTYPE_ENGINE_SECRET and TINTYPE_ENGINE_TLS_CA here."
    log_file = settings.data_dir.absolute() / "run" / "capture.log"
    return f"Fix the other errors first. The log of the capture daemon is {log_file}."


def _capture(settings: Settings) -> str:
    """Test one engine; its check makes a capture, of a hosted engine it verifies the key."""
    engine = backends.open_engine(settings)
    begin = time.perf_counter()
    try:
        engine.check()
    finally:
        engine.close()
    return f"{settings.engines[0].partition('://')[0]} works, tested in {time.perf_counter() - begin:.1f} s"
