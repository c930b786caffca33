"""Shipped files for Fly.io and Kubernetes: schemas, and settings, ports and timeouts that match the service."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.support import manifests
from tests.support.paths import ROOT
from tintype import backends
from tintype.settings import NAMES, SECRETS, Settings
from tintype.telemetry.definitions import BY_NAME

DEFAULTS = Settings.load({}, None)
DRAIN = int(DEFAULTS.timeout) + 15
"""Seconds that workers get to finish their answers (tintype/commands/worker.py)."""

FLY: dict[str, Any] = tomllib.loads((ROOT / "deploy" / "fly.toml").read_text())
_TIME = {"type": "string", "pattern": "^[0-9]+(ms|s|m)$"}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
# Written after https://fly.io/docs/reference/configuration/, because Fly publishes no schema.
_FLY_SCHEMA: dict[str, Any] = {
    "app": {"type": "string"},
    "primary_region": {"type": "string", "pattern": "^[a-z]{3}$"},
    "kill_signal": {"enum": ["SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGSTOP"]},
    "kill_timeout": {"type": "integer", "minimum": 1, "maximum": 300},
    "build": {"properties": {"dockerfile": {"type": "string"}, "build-target": {"type": "string"}}},
    "deploy": {"properties": {"strategy": {"enum": ["rolling", "immediate", "canary", "bluegreen"]}}},
    "env": {**_TEXTS, "propertyNames": {"not": {"pattern": "^FLY_"}}},
    "mounts": {
        "items": {
            "required": ["source", "destination"],
            "properties": {
                "source": {"type": "string", "pattern": "^[a-z0-9_]{1,30}$"},
                "destination": {"type": "string", "pattern": "^/."},
                "initial_size": {"type": "string", "pattern": "^[0-9]+(gb)?$"},
            },
        }
    },
    "http_service": {
        "required": ["internal_port"],
        "properties": {
            "internal_port": {"type": "integer"},
            "force_https": {"type": "boolean"},
            "auto_stop_machines": {"enum": ["off", "stop", "suspend"]},
            "auto_start_machines": {"type": "boolean"},
            "min_machines_running": {"type": "integer", "minimum": 0},
            "concurrency": {
                "properties": {
                    "type": {"enum": ["connections", "requests"]},
                    "soft_limit": {"type": "integer"},
                    "hard_limit": {"type": "integer"},
                }
            },
            "checks": {
                "items": {
                    "properties": {
                        "method": {"type": "string"},
                        "path": {"type": "string"},
                        "grace_period": _TIME,
                        "interval": _TIME,
                        "timeout": _TIME,
                    }
                }
            },
        },
    },
    "metrics": {"properties": {"port": {"type": "integer"}, "path": {"type": "string"}}},
    "vm": {
        "items": {"properties": {"size": {"type": "string"}, "memory": {"type": "string", "pattern": "^[0-9]+gb$"}}}
    },
}


def closed(schema: Any) -> Any:
    """The schema with additional properties forbidden, which reports misspelt names."""
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return (
        {**inner, "type": "object", "additionalProperties": False}
        if isinstance(inner.get("properties"), dict)
        else inner
    )


class TestFly:
    def test_matches_the_documented_schema(self) -> None:
        jsonschema.validate(FLY, closed({"properties": _FLY_SCHEMA}))

    def test_sets_existing_settings_and_no_secret(self) -> None:
        assert set(FLY["env"]) <= set(NAMES)
        assert set(FLY["env"]).isdisjoint(SECRETS)
        commented = re.findall(r"^\s+# ([A-Z0-9_]+) = ", (ROOT / "deploy" / "fly.toml").read_text(), re.MULTILINE)
        assert set(commented) <= set(NAMES)
        assert Settings.load(FLY["env"], None).workers == 2

    def test_checks_the_listening_port(self) -> None:
        assert {int(FLY["env"]["PORT"]), FLY["metrics"]["port"]} == {FLY["http_service"]["internal_port"]}
        assert FLY["mounts"][0]["destination"] == FLY["env"]["TINTYPE_DATA_DIR"]

    def test_builds_an_existing_target(self) -> None:
        assert f" AS {FLY['build']['build-target']}\n" in (ROOT / "Dockerfile").read_text()

    def test_kill_timeout_covers_the_shutdown_of_the_service(self) -> None:
        assert (FLY["kill_signal"], FLY["kill_timeout"] > DRAIN + 10) == ("SIGTERM", True)

    def test_limits_concurrency_to_the_number_of_threads(self) -> None:
        concurrency = FLY["http_service"]["concurrency"]
        assert concurrency["soft_limit"] < concurrency["hard_limit"] <= 2 * DEFAULTS.threads


_WITH_SECRET = {
    "TINTYPE_ENGINE_SECRET": "0123456789abcdef",
    **dict.fromkeys(
        ["TINTYPE_ENGINE_SECRET_FILE", "REDIS_URL_FILE", "AWS_ACCESS_KEY_ID_FILE", "AWS_SECRET_ACCESS_KEY_FILE"], ""
    ),
}
"""Settings that replace the files of a Secret."""


WEB_AND_WORKER = ("tintype-web", "tintype-worker")


def pods() -> list[dict[str, Any]]:
    return [manifests.pod(name) for name in ("tintype-web", "tintype-capture", "tintype-worker")]


class TestKubernetes:
    @pytest.mark.parametrize("name", [*manifests.BASE, "seccomp.yaml"])
    @pytest.mark.parametrize("version", ["1.29", "1.33"])
    def test_matches_the_kubernetes_schema(self, name: str, version: str) -> None:
        for document in manifests.documents(name):
            kubernetes_validate.validate(document, version, strict=True)

    def test_runs_the_image_of_the_kustomization(self) -> None:
        (image,) = manifests.KUSTOMIZATION["images"]
        assert {container["image"] for pod in pods() for container in pod["containers"]} == {image["name"]}
        assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", image["newTag"]), (
            "not a fixed version: pods could run different images"
        )

    @pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
    def test_builds_with_kustomize(self) -> None:
        made = subprocess.run(
            ["kubectl", "kustomize", str(manifests.FOLDER)], check=True, capture_output=True, text=True
        )
        found = list(yaml.safe_load_all(made.stdout))
        assert len(found) == len(manifests.documents(*manifests.BASE))
        assert {document["metadata"]["namespace"] for document in found} == {"tintype"}
        assert made.stdout.count("image: registry.example.com/tintype:") == 3

    @pytest.mark.parametrize("name", ["tintype-web", "tintype-capture", "tintype-worker"])
    def test_sets_existing_settings_and_secrets_as_files(self, name: str) -> None:
        variables = manifests.environment(name)
        assert {key.removesuffix("_FILE") for key in variables} <= set(NAMES)
        assert set(variables).isdisjoint(SECRETS)
        mounts = {mount["mountPath"] for mount in manifests.container(name)["volumeMounts"]}
        paths = [value for key, value in variables.items() if key.endswith("_FILE") or "_TLS_" in key]
        assert {str(Path(path).parent) for path in paths} <= mounts

    def test_gives_capture_pods_only_the_engine_secret(self) -> None:
        files = {key for key in manifests.environment("tintype-capture") if key.endswith("_FILE")}
        assert files == {"TINTYPE_ENGINE_SECRET_FILE"}
        assert manifests.secret_items("tintype-capture") == {
            "tintype": ["engine-secret"],
            "tintype-capture-tls": ["tls.crt", "tls.key"],
        }

    def test_gives_web_pods_the_authority_of_captures_and_not_their_key(self) -> None:
        for name in ("tintype-web", "tintype-worker"):
            assert manifests.secret_items(name)["tintype-capture-tls"] == ["ca.crt"]

    @pytest.mark.parametrize("name", ["tintype-web", "tintype-capture", "tintype-worker"])
    def test_mounts_each_secret_file_that_the_settings_name(self, name: str) -> None:
        mounts = {mount["mountPath"] for mount in manifests.container(name)["volumeMounts"]}
        named = {Path(value) for key, value in manifests.environment(name).items() if "_TLS_" in key}
        assert named
        assert {str(path.parent) for path in named} <= mounts
        assert {path.name for path in named} == set(manifests.secret_items(name)["tintype-capture-tls"])

    def test_encrypts_between_web_and_capture_pods(self) -> None:
        listen = manifests.container("tintype-capture")["args"][-1]
        server = Settings.load({**manifests.environment("tintype-capture"), **_WITH_SECRET}, None)
        backends.transport_security(server).require_for_server(listen)
        for name in ("tintype-web", "tintype-worker"):
            client = Settings.load({**manifests.environment(name), **_WITH_SECRET}, None)
            backends.transport_security(client).require_for_client(client.engine)
            assert [each.allow_plaintext_engine for each in (server, client)] == [False, False]

    def test_disables_service_environment_variables(self) -> None:
        assert [pod["enableServiceLinks"] for pod in pods()] == [False] * 3
        with pytest.raises(Exception, match="TINTYPE_CAPTURE_PORT"):
            Settings.load({"TINTYPE_CAPTURE_PORT": "tcp://10.0.0.1:9222"}, None)

    def test_runs_unprivileged_without_capabilities(self) -> None:
        for pod in pods():
            security = pod["securityContext"]
            (container,) = pod["containers"]
            assert (security["runAsNonRoot"], security["runAsUser"], security["fsGroup"]) == (True, 10001, 10001)
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert pod["automountServiceAccountToken"] is False
            assert {"/data", "/tmp"} <= {mount["mountPath"] for mount in container["volumeMounts"]}

    def test_uses_the_seccomp_profile_installed_on_the_nodes(self) -> None:
        profile = manifests.pod("tintype-capture")["securityContext"]["seccompProfile"]
        (node,) = manifests.documents("seccomp.yaml")
        brought = node["spec"]["template"]["spec"]
        folder = next(v["hostPath"]["path"] for v in brought["volumes"] if "hostPath" in v)
        written = Path(folder) / Path(brought["initContainers"][0]["command"][-1]).name
        assert str(written) == f"/var/lib/kubelet/seccomp/{profile['localhostProfile']}"

    def test_grace_period_covers_captures_in_progress(self) -> None:
        web, capture, worker = (pod["terminationGracePeriodSeconds"] for pod in pods())
        assert web > 5 + DRAIN + 10
        assert worker > DRAIN + 10
        slots = manifests.environment("tintype-capture")["TINTYPE_SLOTS"]
        assert capture > 5 + backends.capture_wait_timeout(Settings.load({"TINTYPE_SLOTS": slots}, None)) + 10

    def test_job_workers_capture_what_the_web_pods_leave(self) -> None:
        web, worker = (Settings.load({**manifests.environment(name), **_WITH_SECRET}, None) for name in WEB_AND_WORKER)
        assert (web.job_workers, (worker.job_workers or 0) > 0) == (0, True)
        assert (web.engine, web.s3_bucket) == (worker.engine, worker.s3_bucket)
        container = manifests.container("tintype-worker")
        assert container["args"] == ["worker"]
        probes = {tuple(container[f"{name}Probe"]["exec"]["command"]) for name in ("startup", "liveness")}
        assert probes == {("tintype", "worker", "--check")}
        labels = manifests.one("Deployment", "tintype-worker")["spec"]["template"]["metadata"]["labels"]
        assert manifests.one("NetworkPolicy", "tintype-worker")["spec"]["podSelector"]["matchLabels"] == labels
        (source,) = manifests.one("NetworkPolicy", "tintype-capture")["spec"]["ingress"]
        assert labels in [each["podSelector"]["matchLabels"] for each in source["from"]]

    def test_connects_to_existing_ports_and_names(self) -> None:
        engine = manifests.environment("tintype-web")["TINTYPE_ENGINE"]
        service = manifests.one("Service", "tintype-capture")["spec"]
        (port,) = manifests.container("tintype-capture")["ports"]
        listen = manifests.container("tintype-capture")["args"][-1]
        assert engine == f"tcp://tintype-capture:{service['ports'][0]['port']}"
        assert listen == f"tcp://0.0.0.0:{port['containerPort']}" == f"tcp://0.0.0.0:{service['ports'][0]['port']}"
        (web,) = manifests.container("tintype-web")["ports"]
        assert str(web["containerPort"]) == manifests.environment("tintype-web")["PORT"]

    @pytest.mark.parametrize("name", ["tintype-web", "tintype-capture"])
    def test_selectors_match_pods(self, name: str) -> None:
        labels = manifests.one("Deployment", name)["spec"]["template"]["metadata"]["labels"]
        budget = manifests.one("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"]
        policy = manifests.one("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"]
        service = manifests.one("Service", "tintype" if name == "tintype-web" else name)["spec"]["selector"]
        assert budget == policy == service == labels

    @pytest.mark.parametrize(
        ("address", "reached"),
        [
            ("93.184.215.14", True),
            ("2606:2800::1", True),
            ("10.96.0.1", False),
            ("172.20.1.1", False),
            ("192.168.1.1", False),
            ("169.254.169.254", False),
            ("100.64.0.1", False),
            ("fd00::1", False),
        ],
    )
    def test_network_policy_allows_the_internet_and_denies_the_cluster(self, address: str, reached: bool) -> None:
        rules = manifests.one("NetworkPolicy", "tintype-capture")["spec"]["egress"]
        blocks = [to["ipBlock"] for rule in rules for to in rule["to"] if "ipBlock" in to]
        assert any(_within(address, block) for block in blocks) is reached

    def test_scales_by_existing_metrics(self) -> None:
        (rule,) = manifests.documents("adapter.yaml")[0]["rules"]["external"]
        (metric,) = manifests.one("HorizontalPodAutoscaler", "tintype-capture")["spec"]["metrics"]
        assert rule["name"]["as"] == metric["external"]["metric"]["name"]
        assert set(re.findall(r"tintype_\w+", rule["metricsQuery"])) <= set(BY_NAME)
        assert metric["external"]["target"]["value"] == manifests.environment("tintype-capture")["TINTYPE_SLOTS"]


def _within(address: str, block: dict[str, Any]) -> bool:
    destination = ip_address(address)
    excepted = any(destination in ip_network(network) for network in block.get("except", []))
    return destination in ip_network(block["cidr"]) and not excepted
