"""A run prunes after it has selected, and before anything is made, because Azure keeps 500 restore points of a VM.

What is deleted is written into the items of the run before it is accepted, so that a run that is interrupted accepts the same deletions.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from shared.arm.ids import ResourceId
from shared.copies.deletions.request import Retained
from shared.copies.deletions.service import Deletions, RetainedDeletion, RetainedPoint
from shared.copies.kinds import DELETION
from shared.copies.policies.document import Limits, PolicyDocument
from shared.copies.policies.records.store import PolicyStore
from shared.copies.policies.runs.items import OUTCOMES, DeletionItem, DeletionOutcome, RunItem, RunItems, TargetItem
from shared.copies.policies.selection import RunError
from shared.copies.retention.machines import SOURCE, DecidedPlace, DecidedPoint, MachineRetention, RetentionScope
from shared.errors import Problem, Refused
from shared.operations.crash_points import crash_point
from shared.operations.model.identity import operation_id, short_hash
from shared.operations.model.models import Actor, Operation
from shared.operations.model.store import Store

_MOST_NAMED = 20
_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class PruneRun:
    """The run that prunes: its operation's id, tenant, policy and limits. Its items are written already (`RunItems`)."""

    run: str
    tenant: str
    policy: str
    policy_id: str
    revision: int
    document: PolicyDocument
    limits: Limits


@dataclass(frozen=True, slots=True)
class Pruning:
    """Decides what retention deletes of copies and of VMs' restore points, by the ledger, and accepts the deletions; harmless to repeat.

    With `enabled` false (`FARSHORE_RETENTION`) nothing is accepted: what would be deleted is counted as held.
    """

    policies: PolicyStore
    items: RunItems
    retention: MachineRetention
    deletions: Deletions
    store: Store
    enabled: bool

    async def prune(self, scope: PruneRun, items: Sequence[RunItem]) -> None:
        """Accept the deletions of some VMs, a few side by side; of none once the policy is another than the one that the run began with."""
        stored = await self.policies.get(scope.tenant, scope.policy)
        if stored is None or (stored.record.id, stored.record.revision) != (scope.policy_id, scope.revision):
            return
        room = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def decide(item: RunItem) -> RunItem:
            async with room:
                return await self._decided(scope, item)

        async def accept(item: RunItem) -> None:
            async with room:
                for deletion in item.all_deletions:
                    await self._accept(scope, item, deletion)

        decided = await asyncio.gather(*(decide(item) for item in items))
        await self.items.write(scope.run, [item for item, known in zip(decided, items, strict=True) if item != known])
        crash_point("run.deletionsWritten")
        await asyncio.gather(*(accept(item) for item in decided))

    async def _decided(self, scope: PruneRun, item: RunItem) -> RunItem:
        """Return a VM with the deletions of its places; what an earlier attempt has decided stays."""
        if item.all_deletions:
            return item
        wanted = RetentionScope(scope.tenant, scope.document, scope.limits.deletions_per_place)
        picture, places = await self.retention.decide(wanted, item)
        await self.retention.pictures.forget(item.vm, picture.over)
        found = {place.place: self._outcome_of(scope, place) for place in places}
        targets = [
            target.model_copy(update=found[target.region]) if target.region in found and not target.deletions else target
            for target in item.targets
        ]
        return replace_targets(item, targets).model_copy(update=found.get(SOURCE, {}))

    def _outcome_of(self, scope: PruneRun, place: DecidedPlace) -> dict[str, object]:
        due, held = tuple(_deletion(scope, point) for point in place.due), place.held
        return {"deletions": due, "held": held} if self.enabled else {"deletions": (), "held": held + len(due)}

    async def _accept(self, scope: PruneRun, item: RunItem, deletion: DeletionItem) -> None:
        """Accept a deletion; one of what something holds now is left to the next run."""
        retained = Retained(
            policy=scope.policy,
            policy_id=scope.policy_id,
            revision=scope.revision,
            run=scope.run,
            rule=deletion.rule,
            deletions_per_place=scope.limits.deletions_per_place,
        )
        actor = Actor("system", f"copy policy {scope.policy}", scope.policy)
        with suppress(Refused):
            if not deletion.copy_id:
                point = ResourceId.parse(deletion.restore_point_id)
                await self.deletions.accept_point(
                    RetainedPoint(scope.tenant, item.virtual_machine_id, point, actor, deletion.key, retained=retained)
                )
                return
            copy = await self.store.get(deletion.copy_id)
            if copy is not None:
                await self.deletions.accept_retained(RetainedDeletion(copy, retained, actor, deletion.key))

    def problem_of(self, items: Iterable[RunItem], limits: Limits) -> Problem | None:
        """Return why a run ends as failed where deletions are held: `TooManyDeletions`; None where the setting holds all of them."""
        held = [one for item in items for one in _held_of(item)]
        return _too_many(held, limits) if held and self.enabled else None

    async def follow(self, items: Sequence[RunItem]) -> list[RunItem]:
        """Return the items with what has become of their deletions."""
        return [await self._followed(item) if any(one.outcome is None for one in item.all_deletions) else item for item in items]

    async def _followed(self, item: RunItem) -> RunItem:
        targets = [
            target.model_copy(update={"deletions": tuple([await self._looked_at(one) for one in target.deletions])})
            for target in item.targets
        ]
        own = tuple([await self._looked_at(one) for one in item.deletions])
        return replace_targets(item, targets).model_copy(update={"deletions": own})

    async def _looked_at(self, deletion: DeletionItem) -> DeletionItem:
        if deletion.outcome is not None:
            return deletion
        operation = await self.store.get(deletion.id)
        return deletion.model_copy(update={"outcome": _outcome(operation)})


def _outcome(operation: Operation | None) -> DeletionOutcome | None:
    """Return how a deletion ended, None while it runs; one that was not accepted is canceled."""
    return DeletionOutcome.CANCELED if operation is None else OUTCOMES.get(operation.status)


def _deletion(scope: PruneRun, point: DecidedPoint) -> DeletionItem:
    key, rule = f"{scope.run}/{short_hash(point.restore_point_id.lower())}", point.decision.rule.value
    of = {"copy_id": point.copy_id} if point.copy_id is not None else {"restore_point_id": point.restore_point_id}
    return DeletionItem(id=operation_id(scope.tenant, DELETION.name, key), key=key, rule=rule, **of)


def _held_of(item: RunItem) -> list[tuple[str, int]]:
    """Return the places of a VM in which deletions are held, with their numbers."""
    places = [(f"{item.virtual_machine_id} in {target.region}", target.held) for target in item.targets]
    return [(place, held) for place, held in (*places, (f"{item.virtual_machine_id} in its own region", item.held)) if held]


def replace_targets(item: RunItem, targets: Sequence[TargetItem]) -> RunItem:
    """Return an item with other targets."""
    return item.model_copy(update={"targets": tuple(targets)})


def _too_many(held: Sequence[tuple[str, int]], limits: Limits) -> Problem:
    details = tuple(
        Problem(RunError.TOO_MANY_DELETIONS, f"{count} restore points of {place} would be deleted.", place)
        for place, count in held[:_MOST_NAMED]
    )
    most = limits.deletions_per_place
    message = f"In {len(held)} places more than limits.deletionsPerPlace ({most}) restore points would be deleted; none was."
    return Problem(RunError.TOO_MANY_DELETIONS, message, details=details)
