"""JSON Schemas of the response bodies, made from the pydantic models that the routes send."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from tintype.imaging.documents import PageMetadata
from tintype.web.bodies import (
    CancelReport,
    HealthReport,
    KeyUsage,
    PersistedThumbnail,
    Problem,
    ProgressReport,
    PurgeReport,
    ReadinessReport,
    StatusReport,
    StoredList,
    StoredRemovalReport,
    UsageReport,
)
from tintype.web.jobs.bodies import JobChange, JobList, JobPageList, JobReport
from tintype.web.openapi.markdown import first_paragraph
from tintype.web.schedules.bodies import RunList, RunReport, ScheduleList, ScheduleRemoval, ScheduleReport
from tintype.web.webhooks.bodies import DeliveryList, DeliveryReport, WebhookEvent

Schema = dict[str, Any]

_MODELS = (
    *(Problem, PageMetadata, PersistedThumbnail, HealthReport, ReadinessReport, StatusReport),
    *(KeyUsage, PurgeReport, UsageReport, StoredList, StoredRemovalReport, ProgressReport, CancelReport),
    *(JobReport, JobList, JobPageList, JobChange),
    *(DeliveryReport, DeliveryList, WebhookEvent),
    *(ScheduleReport, ScheduleList, ScheduleRemoval, RunReport, RunList),
)


class _BodySchemas(GenerateJsonSchema):
    """Omits defaults and titles of members: an optional member is left out, so its default is never sent."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def schemas() -> dict[str, Schema]:
    """Schemas by model name, those of nested models included."""
    _, found = models_json_schema(
        [(model, "serialization") for model in _MODELS],
        ref_template="#/components/schemas/{model}",
        schema_generator=_BodySchemas,
    )
    return {
        name: _described({key: value for key, value in schema.items() if key != "title"})
        for name, schema in found["$defs"].items()
    }


def _described(schema: Schema) -> Schema:
    """A schema whose description is the first paragraph of the model's docstring."""
    return {**schema, "description": first_paragraph(schema["description"])} if "description" in schema else schema


def reference(model: type) -> dict[str, str]:
    """Reference to the schema of a model."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}
