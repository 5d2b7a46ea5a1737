"""Operations of every kind over HTTP: the models that OpenAPI describes, and the operations that a list may show.

`shared.operations.outside.events.as_json` writes the body of an operation.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.access.principal import not_found
from shared.access.roles import Role
from shared.operations.model.lists import Query
from shared.operations.model.models import Status
from shared.web.calls import Call
from shared.web.documents import wrong
from shared.web.requests import QueryParameter

OPERATION_FILTERS = (
    QueryParameter("status", "Operations in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("kind", "Operations of this kind only.", max_length=40),
    QueryParameter("tenant", "Operations of this tenant only; another's for the provider's Admin.", max_length=63),
    QueryParameter("attention", "Operations with attention: the on-call page.", values=("true",)),
)


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


async def readable_operations(call: Call[Any]) -> Query:
    """Return what the caller may read of the operations that a list asks for; of kinds that it may not read, none.

    Refuses with `InvalidRequest` a kind that this app does not serve, with `NotFound` a tenant that the caller does not reach.
    """
    app, caller, kind, tenant = call.app, call.caller, call.query.get("kind"), call.query.get("tenant")
    if kind is not None and not app.kinds.serves(kind):
        raise wrong("kind", f"This must be one of {', '.join(sorted(app.kinds.by_name))}.")
    if tenant is not None and (not caller.reaches(tenant) or await app.registry.by_name(tenant) is None):
        raise not_found(f"tenant '{tenant}'", target="tenant")
    readable = tuple(name for name, found in app.kinds.by_name.items() if caller.has(Role(found.read)))
    kinds = tuple(name for name in readable if kind in {None, name}) or ("none",)
    return Query(tenant or (None if caller.is_admin else caller.tenant), kinds, call.query.get("status"))
