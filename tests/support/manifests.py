"""Reads the shipped Kubernetes manifests by kind and name."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.paths import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
BASE = KUSTOMIZATION["resources"]


def documents(*names: str) -> list[dict[str, Any]]:
    """All resources of files."""
    return [resource for name in names for resource in yaml.safe_load_all((FOLDER / name).read_text())]


def one(kind: str, name: str) -> dict[str, Any]:
    """The resource of the base with a kind and a name."""
    (resource,) = [doc for doc in documents(*BASE) if (doc["kind"], doc["metadata"]["name"]) == (kind, name)]
    return resource


def pod(name: str) -> dict[str, Any]:
    """The pod specification of a Deployment."""
    spec: dict[str, Any] = one("Deployment", name)["spec"]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    """The only container of a Deployment's pods."""
    (only,) = pod(name)["containers"]
    return dict(only)


def environment(name: str) -> dict[str, str]:
    """Environment variables of a Deployment's pods; their own replace those of the ConfigMap."""
    spec = container(name)
    maps = [one("ConfigMap", source["configMapRef"]["name"])["data"] for source in spec.get("envFrom", [])]
    return {key: value for data in maps for key, value in data.items()} | {e["name"]: e["value"] for e in spec["env"]}


def secret_items(name: str) -> dict[str, list[str]]:
    """Keys that a Deployment's pods mount, by Secret; an empty list means all."""
    secrets = [volume["secret"] for volume in pod(name)["volumes"] if "secret" in volume]
    return {secret["secretName"]: [item["key"] for item in secret.get("items", [])] for secret in secrets}
