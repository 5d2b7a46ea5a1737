"""Callers and tenants for tests of access and of what stands on it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from shared.access.principal import Principal
from shared.access.registry import Tenant
from shared.access.roles import Role
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
    """A clock that stands until a test moves it."""

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
    """The rows of a registry in memory, in place of the table that `test_registry` reads for real; counts how often it is read."""

    def __init__(self, *tenants: Tenant) -> None:
        self.tenants = tenants
        self.reads = 0

    async def range(self, _filters: str, **_: object) -> AsyncIterator[Found]:
        self.reads += 1
        for tenant in self.tenants:
            document = pieces("document", tenant.model_dump(mode="json", by_alias=True))
            yield Found({"RowKey": tenant.name, **document}, "")
