"""A run prunes after it has selected, and before anything is made, because Azure keeps 500 restore points of a VM.

What is deleted is written into the items of the run before it is accepted, so that a run that is interrupted accepts the same deletions.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from shared.clock import Clock
from shared.copies.deletions.request import Retained
from shared.copies.deletions.service import Deletions, RetainedDeletion
from shared.copies.kinds import DELETION
from shared.copies.policies.document import Limits, PolicyDocument
from shared.copies.policies.records.store import PolicyStore
from shared.copies.policies.runs.items import Decision, DeletionItem, DeletionOutcome, RunItem, RunItems, TargetItem
from shared.copies.policies.selection import RunError
from shared.copies.retention.copies import Place, decide_copies
from shared.copies.retention.facts import Rule
from shared.copies.retention.places import LedgerCopy, PlaceKey, Places
from shared.errors import Problem, Refused
from shared.operations.crash_points import crash_point
from shared.operations.model.identity import operation_id, short_hash
from shared.operations.model.models import Actor, Operation, Status
from shared.operations.model.store import Store

_MOST_NAMED = 20
_OUTCOMES: Final = {
    Status.SUCCEEDED: DeletionOutcome.DONE,
    Status.FAILED: DeletionOutcome.REFUSED,
    Status.CANCELED: DeletionOutcome.CANCELED,
}


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
    """Decides which copies retention deletes, by the ledger, and accepts the deletions; harmless to repeat.

    With `enabled` false (`FARSHORE_RETENTION`) nothing is accepted: what would be deleted is counted as held.
    """

    policies: PolicyStore
    items: RunItems
    places: Places
    deletions: Deletions
    store: Store
    clock: Clock
    enabled: bool

    async def prune(self, scope: PruneRun, items: Sequence[RunItem]) -> None:
        """Accept the deletions of some VMs. Nothing is deleted once the policy is another than the one that the run began with."""
        stored = await self.policies.get(scope.tenant, scope.policy)
        if stored is None or (stored.record.id, stored.record.revision) != (scope.policy_id, scope.revision):
            return
        decided = [replace_targets(item, [await self._decided(scope, item, target) for target in item.targets]) for item in items]
        await self.items.write(scope.run, [item for item, known in zip(decided, items, strict=True) if item != known])
        crash_point("run.deletionsWritten")
        for deletion in _deletions_of(decided):
            await self._accept(scope, deletion)

    async def _decided(self, scope: PruneRun, item: RunItem, target: TargetItem) -> TargetItem:
        """Return a target with the deletions of its place."""
        if target.decision is not Decision.COPIED or target.deletions:
            return target
        copies = await self.places.usable(PlaceKey(item.virtual_machine_id, "", target.region))
        decisions = decide_copies(
            Place(
                copies=tuple(copy.facts for copy in copies),
                whole=True,
                vm_id=item.vm_id,
                retention=scope.document.retention,
                zone=scope.document.schedule.zone,
                deletions=scope.limits.deletions_per_place,
                now=self.clock.now(),
            )
        )
        too_many = sum(decision.rule is Rule.HELD for decision in decisions.values())
        found = tuple(_deletion(scope, copy, decisions[copy.point.key].rule) for copy in copies if decisions[copy.point.key].deletes)
        if not self.enabled:
            too_many, found = too_many + len(found), ()
        return target.model_copy(update={"deletions": found, "held": too_many})

    async def _accept(self, scope: PruneRun, deletion: DeletionItem) -> None:
        """Accept a deletion; one of a copy that something holds now is left to the next run."""
        copy = await self.store.get(deletion.copy_id)
        if copy is None:
            return
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
            await self.deletions.accept_retained(RetainedDeletion(copy, retained, actor, deletion.key))

    def problem_of(self, items: Iterable[RunItem], limits: Limits) -> Problem | None:
        """Return why a run ends as failed where deletions are held: `TooManyDeletions`; None where the setting holds all of them."""
        held = [(f"{item.virtual_machine_id} in {target.region}", target.held) for item in items for target in item.targets if target.held]
        return _too_many(held, limits) if held and self.enabled else None

    async def follow(self, items: Sequence[RunItem]) -> list[RunItem]:
        """Return the items with what has become of their deletions."""
        return [replace_targets(item, [await self._followed(target) for target in item.targets]) for item in items]

    async def _followed(self, target: TargetItem) -> TargetItem:
        if all(one.outcome is not None for one in target.deletions):
            return target
        return target.model_copy(update={"deletions": tuple([await self._looked_at(one) for one in target.deletions])})

    async def _looked_at(self, deletion: DeletionItem) -> DeletionItem:
        if deletion.outcome is not None:
            return deletion
        operation = await self.store.get(deletion.id)
        return deletion.model_copy(update={"outcome": _outcome(operation)})


def _outcome(operation: Operation | None) -> DeletionOutcome | None:
    """Return how a deletion ended, None while it runs; one that was not accepted is canceled."""
    return DeletionOutcome.CANCELED if operation is None else _OUTCOMES.get(operation.status)


def _deletion(scope: PruneRun, copy: LedgerCopy, rule: Rule) -> DeletionItem:
    key = f"{scope.run}/{short_hash(copy.point.key)}"
    return DeletionItem(id=operation_id(scope.tenant, DELETION.name, key), key=key, copy_id=copy.operation, rule=rule.value)


def _deletions_of(items: Iterable[RunItem]) -> list[DeletionItem]:
    return [one for item in items for target in item.targets for one in target.deletions]


def replace_targets(item: RunItem, targets: Sequence[TargetItem]) -> RunItem:
    """Return an item with other targets."""
    return item.model_copy(update={"targets": tuple(targets)})


def _too_many(held: Sequence[tuple[str, int]], limits: Limits) -> Problem:
    details = tuple(
        Problem(RunError.TOO_MANY_DELETIONS, f"{count} copies of {place} would be deleted.", place) for place, count in held[:_MOST_NAMED]
    )
    message = f"In {len(held)} places more than limits.deletionsPerPlace ({limits.deletions_per_place}) copies would be deleted; none was."
    return Problem(RunError.TOO_MANY_DELETIONS, message, details=details)
