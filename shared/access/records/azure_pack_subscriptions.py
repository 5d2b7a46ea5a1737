"""Which Azure Pack subscription is whose: one row for each installation and subscription (docs/design/data-centers.md, "Storage").

The row is inserted if it is absent, so that two tenants never both own a subscription, and a PUT of a tenant never touches it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from shared.operations.model.identity import short_hash

if TYPE_CHECKING:
    from shared.storage.tables import Found, Table


TABLE: Final = "azurePackSubscriptions"
_TRIES: Final = 10
_TEXTS: Final = ("id", "installation", "tenant", "name", "access", "orderedAs", "thumbprint", "notAfter", "secret", "endpoint")


class Access(StrEnum):
    """How a subscription is reached."""

    PROVIDER = "provider"
    """With the installation's sign-in."""
    CERTIFICATE = "certificate"
    """With an imported certificate."""


@dataclass(frozen=True, slots=True)
class ImportedCertificate:
    """The certificate of an imported subscription: `endpoint` is the tenant public API, `not_after` text, `secret` in Key Vault."""

    thumbprint: str
    not_after: str
    secret: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class MappedSubscription:
    """A subscription of an installation that is a tenant's; `data_center` is None where it was imported.

    `closed`: its data center is being suspended, resumed or deleted, or is suspended: nothing of it may be changed by its tenant.
    """

    id: str
    installation: str
    tenant: str
    name: str
    access: Access
    data_center: str | None = None
    certificate: ImportedCertificate | None = None
    closed: bool = False


class AzurePackSubscriptions:
    """Reads and writes the rows. Errors of storage are raised as the SDK raises them."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    async def get(self, installation: str, subscription: str) -> MappedSubscription | None:
        """Return whose a subscription is, or None."""
        found = await self._table.get(*_key(installation, subscription))
        return _read(found) if found is not None else None

    async def add(self, mapped: MappedSubscription) -> MappedSubscription:
        """Write a row unless there is one, and return what is there."""
        partition, row = _key(mapped.installation, mapped.id)
        entity: dict[str, Any] = {
            "PartitionKey": partition, "RowKey": row, "v": 1, "id": mapped.id.lower(), "installation": mapped.installation,
            "tenant": mapped.tenant, "name": mapped.name, "access": str(mapped.access), "orderedAs": mapped.data_center or "",
            **_certificate_members(mapped.certificate),
        }  # fmt: skip
        await self._table.upsert(
            {"PartitionKey": f"tenant|{short_hash(mapped.tenant)}", "RowKey": f"{partition}|{row}", "v": 1, **_names(entity)}
        )
        from shared.storage.tables import Conflict

        try:
            await self._table.insert(entity)
        except Conflict:
            return await self.get(mapped.installation, mapped.id) or mapped
        return mapped

    async def give_certificate(self, mapped: MappedSubscription, certificate: ImportedCertificate) -> MappedSubscription | None:
        """Let a tenant's subscription be reached with a certificate, and return the row as it was before; None where it is not there."""
        changes = {"access": str(Access.CERTIFICATE), **_certificate_members(certificate)}
        return await self._change(mapped.installation, mapped.id, mapped.tenant, changes)

    async def close(self, installation: str, subscription: str, tenant: str) -> None:
        """Note that nothing of a subscription may be changed by its tenant."""
        await self._change(installation, subscription, tenant, {"closed": True})

    async def open(self, installation: str, subscription: str, tenant: str) -> None:
        """Note that a subscription may be changed by its tenant again."""
        await self._change(installation, subscription, tenant, {"closed": False})

    async def _change(self, installation: str, subscription: str, tenant: str, changes: dict[str, Any]) -> MappedSubscription | None:
        from shared.storage.tables import Conflict

        partition, row = _key(installation, subscription)
        for _ in range(_TRIES):
            found = await self._table.get(partition, row)
            if found is None or found.entity["tenant"] != tenant:
                return None
            if all(found.entity.get(name) == value for name, value in changes.items()):
                return _read(found)
            try:
                await self._table.merge({"PartitionKey": partition, "RowKey": row, **changes}, found.etag)
            except Conflict:
                continue
            return _read(found)
        raise Conflict

    async def remove(self, installation: str, subscription: str, tenant: str) -> None:
        """Remove a tenant's row; one that is gone or another's is left."""
        partition, row = _key(installation, subscription)
        found = await self._table.get(partition, row)
        if found is not None and found.entity["tenant"] == tenant:
            await self._table.delete(partition, row, found.etag)
        await self._table.delete(f"tenant|{short_hash(tenant)}", f"{partition}|{row}")

    async def of_tenant(self, tenant: str) -> AsyncIterator[MappedSubscription]:
        """Return a tenant's subscriptions."""
        filters, parameters = "PartitionKey eq @partition", {"partition": f"tenant|{short_hash(tenant)}"}
        async for found in self._table.range(filters, parameters=parameters):
            mapped = await self.get(str(found.entity["installation"]), str(found.entity["id"]))
            if mapped is not None and mapped.tenant == tenant:
                yield mapped

    async def of_installation(self, installation: str) -> AsyncIterator[MappedSubscription]:
        """Return the subscriptions of an installation that have an owner."""
        filters, parameters = "PartitionKey eq @partition", {"partition": _key(installation, "")[0]}
        async for found in self._table.range(filters, parameters=parameters):
            yield _read(found)

    async def any_of_tenant(self, tenant: str) -> bool:
        """Return whether a tenant has a subscription."""
        async for _ in self.of_tenant(tenant):
            return True
        return False

    async def any_of_installation(self, installation: str) -> MappedSubscription | None:
        """Return a subscription of an installation that has an owner, or None."""
        filters, parameters = "PartitionKey eq @partition", {"partition": _key(installation, "")[0]}
        async for found in self._table.range(filters, parameters=parameters, limit=1):
            return _read(found)
        return None


def _names(entity: dict[str, Any]) -> dict[str, Any]:
    return {name: entity[name] for name in ("id", "installation")}


def _key(installation: str, subscription: str) -> tuple[str, str]:
    return f"installation|{installation}", subscription.lower()


def _certificate_members(certificate: ImportedCertificate | None) -> dict[str, Any]:
    if certificate is None:
        return {}
    return {
        "thumbprint": certificate.thumbprint, "notAfter": certificate.not_after, "secret": certificate.secret,
        "endpoint": certificate.endpoint,
    }  # fmt: skip


def _read(found: "Found") -> MappedSubscription:
    text = {name: str(found.entity.get(name) or "") for name in _TEXTS}
    certificate = None
    if text["secret"]:
        certificate = ImportedCertificate(text["thumbprint"], text["notAfter"], text["secret"], text["endpoint"])
    return MappedSubscription(
        text["id"], text["installation"], text["tenant"], text["name"], Access(text["access"]), text["orderedAs"] or None, certificate,
        closed=bool(found.entity.get("closed")),
    )  # fmt: skip
