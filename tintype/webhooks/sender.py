"""Sends one attempt of a delivery, and decides what follows from the response."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from tintype import __version__
from tintype.network.outbound_post import Poster, PostError, PostResponse
from tintype.webhooks.model import MAX_ATTEMPTS, RETRY_DELAYS, AttemptResult, Delivery, DeliveryState
from tintype.webhooks.signatures import WebhookSigner

ATTEMPT_SECONDS = 10.0
"""Seconds of one attempt in all, from the DNS lookup to the end of the response."""
MAX_RETRY_AFTER = 86_400.0
"""Seconds that a receiver may ask for in Retry-After."""
JITTER = 0.2
"""Share of a pause by which it is longer or shorter, so that deliveries that failed together do not return together."""
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_OK = range(200, 300)
_REDIRECTS = range(300, 400)


def payload_of(delivery: Delivery) -> str:
    """The body of a delivery, the same in every attempt."""
    at = datetime.fromtimestamp(delivery.created_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": delivery.event.value, "timestamp": at, "data": json.loads(delivery.data)})


class WebhookSender:
    """Sends deliveries; never raises."""

    def __init__(self, poster: Poster, signer: WebhookSigner, clock: Callable[[], float] = time.time) -> None:
        self._poster, self._signer, self._clock = poster, signer, clock

    def can_sign(self, owner: str) -> bool:
        """Whether there is a secret for events of an owner."""
        return self._signer.can_sign(owner)

    def __call__(self, delivery: Delivery) -> AttemptResult:
        """Send an attempt; the result is the state of the delivery after it."""
        body, at = payload_of(delivery), self._clock()
        try:
            signed = self._signer.headers(delivery.owner, delivery.id, body, at)
            headers = {"Content-Type": "application/json", "User-Agent": f"Tintype/{__version__} (webhooks)", **signed}
            response = self._poster.post(delivery.url, body.encode(), headers)
        except (PostError, ValueError) as error:
            return _failed(delivery, str(error))
        return self._result(delivery, response)

    def _result(self, delivery: Delivery, response: PostResponse) -> AttemptResult:
        status = response.status
        if status in _OK:
            return AttemptResult(state=DeliveryState.DELIVERED, http_status=status)
        reason = f"the receiver returned status {status}"
        if status == HTTPStatus.GONE:
            return AttemptResult(state=DeliveryState.STOPPED, http_status=status, error=reason)
        if status in _REDIRECTS:
            reason += ", and redirects are not followed"
        wait = self._retry_after(response.retry_after) if status in _BUSY else 0.0
        return _failed(delivery, reason, status, wait)

    def _retry_after(self, text: str) -> float:
        """Seconds of a Retry-After, which is a number or a date (RFC 9110, 10.2.3); 0 for any other text."""
        if text.isascii() and text.isdigit():
            return min(float(text[:9]), MAX_RETRY_AFTER)
        try:
            seconds = parsedate_to_datetime(text).timestamp() - self._clock()
        except (ValueError, OverflowError):
            return 0.0
        return min(max(0.0, seconds), MAX_RETRY_AFTER)


def _failed(delivery: Delivery, reason: str, status: int = 0, wait: float = 0.0) -> AttemptResult:
    """The result of a failed attempt; ``wait`` is the shortest pause before the next one."""
    if delivery.attempts >= MAX_ATTEMPTS:
        return AttemptResult(state=DeliveryState.FAILED, http_status=status, error=reason)
    pause = RETRY_DELAYS[delivery.attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads retries
    if wait > pause:
        pause = wait * random.uniform(1, 1 + JITTER / 4)  # noqa: S311 - spreads retries, never earlier
    return AttemptResult(state=DeliveryState.PENDING, retry_after=pause, http_status=status, error=reason)
