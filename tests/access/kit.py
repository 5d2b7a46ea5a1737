"""Callers and tenants for tests of access and of what is built on it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.access.principal import Principal
from shared.access.records.claims import caller_flags, claims_of
from shared.access.records.rows import TenantRows
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.access.roles import Role
from shared.clock import RandomIds
from shared.operations.model.models import Actor
from shared.storage.pieces import pieces
from shared.storage.tables import Found

PROVIDER = Tenant(
    name="contoso",
    display_name="Contoso Hosting",
    kind="provider",
    tenant_id="11111111-0000-4000-8000-000000000001",
    subscriptions=("aaaaaaaa-0000-4000-8000-000000000001",),
    vault_id="/subscriptions/aaaaaaaa-0000-4000-8000-000000000001/resourceGroups/dr/providers/Microsoft.RecoveryServices/vaults/main",
)
FABRIKAM = Tenant(
    name="fabrikam",
    display_name="Fabrikam",
    tenant_id="22222222-0000-4000-8000-000000000002",
    subscriptions=("bbbbbbbb-0000-4000-8000-000000000002",),
    # in the provider's subscription: the vault's mapping is the narrower one
    vault_id="/subscriptions/aaaaaaaa-0000-4000-8000-000000000001/resourceGroups/dr/providers/Microsoft.RecoveryServices/vaults/fabrikam",
)
NORTHWIND = Tenant(
    name="northwind",
    display_name="Northwind",
    tenant_id="33333333-0000-4000-8000-000000000003",
    subscriptions=("cccccccc-0000-4000-8000-000000000003",),
)
TENANTS = (PROVIDER, FABRIKAM, NORTHWIND)


def principal(tenant: Tenant, *roles: Role, oid: str = "0b1ec700-0000-4000-8000-000000000009", person: bool = False) -> Principal:
    """A caller of a tenant with roles."""
    actor = Actor("user" if person else "app", oid, "somebody")
    return Principal(actor, tenant.name, str(tenant.tenant_id), frozenset(roles), tenant.kind == "provider", person)


class MovedClock:
    """A clock that only a test moves."""

    speed = 1.0

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2025, 6, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    wall = now

    def monotonic(self) -> float:
        return self.seconds

    async def refresh(self) -> None:
        """Nothing to read."""


class Rows:
    """The rows of a registry in memory, for tests that only read; `reads` are the keys and ranges that were read.

    `claimed=False` leaves out the claims, as rows that were written by hand have none; `documents` stand in for those of `tenants`.
    """

    def __init__(self, *tenants: Tenant, claimed: bool = True) -> None:
        self.tenants = tenants
        self.documents: tuple[Tenant, ...] | None = None
        self.claimed = claimed
        self.reads: list[str] = []

    async def get(self, partition: str, row: str) -> Found | None:
        self.reads.append(f"{partition}|{row}")
        return next((found for found in self._rows() if (found.entity["PartitionKey"], found.entity["RowKey"]) == (partition, row)), None)

    async def range(self, _filters: str, *, parameters: Mapping[str, Any], limit: int | None = None) -> AsyncIterator[Found]:
        self.reads.append(f"{parameters['partition']}|*")
        after, end = parameters.get("after", parameters.get("first", "")), parameters.get("end", parameters.get("last", "~"))
        there = (row for row in self._rows() if row.entity["PartitionKey"] == parameters["partition"])
        found = sorted((str(row.entity["RowKey"]), number, row) for number, row in enumerate(there))
        for _, _, row in [one for one in found if after < one[0] < end][:limit]:
            yield row

    def _rows(self) -> Iterator[Found]:
        for tenant in self.tenants if self.documents is None else self.documents:
            document = pieces("document", tenant.model_dump(mode="json", by_alias=True))
            yield Found({"PartitionKey": "tenant", "RowKey": tenant.name, **document}, "")
        if not self.claimed:
            return
        yield Found({"PartitionKey": "meta", "RowKey": "claims"}, "")
        flags: dict[str, dict[str, int]] = {}
        for tenant in self.tenants:
            for key, columns in caller_flags(claims_of(tenant)).items():
                flags.setdefault(key.row_key, {}).update(dict.fromkeys(columns, 1))
        owners = {key.row_key: tenant.name for tenant in reversed(self.tenants) for key in claims_of(tenant)}
        values = {key.row_key: key.value for tenant in self.tenants for key in claims_of(tenant)}
        for row in {**flags, **owners}:
            claim = {"tenant": owners.get(row, ""), "releasedAt": "", "value": values.get(row, ""), **flags.get(row, {})}
            yield Found({"PartitionKey": "claim", "RowKey": row, **claim}, "")


def registry_of(rows: Rows, clock: MovedClock | None = None) -> Registry:
    """A registry that reads these rows."""
    return Registry(rows, clock or MovedClock())  # type: ignore[arg-type]  # a stand-in for the table


def rows_of(rows: Rows) -> TenantRows:
    """The rows of tenants, read from these."""
    return TenantRows(rows, RandomIds())  # type: ignore[arg-type]  # a stand-in for the table
