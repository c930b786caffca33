"""The Kubernetes manifests as they are shipped, read by kind and name."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.paths import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
BASE = KUSTOMIZATION["resources"]


def documents(*names: str) -> list[dict[str, Any]]:
    """Every resource of some files."""
    return [found for name in names for found in yaml.safe_load_all((FOLDER / name).read_text())]


def one(kind: str, name: str) -> dict[str, Any]:
    """The resource of the base that has this kind and name."""
    (found,) = [doc for doc in documents(*BASE) if (doc["kind"], doc["metadata"]["name"]) == (kind, name)]
    return found


def pod(name: str) -> dict[str, Any]:
    """What a Deployment says of its pods."""
    said: dict[str, Any] = one("Deployment", name)["spec"]["template"]["spec"]
    return said


def container(name: str) -> dict[str, Any]:
    """The only container of these pods."""
    (found,) = pod(name)["containers"]
    return dict(found)


def environment(name: str) -> dict[str, str]:
    """What these pods find in their environment, the ConfigMap's part below their own."""
    said = container(name)
    maps = [one("ConfigMap", source["configMapRef"]["name"])["data"] for source in said.get("envFrom", [])]
    return {key: value for data in maps for key, value in data.items()} | {e["name"]: e["value"] for e in said["env"]}


def secret_items(name: str) -> dict[str, list[str]]:
    """The keys of each Secret that these pods mount; none listed means all."""
    secrets = [volume["secret"] for volume in pod(name)["volumes"] if "secret" in volume]
    return {secret["secretName"]: [item["key"] for item in secret.get("items", [])] for secret in secrets}
