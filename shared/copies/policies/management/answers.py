"""Copy policies as callers see them."""

from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.records.record import PolicyRecord
from shared.copies.policies.warnings import PolicyWarning
from shared.moments import Moment
from shared.operations.model.models import Actor, Status
from shared.values.documents import Document
from shared.web.conditional import tag_of


class LastRun(Document):
    """The last run of a policy."""

    id: str
    slot: Moment | None
    status: Status


class PolicyBody(Document):
    """A copy policy. `warnings` are those of its last change; `nextSlot` is null while it is disabled."""

    name: str
    tenant: str
    id: str
    revision: int
    etag: str
    document: PolicyDocument
    next_slot: Moment | None
    next_drill: Moment | None
    last_run: LastRun | None
    warnings: tuple[PolicyWarning, ...]
    created_at: Moment
    created_by: Actor
    changed_at: Moment
    changed_by: Actor


def etag_of(document: PolicyDocument) -> str:
    """Return the ETag of a policy: of its document's normal form alone."""
    return tag_of(document.as_json())


def policy_body(record: PolicyRecord, next_slot: Moment | None, next_drill: Moment | None, last_run: LastRun | None) -> PolicyBody:
    """Return a policy as it is answered."""
    return PolicyBody(
        name=record.name,
        tenant=record.tenant,
        id=record.id,
        revision=record.revision,
        etag=etag_of(record.document),
        document=record.document,
        next_slot=next_slot,
        next_drill=next_drill,
        last_run=last_run,
        warnings=record.warnings,
        created_at=record.created_at,
        created_by=record.created_by,
        changed_at=record.changed_at,
        changed_by=record.changed_by,
    )
