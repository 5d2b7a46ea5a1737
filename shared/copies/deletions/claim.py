"""A claim of a deletion: its request, and a typed view of its state."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from shared.arm.ids import ResourceId
from shared.copies.deletions.request import DeletionState, StoredDeletion, stored_deletion
from shared.operations.model.models import Actor, Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Effect, settled_at
from shared.operations.running.outcomes import Outcome
from shared.operations.running.workflow import Step, typed_step

T = TypeVar("T")


class DeletionClaim:
    """What a step of a deletion works with. Changes of `state` change the claim."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self.request: StoredDeletion = stored_deletion(claim.operation)
        self.state = DeletionState.of(claim.data)

    @property
    def id(self) -> str:
        """The operation's id."""
        return self._claim.id

    @property
    def tenant(self) -> str:
        """The tenant of the deletion."""
        return self._claim.row.tenant

    @property
    def actor(self) -> Actor:
        """Who asked for the deletion."""
        return self._claim.operation.actor

    @property
    def point(self) -> ResourceId:
        """The restore point to delete."""
        return ResourceId.parse(self.request.restore_point_id)

    @property
    def collection(self) -> ResourceId:
        """The collection of the restore point."""
        parent = self.point.parent
        if parent is None:
            raise ValueError(f"'{self.point}' is not the id of a restore point.")
        return parent

    @property
    def unsettled_until(self) -> datetime | None:
        """Until when a DELETE that an earlier claim sent may still arrive; None where none was sent."""
        intent: Intent | None = self._claim.row.intent
        return settled_at(intent) if intent is not None else None

    async def perform(self, effect: Effect[T]) -> T:
        """Start an effect once, or find its earlier start, and return its evidence; see `Claim.perform` for what is raised."""
        return await self._claim.perform(effect)

    def note_newest_other(self, id_: str | None) -> None:
        """Keep the newest of what Azure shows beside the restore point, which the result names; None where it shows nothing."""
        if id_ is not None:
            self.state.newest_other = id_
        else:
            self.state.forget("newest_other")

    def hold(self, lock: str) -> None:
        """Add a lock that was taken to the row, with its next write."""
        self._claim.hold(lock)


def step(run: Callable[[DeletionClaim], Awaitable[Outcome]]) -> Step:
    """Return a step of the core that runs a step of a deletion."""
    return typed_step(DeletionClaim, run)
