"""The models of an error and of an operation, for the OpenAPI description; `shared.operations.outside.events.as_json` writes the latter."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.operations.model.models import Status


class ErrorDetail(BaseModel):
    """An error of the Azure REST API guidelines."""

    code: str = Field(description="What went wrong, for a program.")
    message: str = Field(description="What went wrong and what would be right, for a person.")
    target: str | None = Field(None, description="The field, header or thing that it is about.")
    details: list["ErrorDetail"] = Field(default_factory=list, description="Each single thing that is wrong.")


class ErrorBody(BaseModel):
    """The body of every answer that is no success."""

    error: ErrorDetail
    plan: dict[str, object] | None = Field(None, description="With PlanChanged: the plan as it is by now.")


class AttentionBody(BaseModel):
    """Why a person must look."""

    code: str
    message: str
    since: str = Field(json_schema_extra={"format": "date-time"})


class OperationBody(BaseModel):
    """One accepted request to change something, from its acceptance to its end."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: str
    kind: str
    tenant: str = Field(description="The owner of what it changes.")
    status: Status
    step: str
    percent_complete: int = Field(ge=0, le=100)
    attention: AttentionBody | None
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    last_updated_at: str = Field(json_schema_extra={"format": "date-time"})
    resource_location: str = Field(description="Where its resource is, absolute.")
    error: ErrorDetail | None


class RejectedMessageBody(BaseModel):
    """A message of an intake queue that could not be accepted."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    id: str
    queue: str
    message_id: str
    received_at: str
    reason: ErrorDetail
    body: str
    may_have_been_accepted: bool
    replayed_as: str | None
