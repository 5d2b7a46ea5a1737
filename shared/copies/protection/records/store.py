"""The table of protection: a partition per tenant with a row per VM and the counts of its states, and the index of what is due.

    partition            row
    tenant               d|{id of the VM}                 the record; replaced only as it was read
    tenant               summary                          how many VMs are in each state, and when the inventory was read
    due                  {moment}|m|{tenant}|{VM}         a VM to look at: a breach may begin
    due                  {moment}|c|{operation}           a copy that has ended, or was deleted
    due                  {moment}|t|{tenant}|{reason}     a tenant whose inventory is to be read

A change of a state and of the counts is one transaction. An entry of the index is a hint: it is written before what it is about and deleted
once everything that follows from it is done, so that another process goes on where one ends in between.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.clock import from_text, to_text
from shared.copies.protection.records.record import ProtectionRecord
from shared.copies.protection.states import LIMITS_NEAR, State
from shared.operations.model.identity import short_hash
from shared.storage.documents import key_of
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import Change, Entity, Found, Table

_DUE, _SUMMARY, _FIRST, _LAST = "due", "summary", "d|", "d}"
_LONGEST_NAME = 380


class DueKind(StrEnum):
    """What an entry of the index is about."""

    MACHINE = "m"
    COPY = "c"
    TENANT = "t"
    """A tenant, every hour."""
    CHANGED = "n"
    """A tenant whose policies have changed, or a run of which has ended."""


@dataclass(frozen=True, slots=True)
class DueEntry:
    """An entry of the index: `name` is the VM's id, the operation's id, or empty; `key` that of its row."""

    kind: DueKind
    tenant: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class StoredProtection:
    """A record as it was read, and the version that the next write replaces."""

    record: ProtectionRecord
    version: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How many VMs of a tenant are in each state, by their last look, and of how many the ledger and Azure differ.

    `inventory` is when the inventory was read, `reconciled` when a VM was last compared with Azure; None before.
    """

    counts: Mapping[State, int] = field(default_factory=dict)
    inventory: datetime | None = None
    drift: int = 0
    reconciled: datetime | None = None

    @property
    def machines(self) -> int:
        """How many VMs there are."""
        return sum(self.counts.values())


class ProtectionStore:
    """Reads and writes the rows. A lost race is `Conflict`; errors of storage are raised as the SDK raises them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, tenant: str, vm_key: str) -> StoredProtection | None:
        """Return the row of a VM, by its id in lower case."""
        found = await self._table.get(key_of(tenant), row_key(vm_key))
        return _read(found) if found is not None else None

    async def write(self, before: StoredProtection | None, record: ProtectionRecord | None) -> None:
        """Write a record over the one that was read, or delete it (None), and change the counts with it; raises `Conflict`."""
        one = record or (before.record if before is not None else None)
        if one is None:
            return
        changes = [_change(one, before, record)]
        was, is_now = before.record.state if before is not None else None, record.state if record is not None else None
        differed, differs = before is not None and bool(before.record.drift), record is not None and bool(record.drift)
        if was is not is_now or differed is not differs:
            changes.append(await self._counted(one.tenant, was, is_now, int(differs) - int(differed)))
        await self._table.transact(changes)

    async def _counted(self, tenant: str, was: State | None, is_now: State | None, drift: int) -> Change:
        found = await self._table.get(key_of(tenant), _SUMMARY)
        known = _summary(found)
        counts = dict(known.counts)
        for state, number in ((was, -1), (is_now, 1)):
            if state is not None:
                counts[state] = max(counts.get(state, 0) + number, 0)
        entity = {"PartitionKey": key_of(tenant), "RowKey": _SUMMARY, "v": 1, **{state.value: number for state, number in counts.items()}}
        entity["drift"] = max(known.drift + drift, 0)
        return Change("merge", entity, found.etag) if found is not None else Change("insert", entity)

    async def summary(self, tenant: str) -> Summary:
        """Return the counts of a tenant."""
        return _summary(await self._table.get(key_of(tenant), _SUMMARY))

    async def note_inventory(self, tenant: str, at: datetime) -> None:
        """Write when the inventory of a tenant was read."""
        await self._table.upsert({"PartitionKey": key_of(tenant), "RowKey": _SUMMARY, "v": 1, "inventory": to_text(at)})

    async def note_reconciled(self, tenant: str, at: datetime) -> None:
        """Write when a VM of a tenant was last compared with Azure."""
        await self._table.upsert({"PartitionKey": key_of(tenant), "RowKey": _SUMMARY, "v": 1, "reconciled": to_text(at)})

    async def of_tenant(self, tenant: str) -> AsyncIterator[StoredProtection]:
        """Yield all rows of a tenant."""
        filters = "PartitionKey eq @partition and RowKey ge @first and RowKey lt @last"
        async for found in self._table.range(filters, parameters={"partition": key_of(tenant), "first": _FIRST, "last": _LAST}):
            yield _read(found)

    async def near_limit(self, tenant: str) -> dict[str, int]:
        """Return how many restore points each VM of a tenant has, by its id in lower case: those with 400 or more."""
        filters = "PartitionKey eq @partition and RowKey ge @first and RowKey lt @last and restorePoints ge @least"
        bounds = {"first": _FIRST, "last": _LAST, "least": LIMITS_NEAR[0]}
        rows = [_read(one).record async for one in self._table.range(filters, parameters={"partition": key_of(tenant), **bounds})]
        return {row.vm.key: row.restore_points or 0 for row in rows}

    async def page(self, tenant: str, top: int, after: str | None, below: str = "") -> tuple[list[ProtectionRecord], str | None]:
        """Return up to `top` records of a tenant after a place, by one range read, and the last place where there are more.

        `below` is the beginning of the ids in lower case, empty for all.
        """
        first = _FIRST + key_of(below) if below else _FIRST
        filters = "PartitionKey eq @partition and RowKey ge @first and RowKey gt @after and RowKey lt @last"
        bounds = {"first": first, "after": _row_of(after) if after else "", "last": f"{first}~" if below else _LAST}
        parameters = {"partition": key_of(tenant), **bounds}
        rows = [_read(one).record async for one in self._table.range(filters, parameters=parameters, limit=top + 1)]
        return rows[:top], place_of(rows[top - 1]) if len(rows) > top else None

    async def page_of_all(self, top: int, after: str | None) -> tuple[list[ProtectionRecord], str | None]:
        """Return up to `top` records of every tenant after a place, by tenant and id, and the last place where there are more."""
        owner, row = (key_of(after.partition("|")[0]), _row_of(after)) if after else ("", "")
        # the SDK puts parameters in token by token: brackets need spaces around them
        beyond = "PartitionKey ge @owner and ( PartitionKey gt @owner or RowKey gt @row )"
        parameters = {"owner": owner, "row": row, "first": _FIRST, "last": _LAST}
        found = self._table.range(f"{beyond} and RowKey ge @first and RowKey lt @last", parameters=parameters, limit=top + 1)
        rows = [_read(one).record async for one in found]
        return rows[:top], place_of(rows[top - 1]) if len(rows) > top else None

    # the index

    async def note_machine(self, tenant: str, vm_key: str, at: datetime) -> None:
        """Write that a VM is to be looked at; harmless to repeat."""
        await self._note(DueKind.MACHINE, at, tenant, vm_key)

    async def note_copy(self, tenant: str, operation: str, at: datetime) -> None:
        """Write that a copy has ended or was deleted; harmless to repeat."""
        await self._note(DueKind.COPY, at, tenant, operation)

    async def note_tenant(self, tenant: str, at: datetime, *, changed: bool) -> None:
        """Write that the inventory of a tenant is to be read; harmless to repeat."""
        await self._note(DueKind.CHANGED if changed else DueKind.TENANT, at, tenant, "")

    async def _note(self, kind: DueKind, at: datetime, tenant: str, name: str) -> None:
        key = f"{to_text(at)}|{kind}|{short_hash(tenant, name)}"
        await self._table.upsert({"PartitionKey": _DUE, "RowKey": key, "v": 1, "kind": kind.value, "tenant": tenant, "name": name})

    async def due(self, now: datetime, limit: int) -> list[DueEntry]:
        """Return the entries of the index up to now, the longest due first."""
        filters = "PartitionKey eq @partition and RowKey gt @first and RowKey lt @last"
        parameters = {"partition": _DUE, "first": "0", "last": f"{to_text(now)}}}"}
        found = self._table.range(filters, parameters=parameters, limit=limit)
        return [_entry(one) async for one in found]

    async def remove_due(self, entry: DueEntry) -> None:
        """Delete an entry of the index; harmless to repeat."""
        await self._table.delete(_DUE, entry.key)


def place_of(record: ProtectionRecord) -> str:
    """Return the place of a record in lists: its tenant and its key."""
    return f"{record.tenant}|{row_key(record.vm.key)}"


def row_key(vm_key: str) -> str:
    """Return the key of a VM's row, in the order of ids; of an id that is too long for a key, a digest is."""
    try:
        name = key_of(vm_key)
    except ValueError:
        name = ""
    return _FIRST + (name if 0 < len(name) <= _LONGEST_NAME else f"~{short_hash(vm_key)}")


def _row_of(place: str) -> str:
    return place.partition("|")[2]


def _change(one: ProtectionRecord, before: StoredProtection | None, record: ProtectionRecord | None) -> Change:
    keys: Entity = {"PartitionKey": key_of(one.tenant), "RowKey": row_key(one.vm.key)}
    if record is None:
        return Change("delete", keys, before.version if before is not None else None)
    entity = keys | {"v": 1, "restorePoints": record.restore_points or 0, **pieces("record", record.as_json())}
    return Change("merge", entity, before.version) if before is not None else Change("insert", entity)


def _read(found: Found) -> StoredProtection:
    return StoredProtection(ProtectionRecord.model_validate(from_pieces("record", found.entity)), found.etag)


def _summary(found: Found | None) -> Summary:
    if found is None:
        return Summary()
    counts = {state: int(found.entity.get(state.value) or 0) for state in State}
    inventory, reconciled = (str(found.entity.get(name) or "") for name in ("inventory", "reconciled"))
    return Summary(
        counts,
        from_text(inventory) if inventory else None,
        int(found.entity.get("drift") or 0),
        from_text(reconciled) if reconciled else None,
    )


def _entry(found: Found) -> DueEntry:
    entity = found.entity
    return DueEntry(DueKind(str(entity["kind"])), str(entity["tenant"]), str(entity["name"]), str(entity["RowKey"]))
