"""The models of an error, of an operation and of its resolution; `shared.operations.outside.events.as_json` writes an operation."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.operations.accepting.resolving import Resolution, ResolvedAs
from shared.operations.model.models import Status
from shared.values.nulls import without_nulls


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


class ResolveRequest(BaseModel):
    """How a person resolves an unknown outcome; `jobId` is an ARM id or the name of the job."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid", alias_generator=to_camel)

    outcome: ResolvedAs
    job_id: Annotated[str, Field(min_length=1, max_length=2048)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return without_nulls(cls, value)

    @model_validator(mode="after")
    def _no_job_where_none_began(self) -> Self:
        if self.job_id is not None and self.outcome is ResolvedAs.NOT_STARTED:
            message = {"message": "what did not start has no job: leave jobId out"}
            error = PydanticCustomError("farshore_field", "{message}", message)
            raise ValidationError.from_exception_data("ResolveRequest", [InitErrorDetails(type=error, loc=("jobId",), input=None)])
        return self

    @property
    def resolution(self) -> Resolution:
        """The resolution as the core takes it."""
        return Resolution(self.outcome, self.job_id)


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
