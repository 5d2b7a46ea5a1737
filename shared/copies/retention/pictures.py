"""Reads from the ledger what the rules of retention need of a VM: its copies, its restore points, and what copies still need of these."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.arm.ids import ResourceId
from shared.copies.copying import admission
from shared.copies.copying.following import COPYING
from shared.copies.copying.models import origin_of, request_of
from shared.copies.copying.rules.chain import moved_on
from shared.copies.copying.rules.naming import chain_key
from shared.copies.copying.state import CopyDetail
from shared.copies.copying.waiting.chains import Chains
from shared.copies.points.records import CopyNote, MadePoint, PointLedger
from shared.copies.reconciling.records import Reconciled
from shared.copies.retention.facts import CopyFacts, CopyState, PointFacts
from shared.copies.retention.places import CopiesOfMachine, LedgerCopy, Places
from shared.operations.model.models import Operation, Status
from shared.operations.model.store import Store

_TRUSTED_FOR = timedelta(days=2)
_COPYING = frozenset({COPYING, "recording"})


@dataclass(frozen=True, slots=True)
class OpenCopy:
    """A copy that is not usable: it waits, is copied, or has failed and left a restore point (`is_there`), or may be redone."""

    operation: str
    region: str
    source_point: ResourceId
    facts: CopyFacts
    is_there: bool
    policy_id: str = ""

    @property
    def needs_its_source(self) -> bool:
        """Whether the restore point of the VM that it is of must stay."""
        return self.facts.in_flight


@dataclass(frozen=True, slots=True)
class Picture:
    """What the ledger has of a VM. `over` are rows of copies of which nothing is left."""

    copies: CopiesOfMachine
    points: tuple[MadePoint, ...]
    open_copies: tuple[OpenCopy, ...]
    over: tuple[CopyNote, ...] = ()
    reconciled: Reconciled = field(default_factory=Reconciled)

    @property
    def needed(self) -> frozenset[str]:
        """The restore points, in lower case, of which a copy waits, is copied, or may be redone."""
        return frozenset(copy.source_point.key for copy in self.open_copies if copy.needs_its_source)

    def is_whole(self, region: str | None, now: datetime) -> bool:
        """Return whether the ledger of a place can be trusted: it was reconciled in the last two days, and no look misses a copy there.

        A region of None are the restore points of the VM. What is younger than two days need not have been reconciled.
        """
        known = [copy.taken_at for copy in self.copies.usable] + [made.taken_at for made in self.points]
        at = self.reconciled.at or min(known, default=now)
        points = {copy.point.key for copy in self.usable_in(region)} if region is not None else {made.point.key for made in self.points}
        return now - at <= _TRUSTED_FOR and not points & self.reconciled.unsure

    def usable_in(self, region: str) -> list[LedgerCopy]:
        """Return the usable copies in a region, newest first."""
        return [copy for copy in self.copies.usable if copy.region == region]

    def open_in(self, region: str) -> list[OpenCopy]:
        """Return the copies in a region that are not usable, and are more than a wish to copy again."""
        return [copy for copy in self.open_copies if copy.region == region and (copy.is_there or copy.facts.state is not CopyState.FAILED)]

    def facts_in(self, region: str, tenant: str) -> tuple[CopyFacts, ...]:
        """Return what the rules read of all copies in a region."""
        usable = [copy.facts_for(tenant) for copy in self.usable_in(region)]
        return (*usable, *(copy.facts for copy in self.open_in(region)))


def newest_copied(usable: Iterable[LedgerCopy]) -> frozenset[str]:
    """Return the restore points, in lower case, whose copies are the newest usable ones of a region, and of a policy in a region."""
    ordered = sorted(usable, key=lambda copy: copy.taken_at, reverse=True)
    newest: dict[tuple[str, bool], str] = {}
    for copy in ordered:
        newest.setdefault((copy.region, False), copy.source_point.lower())
        if copy.policy_id:
            newest.setdefault((copy.region, True), copy.source_point.lower())
    return frozenset(newest.values())


def facts_of_point(made: MadePoint, tenant: str, needed: frozenset[str]) -> PointFacts:
    """Return what the rules read of a restore point in the ledger; another tenant's counts as one that no policy made."""
    return PointFacts(
        id=made.point.key,
        taken_at=made.taken_at,
        vm_id=made.vm_id,
        disks=made.disks,
        by_policy=bool(made.policy_id) and made.tenant == tenant,
        needed=made.point.key in needed,
        refused_at=made.refused_at,
    )


@dataclass(frozen=True, slots=True)
class Pictures:
    """Reads pictures; nothing of Azure."""

    places: Places
    points: PointLedger
    store: Store
    chains: Chains

    async def of(self, tenant: str, vm: ResourceId) -> Picture:
        """Return what the ledger has of a VM, for the tenant whose policy prunes."""
        copies, known = await asyncio.gather(self.places.of_machine(vm), self.points.of_machine(vm))
        notes = [note for note in known.copies if note.operation not in copies.operations]
        read = [await self._open(note, tenant) for note in notes]
        over = tuple(note for note, found in zip(notes, read, strict=True) if found is None)
        return Picture(copies, known.points, tuple(found for found in read if found is not None), over, known.reconciled)

    async def forget(self, vm: ResourceId, notes: Sequence[CopyNote]) -> None:
        """Remove the rows of copies of which nothing is left."""
        for note in notes:
            await self.points.forget_copy(vm, note.point, note.region, note.operation)

    async def _open(self, note: CopyNote, tenant: str) -> OpenCopy | None:
        """Return the copy of a row, None where nothing is left of it: it was never accepted, was canceled, or is passed and deleted."""
        operation = await self.store.get(note.operation)
        if operation is None:
            return _unaccepted(note) if note.is_new else None
        origin, detail = origin_of(operation), CopyDetail.of(dict(operation.detail))
        started = detail.target.restore_point_id if detail.target is not None else None
        taken_at = (detail.source.taken_at if detail.source is not None else None) or operation.created_at
        is_there = started is not None and detail.deletion is None
        failed = operation.status is Status.FAILED
        redoable = failed and await self.may_be_redone(operation, taken_at)
        if operation.status.ended and not (failed and (is_there or redoable)):
            return None
        return OpenCopy(
            operation=operation.id,
            region=note.region,
            source_point=note.point,
            facts=CopyFacts(
                id=ResourceId.parse(started).key if started is not None else operation.id,
                taken_at=taken_at,
                vm_id=origin.vm_id if origin is not None else "",
                state=CopyState.FAILED if failed else CopyState.COPYING if operation.step in _COPYING else CopyState.WAITING,
                by_policy=origin is not None and operation.tenant == tenant,
                redoable=redoable,
                refused_at=note.refused_at,
            ),
            is_there=is_there,
            policy_id=origin.policy_id if origin is not None else "",
        )

    async def may_be_redone(self, copy: Operation, taken_at: datetime) -> bool:
        """Return whether a failed copy may be redone: its chain has not started a newer one."""
        head = await self.chains.head(chain_key(*admission.collections(request_of(copy))))
        return moved_on(head, taken_at) is None


def _unaccepted(note: CopyNote) -> OpenCopy:
    facts = CopyFacts(note.operation, datetime.max.replace(tzinfo=UTC), "", CopyState.WAITING, by_policy=False)
    return OpenCopy(note.operation, note.region, note.point, facts, is_there=False)
