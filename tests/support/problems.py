"""Reads problem documents (RFC 9457) from responses."""

from __future__ import annotations

from werkzeug.test import TestResponse


def invalid_parameters(response: TestResponse) -> dict[str, str]:
    """Messages by parameter of a 400 response."""
    assert (response.status_code, response.content_type) == (400, "application/problem+json")
    assert response.json["error"] == "invalid-request"
    assert response.json["message"] == response.json["detail"]
    return {each["parameter"]: each["message"] for each in response.json["errors"]}
