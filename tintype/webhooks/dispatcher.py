"""Delivers events in threads of this process, within limits that all processes share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from tintype import telemetry
from tintype.errors import BackendUnavailable
from tintype.webhooks.model import (
    AttemptResult,
    Delivery,
    DeliveryLease,
    DeliveryLimits,
    DeliveryState,
    DeliveryStore,
    receiver_of,
)

log = structlog.get_logger("tintype.webhooks")

LEASE_SECONDS = 20.0
"""A killed process's delivery is attempted again after so many seconds; longer than an attempt."""
POLL_INTERVAL = 0.5
"""Seconds between two claims while no delivery is due."""
FAILURE_PAUSE = 5.0
"""Seconds until the next claim after the store has failed."""
EXPIRY_INTERVAL = 60.0
EXPIRED_PER_ROUND = 10_000
MAX_KEPT = 100_000
"""Ended deliveries that are kept for the list: about 100 MB of disk."""


class DeliveryDispatcher:
    """Claims deliveries and sends them, each in a thread of its own. ``send`` never raises."""

    def __init__(
        self,
        store: DeliveryStore,
        send: Callable[[Delivery], AttemptResult],
        retention: float,
        limits: DeliveryLimits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._send, self._retention, self._clock = store, send, retention, clock
        self._limits = limits or DeliveryLimits()
        self._changed = threading.Condition()
        self._running = 0
        self._stopping = False

    def start(self) -> None:
        """Start the threads of this process."""
        for work in (self._claim_deliveries, self._expire):
            threading.Thread(target=work, name="tintype-webhooks", daemon=True).start()

    def stop(self, timeout: float) -> bool:
        """Claim nothing more, and wait at most ``timeout`` seconds for the running attempts; returns whether all ended.

        Another process repeats the attempts that are left, with the same ``webhook-id``. Idempotent.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._running, timeout)

    def wake(self) -> None:
        """Claim now: a delivery was added."""
        with self._changed:
            self._changed.notify_all()

    def _claim_deliveries(self) -> None:
        while self._wait_for_capacity():
            try:
                lease = self._store.claim(self._limits, LEASE_SECONDS)
            except BackendUnavailable:
                self._pause(FAILURE_PAUSE)
                continue
            except Exception:
                log.exception("webhook_claim_failed")
                self._pause(FAILURE_PAUSE)
                continue
            if lease is None:
                self._pause(POLL_INTERVAL)
            else:
                self._begin(lease)

    def _wait_for_capacity(self) -> bool:
        """Wait until this process may send another delivery; False if it stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._running < self._limits.total)
            return not self._stopping

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if not self._stopping:
                self._changed.wait(seconds)

    def _begin(self, lease: DeliveryLease) -> None:
        with self._changed:
            self._running += 1
        threading.Thread(target=self._run, args=(lease,), name="tintype-webhook", daemon=True).start()

    def _run(self, lease: DeliveryLease) -> None:
        begun = time.monotonic()
        try:
            result = self._send(lease.delivery)
            if self._store.finish(lease, result):
                self._report(lease.delivery, result, time.monotonic() - begun)
        except BackendUnavailable:
            telemetry.count("tintype_webhook_attempts_total", "lost")
            log.warning("webhook_result_lost", delivery=lease.delivery.id, effect="the event is sent again")
        except Exception:
            log.exception("webhook_attempt_crashed", delivery=lease.delivery.id, effect="the event is sent again")
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _report(self, delivery: Delivery, result: AttemptResult, seconds: float) -> None:
        fields = {
            "delivery": delivery.id,
            "webhook_event": delivery.event.value,
            "subject": delivery.subject,
            "receiver": receiver_of(delivery.url),
            "attempt": delivery.attempts,
            "status": result.http_status,
            "seconds": round(seconds, 3),
        }
        match result.state:
            case DeliveryState.DELIVERED:
                telemetry.count("tintype_webhook_attempts_total", "delivered")
                delay = max(0.0, self._clock() - delivery.created_at)
                telemetry.observe("tintype_webhook_delay_seconds", seconds=delay)
                log.info("webhook_delivered", **fields)
            case DeliveryState.STOPPED:
                telemetry.count("tintype_webhook_attempts_total", "stopped")
                log.warning("webhook_stopped", reason=result.error, **fields)
            case DeliveryState.FAILED:
                telemetry.count("tintype_webhook_attempts_total", "error")
                telemetry.count("tintype_webhook_failures_total")
                log.error("webhook_failed", reason=result.error, **fields)
            case _:
                telemetry.count("tintype_webhook_attempts_total", "error")
                retry = round(result.retry_after)
                log.warning("webhook_attempt_failed", reason=result.error, retry_seconds=retry, **fields)

    def _expire(self) -> None:
        while not self._wait_until_stopped(EXPIRY_INTERVAL):
            try:
                count = self._store.expire(self._clock() - self._retention, MAX_KEPT, EXPIRED_PER_ROUND)
            except BackendUnavailable:
                continue
            if count:
                log.info("webhook_deliveries_expired", deliveries=count)

    def _wait_until_stopped(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._stopping, seconds)
