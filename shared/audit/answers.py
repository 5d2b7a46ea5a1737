"""The answers about an audit trail."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, SkipValidation
from pydantic.alias_generators import to_camel

from shared.moments import Moment
from shared.operations.model.models import Actor
from shared.values.documents import Document


class AuditDetail(BaseModel):
    """What an audit entry records beside its event, as far as the event has it; `requested` entries also hold the request as sent.

    `leg` is the index of an action, `checks` the worst result of each check; `before` and `after` are a document's, `policy` and `tenant`
    whose it is. `deletions` are those of restore points, with the rule, how each ended and what Azure showed, `run` the run that asked.
    Members are read as they are stored: `verify` shows which entries were changed.
    """

    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)

    after: SkipValidation[dict[str, Any] | None] = None
    before: SkipValidation[dict[str, Any] | None] = None
    policy: SkipValidation[str | None] = None
    revision: SkipValidation[int | None] = None
    tenant: SkipValidation[str | None] = None
    action: SkipValidation[str | None] = None
    approval: SkipValidation[str | None] = None
    checks: SkipValidation[dict[str, str] | None] = None
    code: SkipValidation[str | None] = None
    commit: SkipValidation[bool | None] = None
    deletions: SkipValidation[list[dict[str, Any]] | None] = None
    job: SkipValidation[str | None] = None
    leg: SkipValidation[int | None] = None
    message: SkipValidation[str | None] = None
    outcome: SkipValidation[str | None] = None
    plan_hash: SkipValidation[str | None] = None
    reason: SkipValidation[str | None] = None
    run: SkipValidation[str | None] = None
    status: SkipValidation[str | None] = None


def _recorded(detail: AuditDetail) -> dict[str, Any]:
    return detail.model_dump(mode="json", by_alias=True, exclude_unset=True)


Recorded = Annotated[
    AuditDetail,
    PlainValidator(AuditDetail.model_validate),
    PlainSerializer(_recorded, return_type=dict[str, Any]),
]
"""The detail of an entry as it is stored and answered: the members that are set."""


class AuditEntry(Document):
    """One line of a failover's audit trail; `hash` covers the others and so, through `previousHash`, all before it."""

    sequence: int = Field(ge=1)
    time: Moment
    actor: Actor
    event: str
    detail: Recorded = Field(default_factory=AuditDetail)
    previous_hash: str
    hash: str


class AuditPage(Document):
    """A page of an audit trail, the oldest entries first; `head` is the hash of the trail's last entry.

    `verified` is of the page: false where its entries do not follow from one another and from the one before them, or its last anchored
    entry is not as it was anchored, or entries were taken off after it. A trail is whole where all its pages are.
    """

    value: tuple[AuditEntry, ...]
    head: str
    verified: bool
    next_link: str | None = None


class AuditTrail(Document):
    """The audit trail; `verified` is false where the chain is broken or its head is not the anchored one."""

    value: tuple[AuditEntry, ...]
    head: str
    verified: bool
