"""Operations of every kind over HTTP: the models that OpenAPI describes, their resolution, and the operations that a list may show.

`shared.operations.outside.events.as_json` writes the body of an operation.
"""

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.access.principal import not_found
from shared.access.roles import Role
from shared.operations.accepting.resolving import Resolution, ResolvedAs
from shared.operations.model.models import Status
from shared.values.nulls import without_nulls
from shared.web.calls import Call
from shared.web.documents import wrong
from shared.web.requests import QueryParameter

if TYPE_CHECKING:
    from shared.operations.model.lists import Query


OPERATION_FILTERS = (
    QueryParameter("status", "Operations in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("kind", "Operations of this kind only.", max_length=40),
    QueryParameter("tenant", "Operations of this tenant only; another tenant's only for the provider's Admin.", max_length=63),
    QueryParameter("attention", "Operations that have attention, for the on-call page.", values=("true",)),
)


class ErrorDetail(BaseModel):
    """An error of the Azure REST API guidelines."""

    model_config = ConfigDict(defer_build=True)

    code: str = Field(description="The error code, for programs.")
    message: str = Field(description="What failed and what to do, for people.")
    target: str | None = Field(None, description="The field, header or resource that the error is about.")
    details: list["ErrorDetail"] = Field(default_factory=list, description="Each single error.")


class ErrorBody(BaseModel):
    """The body of every answer that is no success."""

    model_config = ConfigDict(defer_build=True)

    error: ErrorDetail
    plan: dict[str, object] | None = Field(None, description="With PlanChanged: the new plan.")


class AttentionBody(BaseModel):
    """Why a person must look."""

    model_config = ConfigDict(defer_build=True)

    code: str
    message: str
    since: str = Field(json_schema_extra={"format": "date-time"})


class OperationBody(BaseModel):
    """One accepted request to change something, from its acceptance to its end."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, defer_build=True)

    id: str
    kind: str
    tenant: str = Field(description="The tenant that owns the resource.")
    status: Status
    step: str
    percent_complete: int = Field(ge=0, le=100)
    action: str | None = Field(description="Which of its kind's actions was asked for; null for kinds with one only.")
    result: dict[str, object] | None = Field(description="What became of it, once it has ended; null for kinds without one.")
    attention: AttentionBody | None
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    last_updated_at: str = Field(json_schema_extra={"format": "date-time"})
    resource_location: str = Field(description="The absolute address of its resource.")
    error: ErrorDetail | None


class ResolveRequest(BaseModel):
    """How a person resolves an unknown outcome; `jobId` is an ARM id or the name of the job, `resourceId` what the start made."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid", alias_generator=to_camel)

    outcome: ResolvedAs
    job_id: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    resource_id: Annotated[str, Field(min_length=1, max_length=2048)] | None = None

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
        return Resolution(self.outcome, self.job_id, self.resource_id)


class RejectedMessageBody(BaseModel):
    """A message of an intake queue that could not be accepted."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, defer_build=True)

    id: str
    queue: str
    message_id: str
    received_at: str
    reason: ErrorDetail
    body: str
    may_have_been_accepted: bool
    replayed_as: str | None


async def readable_operations(call: Call[Any]) -> "Query":
    """Return what the caller may read of the operations that a list asks for; of kinds that it may not read, none.

    Refuses with `InvalidRequest` a kind that this app does not serve, with `NotFound` a tenant that the caller does not reach.
    """
    from shared.operations.model.lists import Query

    app, caller, kind, tenant = call.app, call.caller, call.query.get("kind"), call.query.get("tenant")
    if kind is not None and not app.kinds.serves(kind):
        raise wrong("kind", f"This must be one of {', '.join(sorted(app.kinds.by_name))}.")
    if tenant is not None and (not caller.reaches(tenant) or await app.registry.by_name(tenant) is None):
        raise not_found(f"tenant '{tenant}'", target="tenant")
    readable = tuple(name for name, found in app.kinds.by_name.items() if caller.has(Role(found.read)))
    kinds = tuple(name for name in readable if kind in {None, name}) or ("none",)
    return Query(tenant or (None if caller.is_admin else caller.tenant), kinds, call.query.get("status"))
