"""Decides, by the ledger, what retention does with the copies and the restore points of a VM: the code that runs and plans share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.clock import Clock
from shared.copies.copying.service import copy_lock
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.runs.items import Decision as RunDecision
from shared.copies.policies.runs.items import RunItem
from shared.copies.retention.copies import Place, decide_copies
from shared.copies.retention.facts import CopyFacts, Decision, Decisions, Rule
from shared.copies.retention.pictures import Picture, Pictures, facts_of_point, newest_copied
from shared.copies.retention.source_points import SourcePlace, decide_points
from shared.operations.accepting.locks import Locks

SOURCE = "source"
"""The place of a VM's own restore points, beside the regions of its copies."""
_AT_STAKE = frozenset({Rule.NEWEST, Rule.FAILED_AND_PASSED, Rule.SUPERFLUOUS, Rule.HELD})
"""Rules that come after the one for what another operation holds."""


@dataclass(frozen=True, slots=True)
class RetentionScope:
    """The policy in charge: its tenant and document; `deletions` is the most that are deleted of a place at once."""

    tenant: str
    document: PolicyDocument
    deletions: int


@dataclass(frozen=True, slots=True)
class DecidedPoint:
    """A restore point and what becomes of it; `copy_id` is the operation of a copy, None for a restore point of the VM."""

    restore_point_id: str
    copy_id: str | None
    taken_at: datetime
    decision: Decision


@dataclass(frozen=True, slots=True)
class DecidedPlace:
    """What retention decides of a place: a region, or `source`. A place of which another policy is in charge is left out."""

    place: str
    points: tuple[DecidedPoint, ...]

    @property
    def due(self) -> tuple[DecidedPoint, ...]:
        """What is to be deleted."""
        return tuple(point for point in self.points if point.decision.deletes)

    @property
    def held(self) -> int:
        """How many deletions are too many at once."""
        return sum(point.decision.rule is Rule.HELD for point in self.points)


@dataclass(frozen=True, slots=True)
class MachineRetention:
    """Decides of one VM; reads nothing of Azure and writes nothing."""

    pictures: Pictures
    locks: Locks
    clock: Clock

    async def decide(self, scope: RetentionScope, item: RunItem) -> tuple[Picture, tuple[DecidedPlace, ...]]:
        """Return what the ledger has of a VM of a run, and what becomes of its places."""
        picture = await self.pictures.of(scope.tenant, item.vm)
        regions = [target.region for target in item.targets if target.decision is RunDecision.COPIED]
        places = [await self._copies(scope, item, region, picture) for region in regions]
        return picture, (*places, *([self._points(scope, item, picture)] if item.prunes_source else ()))

    async def _copies(self, scope: RetentionScope, item: RunItem, region: str, picture: Picture) -> DecidedPlace:
        place = Place(
            copies=picture.facts_in(region, scope.tenant),
            whole=picture.is_whole(region, self.clock.now()),
            vm_id=item.vm_id,
            retention=scope.document.retention,
            zone=scope.document.schedule.zone,
            deletions=scope.deletions,
            now=self.clock.now(),
        )
        operations = {copy.point.key: (str(copy.point), copy.operation) for copy in picture.usable_in(region)}
        operations |= {copy.facts.id: (copy.facts.id, copy.operation) for copy in picture.open_in(region)}
        decisions = await self._with_locks(place, {key: operation for key, (_, operation) in operations.items()})
        return DecidedPlace(region, _retained(place.copies, decisions, lambda copy: operations[copy.id]))

    async def _with_locks(self, place: Place, operations: Mapping[str, str]) -> Decisions:
        """Decide, and look whether another operation holds a copy where that matters: for what would be deleted, and the newest."""
        looked: set[str] = set()
        while True:
            decisions = decide_copies(place)
            if not any(one.deletes or one.rule is Rule.HELD for one in decisions.values()):
                return decisions
            unread = [copy for copy in place.copies if copy.id not in looked and decisions[copy.id].rule in _AT_STAKE]
            if not unread:
                return decisions
            looked |= {copy.id for copy in unread}
            held = {copy.id for copy in unread if await self.locks.holder([copy_lock(operations[copy.id])]) is not None}
            copies = tuple(replace(copy, in_use=True) if copy.id in held else copy for copy in place.copies)
            place = replace(place, copies=copies)

    def _points(self, scope: RetentionScope, item: RunItem, picture: Picture) -> DecidedPlace:
        ids = {made.point.key: (str(made.point), None) for made in picture.points}
        place = SourcePlace(
            points=tuple(facts_of_point(made, scope.tenant, picture.needed) for made in picture.points),
            whole=picture.is_whole(None, self.clock.now()),
            vm_id=item.vm_id,
            disks=frozenset(item.disks),
            newest_copied=newest_copied(picture.copies.usable),
            keep_last=scope.document.retention.source.keep_last,
            deletions=scope.deletions,
            now=self.clock.now(),
        )
        decisions = decide_points(place)
        points = tuple(DecidedPoint(*ids[point.id], point.taken_at, decisions[point.id]) for point in place.points)
        return DecidedPlace(SOURCE, _newest_first(points))


def _retained(copies: Iterable[CopyFacts], decisions: Decisions, name: Callable[[CopyFacts], tuple[str, str]]) -> tuple[DecidedPoint, ...]:
    return _newest_first(DecidedPoint(*name(copy), copy.taken_at, decisions[copy.id]) for copy in copies)


def _newest_first(points: Iterable[DecidedPoint]) -> tuple[DecidedPoint, ...]:
    return tuple(sorted(points, key=lambda point: (point.taken_at, point.restore_point_id), reverse=True))
