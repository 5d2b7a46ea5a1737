"""A copy policy as it is stored."""

from datetime import datetime

from pydantic import ConfigDict

from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.fields import SentMoment
from shared.copies.policies.in_charge import NamedPolicy
from shared.copies.policies.warnings import PolicyWarning
from shared.copies.restores.drills.timing import due_instant, next_instant
from shared.operations.model.models import Actor
from shared.schedules.catching_up import counted_after
from shared.values.documents import Document


class PolicyRecord(Document):
    """A policy of a tenant; `id` is new for each policy that is made, `revision` counts its changes.

    `name` is as first written. `warnings` are those of the last change.
    """

    model_config = ConfigDict(extra="ignore")

    id: str
    name: str
    tenant: str
    revision: int
    document: PolicyDocument
    warnings: tuple[PolicyWarning, ...] = ()
    created_at: SentMoment
    created_by: Actor
    changed_at: SentMoment
    changed_by: Actor

    @property
    def named(self) -> NamedPolicy:
        """The policy as the rules of selection take it."""
        return NamedPolicy(self.name, self.document)

    def next_slot(self, after: datetime, begun: datetime | None = None) -> datetime | None:
        """Return the first slot later than `after` that counts; None for a disabled policy, and where none is within 366 days."""
        if not self.document.enabled:
            return None
        counted = counted_after(self.changed_at, self.document.paused_until, begun)
        return self.document.schedule.rule().next_slot(max(after, counted))

    def next_drill(self, now: datetime) -> datetime | None:
        """Return when the next drill is due; None for a policy without drills, or a disabled one."""
        drill = self.document.drill
        if drill is None or not self.document.enabled:
            return None
        return next_instant(self.created_at, drill.every, self._drills_count_after, now)

    def due_drill(self, now: datetime) -> datetime | None:
        """Return the instant of the drill that is due; several missed ones are one."""
        drill = self.document.drill
        if drill is None or not self.document.enabled or self.is_paused(now):
            return None
        return due_instant(self.created_at, drill.every, self._drills_count_after, now)

    @property
    def _drills_count_after(self) -> datetime:
        return counted_after(self.changed_at, self.document.paused_until, None)

    def is_paused(self, now: datetime) -> bool:
        """Return whether a pause lasts: neither slots nor retention nor drills."""
        return self.document.paused_until is not None and now < self.document.paused_until
