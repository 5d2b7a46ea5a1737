"""What retention would do in a run: its decisions by VM, as a plan shows and counts them."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.plans.answers import PlannedDeletion, PlannedKeep
from shared.copies.policies.runs.deciding import Decided
from shared.copies.policies.runs.items import RunItem
from shared.copies.retention.facts import Rule
from shared.copies.retention.machines import SOURCE, DecidedPlace, MachineRetention, RetentionScope
from shared.values.canonical import canonical

_SIDE_BY_SIDE = 16
NEAR = 400
"""From how many restore points of a place on a plan warns; Azure keeps 500 of a VM (docs/azure/restore-points.md)."""


@dataclass(frozen=True, slots=True)
class MachineRetained:
    """What becomes of the restore points of a VM and of their copies."""

    deletions: tuple[PlannedDeletion, ...] = ()
    kept: tuple[PlannedKeep, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedRetention:
    """What retention would do, by the keys of a run's items; `near` are places that have almost as many restore points as Azure keeps:
    the VM, the region, and how many."""

    machines: Mapping[str, MachineRetained]
    near: tuple[tuple[str, str, int], ...] = ()

    @property
    def due(self) -> list[PlannedDeletion]:
        """What would be deleted."""
        return [one for machine in self.machines.values() for one in machine.deletions if not one.held]

    @property
    def held(self) -> int:
        """How many deletions would be held."""
        return sum(one.held for machine in self.machines.values() for one in machine.deletions)

    def of_source(self, key: str) -> int:
        """Return how many of a VM's own restore points would be deleted, by the key of its item."""
        found = self.machines.get(key, MachineRetained())
        return sum(one.place == SOURCE and not one.held for one in found.deletions)

    def of(self, item: RunItem) -> MachineRetained:
        """Return what becomes of a VM's restore points."""
        return self.machines.get(item.key, MachineRetained())

    def deletes(self) -> Counter[str]:
        """Count the deletions by subscription."""
        return Counter(ResourceId.parse(one.restore_point_id).subscription_id for one in self.due)

    def digest(self, of_copies: str) -> str:
        """Return a digest of all decisions of a plan, those on copies among them; without deletions it is that of the copies."""
        deleted = sorted([one.restore_point_id.lower(), one.rule] for machine in self.machines.values() for one in machine.deletions)
        return hashlib.sha256(canonical([of_copies, deleted])).hexdigest()[:32] if deleted else of_copies


@dataclass(frozen=True, slots=True)
class RetentionPlans:
    """Decides as a run would; with `enabled` false (`FARSHORE_RETENTION`) every deletion is held."""

    retention: MachineRetention
    clock: Clock
    enabled: bool

    async def of(self, tenant: str, document: PolicyDocument, decided: Decided) -> PlannedRetention:
        """Return what a run by this document would delete, and what it keeps; nothing where it would not prune."""
        paused = document.paused_until is not None and document.paused_until > self.clock.now()
        if not decided.bounds.prunes or not document.enabled or paused:
            return PlannedRetention({})
        scope = RetentionScope(tenant, document, document.limits.deletions_per_place)
        room = asyncio.Semaphore(_SIDE_BY_SIDE)

        near: list[tuple[str, str, int]] = []

        async def one(item: RunItem) -> MachineRetained:
            async with room:
                _, places = await self.retention.decide(scope, item)
            copies = [place for place in places if place.place != SOURCE]
            near.extend((item.virtual_machine_id, place.place, len(place.points)) for place in copies if len(place.points) >= NEAR)
            return self._retained(places)

        found = await asyncio.gather(*(one(item) for item in decided.items))
        return PlannedRetention({item.key: machine for item, machine in zip(decided.items, found, strict=True)}, tuple(sorted(near)))

    def _retained(self, places: Sequence[DecidedPlace]) -> MachineRetained:
        deletions, kept = [], []
        for place in places:
            for point in place.points:
                held = point.decision.rule is Rule.HELD or not self.enabled
                if point.decision.deletes or point.decision.rule is Rule.HELD:
                    deletions.append(
                        PlannedDeletion(
                            restore_point_id=point.restore_point_id,
                            copy_id=point.copy_id,
                            place=place.place,
                            taken_at=point.taken_at,
                            rule=point.decision.rule.value,
                            held=held,
                        )
                    )
                else:
                    kept.append(PlannedKeep(restore_point_id=point.restore_point_id, rules=point.decision.names))
        return MachineRetained(tuple(deletions), tuple(kept))
