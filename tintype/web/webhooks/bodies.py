"""JSON bodies of deliveries; the OpenAPI schemas are generated from these classes."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from tintype.jobs.report import iso_time
from tintype.web.bodies import Count, JsonBody
from tintype.webhooks.model import Delivery, DeliveryState, Event

_TIME = {"format": "date-time"}


class DeliveryReport(JsonBody):
    """An event for one URL, with all its attempts."""

    id: Annotated[str, Field(description="The `webhook-id`.")]
    event: Annotated[str, Field(json_schema_extra={"enum": [*Event]})]
    url: str
    subject: Annotated[str, Field(description="Id of the job or schedule.")]
    page: Annotated[int | None, Field(ge=1, description="Number of the page; null for other events.")]
    state: Annotated[str, Field(json_schema_extra={"enum": [*DeliveryState]})]
    attempts: Annotated[Count, Field(description="Attempts that have begun.")]
    http_status: Annotated[int | None, Field(description="Status of the last response.")]
    error: Annotated[str | None, Field(description="Why the last attempt failed.")]
    created_at: Annotated[str, Field(description="Time of the event, UTC.", json_schema_extra=_TIME)]
    next_attempt_at: Annotated[
        str | None, Field(description="Time of the next attempt; null after the end.", json_schema_extra=_TIME)
    ]
    ended_at: Annotated[str | None, Field(json_schema_extra=_TIME)]

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """The report of a delivery."""
        return cls(
            id=delivery.id,
            event=delivery.event,
            url=delivery.url,
            subject=delivery.subject,
            page=delivery.page or None,
            state=delivery.state,
            attempts=delivery.attempts,
            http_status=delivery.http_status or None,
            error=delivery.error or None,
            created_at=iso_time(delivery.created_at) or "",
            next_attempt_at=iso_time(delivery.due_at),
            ended_at=iso_time(delivery.ended_at),
        )


class DeliveryList(JsonBody):
    """Deliveries, newest first."""

    deliveries: list[DeliveryReport]
    next: Annotated[str | None, Field(description="Value of `before` for the next page; null at the end.")]


class WebhookEvent(JsonBody):
    """Body of a webhook, by Standard Webhooks."""

    type: Annotated[str, Field(json_schema_extra={"enum": [*Event]})]
    timestamp: Annotated[str, Field(description="Time of the event, UTC.", json_schema_extra=_TIME)]
    data: Annotated[
        dict[str, object],
        Field(description="Of a page: a `JobPageReport` and the id of the `job`. Of a job: a `JobReport`."),
    ]
