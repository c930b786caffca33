"""Base URLs of buckets: at AWS, or at another service."""

from __future__ import annotations


def base_url(bucket: str, region: str, endpoint: str) -> str:
    """The URL of a bucket without a trailing slash; in path style at an endpoint other than AWS."""
    if endpoint:
        return f"{endpoint}/{bucket}"
    host = f"s3.{region}.amazonaws.com" if region else "s3.amazonaws.com"
    if region.startswith("cn-"):
        host += ".cn"
    # the wildcard certificate of AWS does not match bucket names that contain a dot
    return f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}"
