"""Responses to generated requests conform to the OpenAPI document (schemathesis)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.conftest import URL
from tests.web.jobs.conftest import JobSite

CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

folder = Path(tempfile.mkdtemp())
site = JobSite(folder=folder)
site.engine.meta = {"title": "Site", "icons": []}
schema = schemathesis.openapi.from_wsgi("/openapi.json", site.app)


@pytest.fixture(scope="module", autouse=True)
def _folder() -> Iterator[None]:
    yield
    shutil.rmtree(folder)


def cancelled_job() -> str:
    """The id of a job that has ended, so that its stream of events ends too."""
    job = site.job()
    site.client.delete(f"/jobs/{job}")
    return job


@schema.hook
def map_query(context: schemathesis.HookContext, query: Any) -> Any:
    """Put a valid URL into most queries, so that the other parameters are tested too."""
    return {**query, "url": URL} if query and len(str(query)) % 3 else query


@schema.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Put a valid URL into most bodies."""
    if isinstance(body, dict) and isinstance(body.get("pages"), list) and len(body["pages"]) % 2:
        return {**body, "pages": [URL]}
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
    if "job_id" in case.path_parameters and len(case.path_parameters["job_id"]) % 4:
        case.path_parameters["job_id"] = cancelled_job()
    if isinstance(case.body, dict) and isinstance(case.body.get("pages"), list):
        case.body = {**case.body, "pages": case.body["pages"][:10]}  # the queue has room for the jobs of all cases
    case.call_and_validate(checks=[*CHECKS])
