"""Responses to generated requests conform to the OpenAPI document (schemathesis)."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.conftest import URL, Site

CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

site = Site()
site.engine.meta = {"title": "Site", "icons": []}
schema = schemathesis.openapi.from_wsgi("/openapi.json", site.app)


@schema.hook
def map_query(context: schemathesis.HookContext, query: Any) -> Any:
    """Put a valid URL into most queries, so that the other parameters are tested too."""
    return {**query, "url": URL} if query and len(str(query)) % 3 else query


@schema.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Put a valid URL into most bodies."""
    return {**body, "url": URL} if isinstance(body, dict) and "url" in body and len(str(body)) % 3 else body


@schema.parametrize()
@settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_response_conforms_to_the_document(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(checks=[*CHECKS])
