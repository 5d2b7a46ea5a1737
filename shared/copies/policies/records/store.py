"""The table of copy policies: one partition for each tenant, and the index of what is due.

The index has a row for each policy that has a next slot, in the order of the slots, so that a minute of the timer reads what is due and no
more. A row is a hint: it is written before the policy is, and what it names is decided by the policy. One that is left over from an
earlier document costs one read when it comes due.

Beside its document a policy's row has the slot that began last (`begun`), the one that is being decided (`deciding`) and its last run;
writing them changes no ETag.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from shared.clock import Ids, from_text, to_text
from shared.copies.policies.records.record import PolicyRecord
from shared.storage.documents import DocumentStore, Stored, key_of
from shared.storage.tables import Table

MOST_POLICIES = 100
"""How many policies a tenant may have."""
_DUE = "due"
_PREFIX = "s|"


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy as it was read: `begun` is the newest slot that is known to have begun or been recorded, `deciding` a newer one that may
    have, `last_run` the id of the last run."""

    record: PolicyRecord
    stored: Stored[PolicyRecord]
    begun: datetime | None
    deciding: datetime | None
    last_run: str | None


@dataclass(frozen=True, slots=True)
class DueEntry:
    """An entry of the index: the policy that may be due, and the key of the row."""

    tenant: str
    name: str
    key: str


class PolicyStore:
    """Reads and writes policies. A lost race is `Conflict`; errors of storage are raised as the SDK raises them."""

    def __init__(self, table: Table, ids: Ids) -> None:
        self._table = table
        self._documents = DocumentStore(table, PolicyRecord, ids)

    async def get(self, tenant: str, name: str) -> StoredPolicy | None:
        """Return a tenant's policy of a name in any case, or None."""
        found = await self._documents.get(tenant, name.lower())
        return _policy(found) if found is not None else None

    async def insert(self, record: PolicyRecord) -> StoredPolicy:
        """Write a new policy; raises `Conflict` where one of the name is there."""
        return _policy(await self._documents.insert(record.tenant, record.name.lower(), record))

    async def replace(self, policy: StoredPolicy, record: PolicyRecord) -> StoredPolicy:
        """Write a policy over the one that was read; raises `Conflict`."""
        return _policy(await self._documents.replace(policy.stored, record))

    async def note_slot(self, policy: StoredPolicy, begun: datetime | None, deciding: datetime, run: str) -> StoredPolicy:
        """Write which slot is about to begin, and the run that it becomes; raises `Conflict`."""
        columns = {"begun": to_text(begun) if begun is not None else "", "deciding": to_text(deciding), "lastRun": run}
        return _policy(await self._documents.replace(policy.stored, policy.record, columns))

    async def note_run(self, policy: StoredPolicy, run: str) -> StoredPolicy:
        """Write a policy's last run; raises `Conflict`."""
        return _policy(await self._documents.replace(policy.stored, policy.record, {"lastRun": run}))

    async def delete(self, policy: StoredPolicy) -> None:
        """Delete the policy that was read; raises `Conflict` where it was changed meanwhile."""
        await self._documents.delete(policy.stored)

    async def of_tenant(self, tenant: str) -> list[StoredPolicy]:
        """Return all policies of a tenant, by name."""
        page = await self._documents.page(tenant, MOST_POLICIES + 1)
        return [_policy(found) for found in page.documents]

    async def page(self, tenant: str, top: int, after: str | None) -> tuple[list[StoredPolicy], str | None]:
        """Return up to `top` policies of a tenant after a name, and the last name where there are more."""
        page = await self._documents.page(tenant, top, after)
        return [_policy(found) for found in page.documents], page.last

    async def page_of_all(self, top: int, after: tuple[str, str] | None) -> list[StoredPolicy]:
        """Return up to `top` policies of every tenant after a tenant and a name, by tenant and name."""
        return [_policy(found) for found in await self._documents.page_of_all(top, after)]

    async def note_due(self, record: PolicyRecord, at: datetime) -> None:
        """Write when a policy is due next; harmless to repeat."""
        row = {"PartitionKey": _DUE, "RowKey": _due_key(record, at), "v": 1, "tenant": record.tenant, "name": record.name}
        await self._table.upsert(row)

    async def due(self, now: datetime, limit: int) -> AsyncIterator[DueEntry]:
        """Yield the entries of the index up to now, the longest due first."""
        filters = "PartitionKey eq @partition and RowKey gt @first and RowKey lt @last"
        parameters = {"partition": _DUE, "first": _PREFIX, "last": f"{_PREFIX}{to_text(now)}}}"}
        async for found in self._table.range(filters, parameters=parameters, limit=limit):
            yield DueEntry(str(found.entity["tenant"]), str(found.entity["name"]), str(found.entity["RowKey"]))

    async def remove_due(self, entry: DueEntry) -> None:
        """Delete an entry of the index; harmless to repeat."""
        await self._table.delete(_DUE, entry.key)


def _due_key(record: PolicyRecord, at: datetime) -> str:
    return f"{_PREFIX}{to_text(at)}|{key_of(record.tenant)}|{key_of(record.name.lower())}"


def _policy(stored: Stored[PolicyRecord]) -> StoredPolicy:
    columns = stored.columns
    begun, deciding = str(columns.get("begun") or ""), str(columns.get("deciding") or "")
    return StoredPolicy(
        record=stored.document,
        stored=stored,
        begun=from_text(begun) if begun else None,
        deciding=from_text(deciding) if deciding else None,
        last_run=str(columns.get("lastRun") or "") or None,
    )
