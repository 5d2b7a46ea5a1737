"""A claim of a restore: its request, and typed views of its state and record."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from shared.copies.restores.request import RestoreRequest, request_of, stored_of
from shared.copies.restores.rules.documents import MachineSpec
from shared.copies.restores.rules.planning import spec_of
from shared.copies.restores.state import CLEAN_UP, CLEANING, MachineDetail, RestoreDetail, RestoreState
from shared.operations.model.models import Intent, Operation
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Effect, settled_at
from shared.operations.running.outcomes import Next, Outcome
from shared.operations.running.workflow import Step

T = TypeVar("T")
MAKE = "make."
"""What the names of effects begin with that make something."""


class RestoreClaim:
    """What a step of a restore works with. Changes of `state` and `detail` change the claim."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self.request: RestoreRequest = request_of(claim.operation)
        self.stored = stored_of(claim.operation)
        self.state = RestoreState.of(claim.data)
        self.detail = RestoreDetail.of(claim.detail)

    @property
    def id(self) -> str:
        """The operation's id."""
        return self._claim.id

    @property
    def made_by(self) -> str:
        """The restore whose tag its resources bear: another one, where the remains of a failed restore are deleted."""
        return self.stored.clean_up_of or self.id

    @property
    def tenant(self) -> str:
        """The tenant."""
        return self._claim.row.tenant

    @property
    def operation(self) -> Operation:
        """The operation as it was read."""
        return self._claim.operation

    @property
    def locks(self) -> tuple[str, ...]:
        """The locks that it holds."""
        return self._claim.locks

    @property
    def region(self) -> str:
        """The region of everything made."""
        return self.detail.region or ""

    def spec(self, machine: MachineDetail) -> MachineSpec:
        """Return what the documents of a machine are made of."""
        return spec_of(self.request, machine, self.id, self.region)

    def hold(self, lock: str) -> None:
        """Add a lock that was taken to the row, with its next write."""
        self._claim.hold(lock)

    def drop(self, lock: str) -> None:
        """Remove a lock from the row, with its next write, after which it is released."""
        self._claim.drop(lock)

    def list_by(self, region: str) -> None:
        """Set the region by which lists are filtered, with the next write."""
        self._claim.filters["region"] = region

    def show_percent(self, percent: int) -> None:
        """Set how far the restore is."""
        self._claim.percent = percent

    def take_clean_up(self) -> bool:
        """Return whether a person has asked for the clean-up of a drill."""
        taken = self._claim.take_input()
        return taken is not None and bool(taken.get(CLEAN_UP))

    def intends(self, effect: str) -> bool:
        """Whether an earlier claim wrote the intent of this effect."""
        return self._claim.intends(effect)

    async def perform(self, effect: Effect[T]) -> T:
        """Start an effect once, or find its earlier start; an earlier send of it may still arrive until `late_until`."""
        if self._claim.intends(effect.name):
            self.note_late()
        return await self._claim.perform(effect)

    def note_late(self) -> None:
        """Note until when a PUT may still arrive whose intent is in the row."""
        intent: Intent | None = self._claim.row.intent
        if intent is not None and intent.effect.startswith(MAKE):
            self.state.late_until = later(self.state.late_until, settled_at(intent))


def later(one: datetime | None, other: datetime) -> datetime:
    """Return the later of two moments."""
    return other if one is None else max(one, other)


def step(run: Callable[[RestoreClaim], Awaitable[Outcome]], *, diverts: bool = True) -> Step:
    """Return a step of the core that runs a step of a restore; one that diverts begins the clean-up where a person has asked for it."""

    async def run_typed(claim: Claim) -> Outcome:
        restore = RestoreClaim(claim)
        if diverts and restore.take_clean_up():
            return Next(CLEANING)
        return await run(restore)

    return run_typed
