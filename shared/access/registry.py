"""The tenant registry's read side: which tenants there are, and which subscriptions, vaults and clouds are theirs.

Table `tenants`: PartitionKey `tenant`, RowKey the tenant's name, the document as UTF-8 JSON bytes. It is small and read with every
request, so it is kept in memory for a minute of wall time; a change is seen after at most that.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, WithJsonSchema, field_validator
from pydantic.alias_generators import to_camel

from shared.access.vaults import CLOUD_TYPE, cloud_key, vault_key
from shared.arm.ids import ResourceId, resource_id_of
from shared.clock import Clock
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import Change, Table, connect
from shared.values.durations import duration_text, parse_duration

TABLE = "tenants"
PARTITION = "tenant"
KEPT_SECONDS = 60.0


class RegistryError(Exception):
    """The registry contradicts itself; the message is for its operator, and never shown to a caller, because it names other tenants."""


class TenantKind(StrEnum):
    """The provider runs Farshore; a tenant is a customer of the provider's."""

    PROVIDER = "provider"
    TENANT = "tenant"


def _objective(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("an objective is a text in ISO 8601, such as PT4H")
    span = parse_duration(value)
    if not timedelta(minutes=1) <= span <= timedelta(days=366):
        raise ValueError("it lies between PT1M and P366D")
    return span


Objective = Annotated[
    timedelta,
    BeforeValidator(_objective),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT24H"]}),
]


class TenantSettings(BaseModel):
    """A tenant's own settings; those that this version does not know are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)

    two_person_rule: bool = Field(True, description="Whether a failover needs the approval of a second person.")
    recovery_point_objective: Objective | None = Field(
        None, description="How old the newest usable copy of a machine may be, from PT1M to P366D; null: there is no objective."
    )


class Tenant(BaseModel):
    """A customer of the provider, or the provider: what is its own.

    `tenant_id` is the Entra tenant whose tokens act for it (None: only the provider's `Admin` calls for it); GUIDs are in lower
    case. `clouds` are ARM ids of protection containers in a vault that is another's: a hoster's VMM server serves many tenants, each with
    a cloud of its own, and the vault is the provider's (docs/azure/site-recovery.md, "Hosters and CSP partners").
    """

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    display_name: str = ""
    kind: TenantKind = TenantKind.TENANT
    tenant_id: str | None = None
    subscriptions: tuple[str, ...] = ()
    vault_id: str | None = None
    clouds: tuple[Annotated[str, resource_id_of(CLOUD_TYPE)], ...] = ()
    settings: TenantSettings = TenantSettings()

    @field_validator("tenant_id")
    @classmethod
    def _lower(cls, value: str | None) -> str | None:
        return value.lower() if value else None

    @field_validator("subscriptions")
    @classmethod
    def _lower_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(subscription.lower() for subscription in value))

    @field_validator("clouds")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple({cloud_key(cloud): cloud for cloud in value}.values())

    @property
    def default_vault(self) -> str | None:
        """The vault that is meant where none is named: its own, else the one that all its clouds are in; None where that is not one."""
        if self.vault_id is not None:
            return self.vault_id
        vaults = {vault_key(cloud): _vault_of(cloud) for cloud in self.clouds}
        return next(iter(vaults.values())) if len(vaults) == 1 else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The registry as read at one moment, indexed; a thing that two tenants claim stays in the index under both."""

    tenants: Mapping[str, Tenant]
    by_entra: Mapping[str, tuple[str, ...]]
    by_subscription: Mapping[str, tuple[str, ...]]
    by_vault: Mapping[str, tuple[str, ...]]
    by_cloud: Mapping[str, tuple[str, ...]]
    sharers: Mapping[str, frozenset[str]]
    """The tenants that have clouds in a vault, by the vault."""

    def one(self, index: Mapping[str, tuple[str, ...]], key: str, what: str) -> Tenant | None:
        """Return the one tenant that the index gives for a key, or None; raises `RegistryError` where it gives two."""
        names = index.get(key, ())
        if len(names) > 1:
            raise RegistryError(f"the tenant registry gives the {what} {key} to {' and '.join(names)}; it can be one tenant's only")
        return self.tenants[names[0]] if names else None


def snapshot_of(tenants: Iterable[Tenant]) -> Snapshot:
    """Index the tenants, in the order of their names."""
    listed = sorted(tenants, key=lambda tenant: tenant.name)
    by_entra: dict[str, tuple[str, ...]] = {}
    by_subscription: dict[str, tuple[str, ...]] = {}
    by_vault: dict[str, tuple[str, ...]] = {}
    by_cloud: dict[str, tuple[str, ...]] = {}
    sharers: dict[str, frozenset[str]] = {}
    for tenant in listed:
        if tenant.tenant_id:
            by_entra[tenant.tenant_id] = (*by_entra.get(tenant.tenant_id, ()), tenant.name)
        for subscription in tenant.subscriptions:
            by_subscription[subscription] = (*by_subscription.get(subscription, ()), tenant.name)
        if vault := vault_key(tenant.vault_id):
            by_vault[vault] = (*by_vault.get(vault, ()), tenant.name)
        for cloud in filter(None, map(cloud_key, tenant.clouds)):
            by_cloud[cloud] = (*by_cloud.get(cloud, ()), tenant.name)
        for shared in filter(None, map(vault_key, tenant.clouds)):
            sharers[shared] = sharers.get(shared, frozenset()) | {tenant.name}
    return Snapshot({tenant.name: tenant for tenant in listed}, by_entra, by_subscription, by_vault, by_cloud, sharers)


class Registry:
    """Reads the registry through a cache of a minute. Storage's errors come as the SDK raises them, `RegistryError` for a contradiction."""

    def __init__(self, table: Table, clock: Clock, kept_seconds: float = KEPT_SECONDS) -> None:
        self._table = table
        self._clock = clock
        self._kept = kept_seconds
        self._snapshot: Snapshot | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def snapshot(self) -> Snapshot:
        """The registry as it was read at most a minute ago."""
        if found := self._fresh():
            return found
        async with self._reading:
            if found := self._fresh():
                return found
            asked_at = self._clock.monotonic()
            rows = self._table.range("PartitionKey eq @partition", parameters={"partition": PARTITION})
            self._snapshot = snapshot_of([_read(row.entity) async for row in rows])
            self._read_at = asked_at
            return self._snapshot

    def forget(self) -> None:
        """Read anew at the next question, after a write by this process."""
        self._snapshot = None

    async def all(self) -> tuple[Tenant, ...]:
        """Every tenant, the provider included, by name."""
        return tuple((await self.snapshot()).tenants.values())

    async def by_name(self, name: str) -> Tenant | None:
        """The tenant of that name, or None."""
        return (await self.snapshot()).tenants.get(name)

    async def by_entra_tenant(self, tenant_id: str) -> Tenant | None:
        """The tenant that an Entra tenant's tokens speak for, or None."""
        found = await self.snapshot()
        return found.one(found.by_entra, tenant_id.lower(), "Entra tenant")

    async def provider(self) -> Tenant:
        """The provider; raises `RegistryError` unless there is exactly one."""
        providers = [tenant for tenant in await self.all() if tenant.kind is TenantKind.PROVIDER]
        if len(providers) != 1:
            names = ", ".join(tenant.name for tenant in providers) or "none"
            raise RegistryError(f"the tenant registry must name exactly one provider; it names {names}")
        return providers[0]

    async def owner_of_subscription(self, subscription_id: str) -> Tenant | None:
        """The tenant that a subscription belongs to, or None."""
        found = await self.snapshot()
        return found.one(found.by_subscription, subscription_id.lower(), "subscription")

    async def owner_of_vault(self, vault_id: str) -> Tenant | None:
        """The tenant whose own vault that is, or None; the vault's subscription is not considered."""
        found = await self.snapshot()
        key = vault_key(vault_id)
        return found.one(found.by_vault, key, "vault") if key else None

    async def owner_of_cloud(self, resource_id: str) -> Tenant | None:
        """The tenant that the cloud which an ARM id names or lies in is mapped to, or None."""
        found = await self.snapshot()
        key = cloud_key(resource_id)
        return found.one(found.by_cloud, key, "cloud") if key else None

    async def sharers_of(self, resource_id: str) -> frozenset[str]:
        """The names of the tenants that clouds of the vault which an ARM id names or lies in are mapped to; none where it is not shared."""
        return (await self.snapshot()).sharers.get(vault_key(resource_id) or "", frozenset())

    def _fresh(self) -> Snapshot | None:
        return self._snapshot if self._clock.monotonic() - self._read_at < self._kept else None


def read_tenants(documents: Sequence[Mapping[str, object]]) -> tuple[Tenant, ...]:
    """Read an estate's `tenants` (docs/design/simulation.md); raises `RegistryError` for what is malformed or contradicts itself."""
    try:
        tenants = tuple(Tenant.model_validate(document) for document in documents)
    except ValidationError as error:
        raise RegistryError(f"a tenant of the registry is malformed: {error.errors(include_input=False, include_url=False)}") from error
    names = [tenant.name for tenant in tenants]
    if len(set(names)) != len(names):
        raise RegistryError("two tenants of the registry have the same name")
    indexed = snapshot_of(tenants)
    named = ((indexed.by_entra, "Entra tenant"), (indexed.by_subscription, "subscription"), (indexed.by_vault, "vault"))
    for index, what in (*named, (indexed.by_cloud, "cloud")):
        for key in index:
            indexed.one(index, key, what)
    return tenants


async def seed(connection_string: str, tenants: list[dict[str, object]]) -> None:
    """Put an estate's tenants into the registry of an emulator, over those of the same names; raises `RegistryError` as `read_tenants`.

    The names are those of the estate: name, displayName, kind, tenantId, subscriptions, vaultId, clouds, settings.
    """
    changes = [Change("upsert", _entity(tenant)) for tenant in read_tenants(tenants)]
    storage = connect(connection_string)
    try:
        await storage.create([TABLE], [])
        for start in range(0, len(changes), 100):
            await storage.table(TABLE).transact(changes[start : start + 100])
    finally:
        await storage.close()


def _vault_of(cloud: str) -> str:
    found = ResourceId.parse(cloud)
    return str(ResourceId(found.subscription_id, found.resource_group, found.provider, found.types[:1], found.names[:1]))


def _entity(tenant: Tenant) -> dict[str, object]:
    document = tenant.model_dump(mode="json", by_alias=True)
    return {"PartitionKey": PARTITION, "RowKey": tenant.name, "v": 1, **pieces("document", document)}


def _read(entity: Mapping[str, object]) -> Tenant:
    document = from_pieces("document", entity)
    try:
        return Tenant.model_validate(document)
    except ValidationError as error:
        raise RegistryError(f"the tenant registry's row '{entity.get('RowKey')}' cannot be read") from error
