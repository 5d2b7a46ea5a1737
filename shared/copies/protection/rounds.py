"""Keeps the rows of protection up to date, and sends their events: what is due is looked at by the timer `schedule`.

    entry of the index ──► row read ──► look ──► row written, with the events ──► events sent ──► row without them ──► entry deleted
                             ▲                        │ another writer was first
                             └────────────────────────┘

Of two instances that look at one VM one write takes effect, so that a breach begins and ends once. A process that ends between two lines is
followed by another one: the entry is still there, and so are the events in the row. An event may then be sent twice, under one id.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.clock import Clock
from shared.copies.copying.state import CopyDetail
from shared.copies.inventory.facts import InventoryMachine
from shared.copies.inventory.reader import Inventories
from shared.copies.policies.in_charge import NamedPolicy
from shared.copies.policies.records.store import PolicyStore
from shared.copies.policies.selector import Selector
from shared.copies.protection.answers import notice_body
from shared.copies.protection.coverage import coverage_of, with_copies, with_coverage, with_failure, without_coverage
from shared.copies.protection.looks import look, next_look
from shared.copies.protection.records.record import LastFailure, ProtectionRecord
from shared.copies.protection.records.store import DueEntry, DueKind, ProtectionStore, StoredProtection
from shared.copies.protection.usable import LedgerReader
from shared.errors import CallFailure
from shared.operations.crash_points import crash_point
from shared.operations.model.models import Operation, Status
from shared.operations.model.store import Store
from shared.operations.outside.events import Events
from shared.operations.running.budgets import GRAPH_QUERIES, Budgets
from shared.storage.tables import Conflict

_log = logging.getLogger(__name__)
EVERY = timedelta(hours=1)
"""How often the inventory of a tenant that has policies is read."""
UNTIL_WRITTEN = timedelta(seconds=30)
"""After which a change of a policy that was noted before it was written is written, or was not."""
_RETRY = timedelta(minutes=5)
_MOST_DUE = 1000
_MOST_CHANGED = 500
"""How many rows of a tenant are written after an inventory in one round."""
_TRIES = 10
Changed = Callable[[ProtectionRecord | None], Awaitable[ProtectionRecord | None]]


@dataclass(frozen=True, slots=True)
class ProtectionRounds:
    """Looks at what is due."""

    store: ProtectionStore
    ledger: LedgerReader
    policies: PolicyStore
    inventories: Inventories
    registry: Registry
    operations: Store
    events: Events
    budgets: Budgets
    clock: Clock

    async def run(self) -> None:
        """Look at the VMs, copies and tenants that are due; one that fails stops no other, and the next round retries it."""
        read: set[str] = set()
        for entry in await self.store.due(self.clock.now(), _MOST_DUE):
            try:
                await self._round(entry, read)
            except CallFailure as failure:
                _log.warning("the inventory of %s was not read; it is read again in five minutes: %s", entry.tenant, failure)
                await self.store.note_tenant(entry.tenant, self.clock.now() + _RETRY, changed=True)
                await self.store.remove_due(entry)
            except Exception:
                _log.exception("the protection of %s failed; the next round retries it", entry.name or entry.tenant)

    async def _round(self, entry: DueEntry, read: set[str]) -> None:
        match entry.kind:
            case DueKind.MACHINE:
                await self._update(entry.tenant, entry.name, self._anew)
            case DueKind.COPY:
                await self._copy(entry)
            case _ if entry.tenant not in read:
                if not await self._tenant(entry):
                    return  # the next round goes on
                read.add(entry.tenant)
        await self.store.remove_due(entry)

    async def _anew(self, record: ProtectionRecord | None) -> ProtectionRecord | None:
        """Read the copies of a VM, and how the ledger and Azure differ."""
        if record is None:
            return None
        return with_copies(record, await self.ledger.usable_of(record.tenant, record.vm, record.vm_id))

    async def _copy(self, entry: DueEntry) -> None:
        """Read the copies of a VM of which one has ended or was deleted."""
        operation = await self.operations.get(entry.name)
        source = CopyDetail.of(operation.detail).source if operation is not None else None
        if operation is None or source is None or source.virtual_machine_id is None:
            return

        async def change(record: ProtectionRecord | None) -> ProtectionRecord | None:
            if record is None:
                return None  # no inventory shows the VM, or it is another tenant's
            usable = await self.ledger.usable_of(record.tenant, record.vm, record.vm_id)
            return _with_failure_of(with_copies(record, usable), operation)

        await self._update(operation.tenant, source.virtual_machine_id.lower(), change)

    async def _tenant(self, entry: DueEntry) -> bool:
        """Read the inventory of a tenant and decide what covers each of its VMs; return whether all rows that change are written.

        One round writes a bounded number of rows, so that the slots of policies, which the same timer begins, do not wait. An inventory for
        which the budget of queries does not suffice is read in a later round.
        """
        now, tenant = self.clock.now(), await self.registry.uncached().by_name(entry.tenant)
        if tenant is None:
            return True
        known = (await self.store.summary(entry.tenant)).inventory
        if entry.kind is DueKind.TENANT and known is not None and now - known < EVERY:
            return True  # it was read meanwhile, and that reading has an entry of its own
        policies = [one.record.named for one in await self.policies.of_tenant(entry.tenant)]
        rows = {row.record.vm.key: row.record async for row in self.store.of_tenant(entry.tenant)}
        if not policies and not rows:
            return True
        if self.inventories.graph is not None and not await self.budgets.release(GRAPH_QUERIES, 1):
            return False
        found = (await self.inventories.read(entry.tenant, Selector(everything=True))).inventory
        shown, left = {machine.key for machine in found.machines}, _MOST_CHANGED
        for machine in found.machines:
            shown_as = _ShownMachine(machine, found.collections_of.get(machine.key, ()), found.taken_at)
            left -= await self._inventory(tenant, policies, shown_as, rows.get(machine.key))
            if left == 0:
                return False
        for key in sorted(rows.keys() - shown) if found.complete else ():
            await self._absent(tenant, rows[key])
        await self.store.note_tenant(entry.tenant, found.taken_at + EVERY, changed=False)
        await self.store.note_inventory(entry.tenant, found.taken_at)
        return True

    async def _inventory(
        self, tenant: Tenant, policies: Sequence[NamedPolicy], found: "_ShownMachine", row: ProtectionRecord | None
    ) -> bool:
        """Decide what covers a VM; return whether its row changes. One that does not is neither read again nor written."""
        machine, since = found.machine, found.taken_at
        coverage = coverage_of(machine, policies, tenant.settings.recovery_point_objective)
        same = row is not None and row.vm_id == machine.vm_id and not row.notices
        if row is not None and same and look(row, with_coverage(_shown(row, found), coverage, since), self.clock.now()) == row:
            return False

        async def change(record: ProtectionRecord | None) -> ProtectionRecord | None:
            known = record or ProtectionRecord(tenant=tenant.name, virtual_machine_id=str(machine.machine.id))
            replaced = bool(known.vm_id) and known.vm_id != machine.vm_id
            fresh = _shown(known.model_copy(update={"targets": ()}) if replaced else known, found)
            if record is None or replaced:
                fresh = with_copies(fresh, await self.ledger.usable_of(tenant.name, fresh.vm, fresh.vm_id))
            return with_coverage(fresh, coverage, since)

        await self._update(tenant.name, machine.key, change)
        return True

    async def _absent(self, tenant: Tenant, record: ProtectionRecord) -> None:
        """Decide on a VM that a complete inventory does not show: it is gone only where Azure answers 404 for the VM itself.

        Of one that is another tenant's by now nothing is read. Without copies its row is deleted.
        """
        own = record.vm.subscription_id in tenant.subscriptions
        if own and not record.gone and await self.inventories.gateway.machine(record.vm) is not None:
            return

        async def change(known: ProtectionRecord | None) -> ProtectionRecord | None:
            return without_coverage(known, gone=own) if known is not None else None

        await self._update(tenant.name, record.vm.key, change)
        left = await self.store.get(tenant.name, record.vm.key)
        if not own and left is not None and not left.record.targets and not left.record.notices:
            await self.store.write(left, None)

    async def _update(self, tenant: str, vm_key: str, change: Changed) -> None:
        """Change the row of a VM, write when it is to be looked at next, and send its events; raises `Conflict` after ten lost races."""
        for _ in range(_TRIES):
            before = await self.store.get(tenant, vm_key)
            known = before.record if before is not None else None
            changed = await change(known)
            if changed is None:
                return
            try:
                await self._settle(before, look(known, changed, self.clock.now()))
            except Conflict:
                continue
            return
        raise Conflict

    async def _settle(self, before: StoredProtection | None, record: ProtectionRecord) -> None:
        """Write a row where it differs, send its events, and delete it where it is about nothing any more."""
        known = before.record if before is not None else None
        if record != known:
            await self._note_next(known, record)
            await self.store.write(before, record)
            crash_point("protection.written")
            before = await self.store.get(record.tenant, record.vm.key)
        if record.notices:
            before = await self._sent(before, record)
        if before is not None and _is_over(before.record):
            await self.store.write(before, None)

    async def _note_next(self, known: ProtectionRecord | None, record: ProtectionRecord) -> None:
        following = next_look(record)
        if following is not None and (known is None or following != next_look(known)):
            await self.store.note_machine(record.tenant, record.vm.key, following)

    async def _sent(self, before: StoredProtection | None, record: ProtectionRecord) -> StoredProtection | None:
        """Send the events of a row, then take them out of it; events that another look has added meanwhile stay."""
        for notice in record.notices:
            data = notice_body(record, notice, self.clock.now()).as_json()
            await self.events.publish_protection(notice.id, notice.kind.value, record.tenant, data)
        crash_point("protection.sent")
        sent = {notice.id for notice in record.notices}
        if before is None:
            return None
        left = tuple(notice for notice in before.record.notices if notice.id not in sent)
        await self.store.write(before, before.record.model_copy(update={"notices": left}))
        return await self.store.get(record.tenant, record.vm.key)


@dataclass(frozen=True, slots=True)
class _ShownMachine:
    """A VM as an inventory shows it, with the collections of it that others have made, and when."""

    machine: InventoryMachine
    collections: tuple[str, ...]
    taken_at: datetime


def _shown(record: ProtectionRecord, found: _ShownMachine) -> ProtectionRecord:
    """Return the record of a VM that an inventory shows."""
    machine = found.machine
    update = {"vm_id": machine.vm_id, "region": machine.machine.region, "gone": False, "collections": found.collections}
    return record.model_copy(update=update)


def _is_over(record: ProtectionRecord) -> bool:
    """Return whether a row is about nothing: a VM that is gone, or another tenant's, without copies and events."""
    return record.gone and not record.targets and not record.notices


def _with_failure_of(record: ProtectionRecord, operation: Operation) -> ProtectionRecord:
    error, region = operation.error, str(_region_of(operation.body))
    if operation.status is not Status.FAILED or error is None or operation.completed_at is None:
        return record
    failure = LastFailure(copy_id=operation.id, code=str(error.code), message=error.message, at=operation.completed_at)
    return with_failure(record, region, failure)


def _region_of(body: Mapping[str, object]) -> object:
    target = body.get("target")
    return target.get("region", "") if isinstance(target, Mapping) else ""
