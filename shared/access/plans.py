"""Hosting plans in the registry: read and written, and which tenants are on each (docs/design/tenants.md, "Storage").

A `use` row is written before the tenant that it names, and one that a tenant has left is found by reading the tenant. A writer of a plan
writes it and then looks at its tenants, a writer of a tenant writes that and then looks at its plan: the later of the two finds the other,
and takes its write back.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from shared.access.records.plan import HostingPlan
from shared.access.records.rows import DELETED, TenantRecord, TenantRows
from shared.clock import Clock, Ids, to_text
from shared.operations.model.identity import short_hash
from shared.storage.documents import DocumentStore, Stored
from shared.storage.tables import Table
from shared.values.reading import same_text

PLANS = "plan"
USES = "use"
DELETING = "deleting"
_PAGE = 200


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A hosting plan as it is stored; times are wall time. One that is being deleted takes no more tenants."""

    plan: HostingPlan
    created_at: str | None
    updated_at: str | None
    updated_by: str | None
    deleted: bool
    deleting: bool
    stored: Stored[HostingPlan]


class HostingPlans:
    """Reads and writes hosting plans. Errors of storage are raised as the SDK raises them."""

    def __init__(self, table: Table, clock: Clock, ids: Ids) -> None:
        self._table = table
        self._documents = DocumentStore(table, HostingPlan, ids, prefix="")
        self._tenants = TenantRows(table, ids)
        self._clock = clock

    async def get(self, name: str) -> PlanRecord | None:
        """Return the plan of exactly that name, or None."""
        found = await self._documents.get(PLANS, name)
        return _record(found) if found is not None else None

    async def page(self, top: int, after: str | None) -> tuple[tuple[PlanRecord, ...], str | None]:
        """Return up to `top` plans after a name, and the name after which the next page begins or None."""
        found = await self._documents.page(PLANS, top, after)
        return tuple(_record(one) for one in found.documents), found.last

    async def alike(self, name: str) -> str | None:
        """Return the name of another plan that differs from this one by the case of its letters alone, or None."""
        after: str | None = None
        while True:
            found, after = await self.page(_PAGE, after)
            for record in found:
                if record.plan.name != name and same_text(record.plan.name, name) and not record.deleted:
                    return record.plan.name
            if after is None:
                return None

    async def put(self, plan: HostingPlan, standing: PlanRecord | None, by: str) -> PlanRecord:
        """Write a plan over the record that was read, a deleted one too, None for a new one; raises `Conflict` where it has changed."""
        now = to_text(self._clock.wall())
        created = (standing.created_at or "") if standing is not None and not standing.deleted else now
        columns = {"createdAt": created, "updatedAt": now, "updatedBy": by, "state": ""}
        if standing is None:
            return _record(await self._documents.insert(PLANS, plan.name, plan, columns))
        return _record(await self._documents.replace(standing.stored, plan, columns))

    async def begin_deletion(self, standing: PlanRecord, by: str) -> PlanRecord:
        """Mark a plan as being deleted, so that no tenant is put on it any more; raises `Conflict` where it has changed."""
        columns = {"updatedAt": to_text(self._clock.wall()), "updatedBy": by, "state": DELETING}
        return _record(await self._documents.replace(standing.stored, standing.plan, columns))

    async def delete(self, standing: PlanRecord, by: str) -> None:
        """Shrink the plan that was read to its name, marked as deleted; raises `Conflict` where it has changed."""
        columns = {"updatedAt": to_text(self._clock.wall()), "updatedBy": by, "state": DELETED}
        await self._documents.replace(standing.stored, HostingPlan(name=standing.plan.name), columns)

    async def note_use(self, plan: str, tenant: str) -> None:
        """Note that a tenant is about to be on a plan."""
        await self._table.upsert({"PartitionKey": USES, "RowKey": _use(plan, tenant), "v": 1, "plan": plan, "tenant": tenant})

    async def forget_use(self, plan: str, tenant: str) -> None:
        """Delete the note of a tenant that has left a plan."""
        await self._table.delete(USES, _use(plan, tenant))

    async def tenants_on(self, plan: str) -> AsyncIterator[TenantRecord]:
        """Return the tenants that are on a plan, by name."""
        prefix = f"{short_hash(plan)}|"
        parameters = {"partition": USES, "first": prefix, "last": f"{prefix[:-1]}}}"}
        filters = "PartitionKey eq @partition and RowKey gt @first and RowKey lt @last"
        async for row in self._table.range(filters, parameters=parameters):
            record = await self._tenants.get(str(row.entity["tenant"]))
            if record is not None and not record.deleted and record.tenant.plan == plan:
                yield record


def _use(plan: str, tenant: str) -> str:
    return f"{short_hash(plan)}|{tenant}"


def _record(stored: Stored[HostingPlan]) -> PlanRecord:
    created, updated, by = (_text(stored.columns.get(name)) for name in ("createdAt", "updatedAt", "updatedBy"))
    state = stored.columns.get("state")
    return PlanRecord(stored.document, created, updated, by, state == DELETED, state == DELETING, stored)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
