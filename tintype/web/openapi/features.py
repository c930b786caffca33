"""Routes and authentication that the settings enable; parts that operations of all routes share."""

from __future__ import annotations

from dataclasses import dataclass

TEXT = {"type": "string"}
REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "Id of this request in the log.",
    "schema": {**TEXT, "pattern": "^[A-Za-z0-9._-]{1,64}$"},
}
IF_NONE_MATCH = {"name": "If-None-Match", "in": "header", "description": "ETag of the client's copy.", "schema": TEXT}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFeatures:
    """Routes and authentication that the settings enable.

    ``base`` is the public base URL; empty: the one of the request. ``keys``: API keys are configured;
    ``admin``: admin keys are.
    """

    base: str = ""
    keys: bool = False
    admin: bool = False
    signatures: bool = False
    serves_stored: bool = True
    status: bool = True
    progress: bool = True
    metrics: bool = True
    jobs: bool = True
    schedules: bool = True
    webhooks: bool = True


def security(features: ApiFeatures, *, signed: bool = False) -> list[dict[str, list[str]]]:
    """The security requirement of an operation: any of the credentials that the service accepts."""
    accepted = [("bearer", features.keys), ("key", features.keys), ("signature", signed)]
    return [{name: []} for name, is_accepted in accepted if is_accepted]
