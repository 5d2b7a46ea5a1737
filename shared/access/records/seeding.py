"""Puts an estate's tenants into the registry of an emulator (docs/design/simulation.md)."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from shared.access.plans import HostingPlans
from shared.access.records.claim_rows import ClaimRows
from shared.access.records.claims import ClaimKey, claims_of
from shared.access.records.existing import claim_existing
from shared.access.records.plan import HostingPlan
from shared.access.records.rows import PARTITION, TABLE, RegistryError, TenantRows
from shared.access.records.tenant import Tenant
from shared.clock import RandomIds, SystemClock
from shared.storage.pieces import pieces
from shared.storage.tables import Change, connect


def read_tenants(documents: Sequence[Mapping[str, object]]) -> tuple[Tenant, ...]:
    """Read an estate's `tenants`; raises `RegistryError` for what is malformed or contradicts itself."""
    try:
        tenants = tuple(Tenant.model_validate(document) for document in documents)
    except ValidationError as error:
        raise RegistryError(f"a tenant of the registry is malformed: {error.errors(include_input=False, include_url=False)}") from error
    owners: dict[ClaimKey, str] = {}
    for tenant in tenants:
        for key in claims_of(tenant):
            if key in owners:
                names = f"{owners[key]} and {tenant.name}"
                raise RegistryError(f"the estate gives the {key.kind} {key.value} to {names}; it can be one tenant's only")
            owners[key] = tenant.name
    return tenants


async def seed(connection_string: str, tenants: Sequence[Mapping[str, object]], hosting_plans: Sequence[Mapping[str, object]] = ()) -> None:
    """Put an estate's tenants and hosting plans into the registry of an emulator, over those of the same names.

    Raises `RegistryError` as `read_tenants`, and for a plan that is malformed.

    The names are those of the estate: name, displayName, kind, tenantId, subscriptions, vaultId, clouds, settings, and the other members
    of a tenant. Claims of what a tenant no longer lists stay behind: they have no owner.
    """
    read, plans = read_tenants(tenants), _read_plans(hosting_plans)
    changes = [Change("upsert", _entity(tenant)) for tenant in read]
    storage = connect(connection_string)
    try:
        await storage.create([TABLE], [])
        table = storage.table(TABLE)
        for start in range(0, len(changes), 100):
            await table.transact(changes[start : start + 100])
        ids = RandomIds()
        registered = HostingPlans(table, SystemClock(), ids)
        for plan in plans:
            await registered.put(plan, await registered.get(plan.name), "estate")
        for tenant in read:
            if tenant.plan is not None:
                await registered.note_use(tenant.plan, tenant.name)
        await claim_existing(TenantRows(table, ids), ClaimRows(table, SystemClock()), ids, again=True)
    finally:
        await storage.close()


def _read_plans(documents: Sequence[Mapping[str, object]]) -> tuple[HostingPlan, ...]:
    try:
        return tuple(HostingPlan.model_validate(document) for document in documents)
    except ValidationError as error:
        raise RegistryError(f"a hosting plan is malformed: {error.errors(include_input=False, include_url=False)}") from error


def _entity(tenant: Tenant) -> dict[str, object]:
    document = tenant.model_dump(mode="json", by_alias=True)
    return {"PartitionKey": PARTITION, "RowKey": tenant.name, "v": 1, **pieces("document", document)}
