"""Rules and encodings that all stores of deliveries share."""

from __future__ import annotations

from tintype.webhooks.model import DeliveryState

STATES = (
    DeliveryState.PENDING,
    DeliveryState.PENDING,
    DeliveryState.DELIVERED,
    DeliveryState.FAILED,
    DeliveryState.STOPPED,
)
"""States of deliveries; the index is the stored number, and 1 is pending in an attempt."""
STOPPED_SECONDS = 366 * 86_400.0
"""Time for which a 410 is remembered; the receiver then gets one more event of a schedule that still exists."""
LOST = "the process that sent the event ended"
GONE = "the receiver returned 410 to another event"


def number_of(state: DeliveryState) -> int:
    """The stored number of a state outside of attempts."""
    return STATES.index(state)
