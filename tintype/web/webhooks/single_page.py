"""``POST /thumb`` and ``POST /persist`` with ``webhook``: a job of one page, and 202 instead of the thumbnail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Request, Response, jsonify

from tintype.errors import InvalidParameter, InvalidRequest
from tintype.jobs.service import JobService
from tintype.jobs.submission import NOT_ACCEPTED
from tintype.options.negotiation import negotiate
from tintype.web import request_log
from tintype.web.auth import Authenticator, Credential
from tintype.web.jobs.bodies import JobReport
from tintype.web.query_values import idempotency_key
from tintype.web.raw_params import accepted_types, received_pairs
from tintype.webhooks.model import PAGE_EVENTS

MEMBER = "webhook"
_NOT_STORED = "is not accepted with webhook, because the request is stored; leave webhook out"


def has_webhook(request: Request) -> bool:
    """Whether the body of a request, which was read already, asks for a webhook."""
    return any(name == MEMBER for name, _ in received_pairs(request))


@dataclass(frozen=True, slots=True)
class SinglePageSubmitter:
    """Submits the request of one thumbnail as a job. ``jobs`` is None while jobs are disabled."""

    jobs: JobService | None
    authenticator: Authenticator
    base_url: Callable[[Request], str]

    def submit(self, request: Request, credential: Credential, *, stores: bool) -> Response:
        """202 with the job; raises the errors of :meth:`JobService.submit`, with the names of this request."""
        if self.jobs is None:
            raise InvalidRequest(InvalidParameter(MEMBER, "is not accepted: the operator has disabled jobs"))
        base = self.base_url(request)
        try:
            job, _ = self.jobs.submit(
                {"store": stores, **_members(request)},
                owner=credential.key_name,
                check_host=lambda host: self.authenticator.check_host(credential, host),
                idempotency_key=idempotency_key(),
                base_url=base,
                default_events=PAGE_EVENTS,
            )
        except InvalidRequest as error:
            raise InvalidRequest(*map(_renamed, error.invalid_parameters)) from error
        request_log.bind(job=job.id)
        response = jsonify(JobReport.of(job, base).members())
        response.status_code = HTTPStatus.ACCEPTED
        response.headers.update({"Cache-Control": "no-store", "Location": f"{base}/jobs/{job.id}"})
        return response


def _members(request: Request) -> dict[str, Any]:
    """Page and webhook of the job; raises InvalidRequest for repeated options and for those of no job."""
    pairs = received_pairs(request)
    names = [name for name, _ in pairs]
    wrong = [
        *(InvalidParameter(name[:64], "is given more than once") for name in set(names) if names.count(name) > 1),
        *(InvalidParameter(name, _NOT_STORED) for name in NOT_ACCEPTED if name in names),
    ]
    if wrong:
        raise InvalidRequest(*wrong)
    options = dict(pairs)
    webhook = options.pop(MEMBER)
    if options.get("format") == "auto":
        options["format"] = negotiate(accepted_types(request))  # a job has no Accept
    return {"pages": [options], MEMBER: webhook}


def _renamed(wrong: InvalidParameter) -> InvalidParameter:
    """A mistake in a page of a job, as a mistake in a request of one thumbnail."""
    return InvalidParameter(wrong.parameter.removeprefix("pages[0]."), wrong.message)
