"""The boto3 client of the S3 storage: timeouts, retries, compatibility with other services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONNECT_TIMEOUT, READ_TIMEOUT, ATTEMPTS = 2.0, 5.0, 4
"""Seconds to connect and to wait for data, and attempts of one request; ``guarded`` limits the operation as a whole."""


def create_client(region: str, endpoint: str, credentials: dict[str, str]) -> S3Client:
    """A client for a region and an endpoint, both optional, without connecting."""
    compatible: dict[str, Any] = {}
    if endpoint:
        # R2 and older MinIO reject the checksum trailers that boto3 sends since 1.36
        compatible = {
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
    retries: Any = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=32,
        retries=retries,
        **compatible,
    )
    session = boto3.session.Session(**credentials)  # type: ignore[arg-type]
    return session.client("s3", region_name=region or None, endpoint_url=endpoint or None, config=config)
