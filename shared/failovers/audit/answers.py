"""The answers about an audit trail."""

from typing import Any

from pydantic import Field

from shared.failovers.vault.answers import Moment
from shared.operations.model.models import Actor
from shared.values.documents import Document


class AuditEntry(Document):
    """One line of a failover's audit trail; `hash` covers the others and so, through `previousHash`, all before it."""

    sequence: int = Field(ge=1)
    time: Moment
    actor: Actor
    event: str
    detail: dict[str, Any] = Field(default_factory=dict)
    previous_hash: str
    hash: str


class AuditTrail(Document):
    """The audit trail; `verified` is false where the chain is broken or its head is not the anchored one."""

    value: tuple[AuditEntry, ...]
    head: str
    verified: bool
