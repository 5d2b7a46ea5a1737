"""How a tenant's Azure Pack subscription is reached: with its own certificate where one was imported, else with the provider's sign-in."""

import asyncio
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from shared.access.records.azure_pack_subscriptions import Access, MappedSubscription
from shared.azure_pack.certificates import ClientCertificate
from shared.azure_pack.subscriptions import Subscription, Usage
from shared.azure_pack.tenant import TenantClient
from shared.azure_pack.vmm.client import Vmm
from shared.azure_pack.vmm.machines import MachineOwner
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.installations.document import InstallationRequest
from shared.installations.reach.connections import CertificateClient, Connection, Connections, group_of
from shared.installations.reach.failures import translated
from shared.installations.subscriptions.certificates import CertificateStore

_MOST_OPEN: Final = 200
"""How many certificates a process keeps in memory with their connections; the oldest go first."""


@dataclass(frozen=True, slots=True)
class ReachedSubscription:
    """A subscription that can be called. `tenant` is its own client where it is reached with a certificate. Calls raise `CallFailure`."""

    mapped: MappedSubscription
    connection: Connection
    tenant: TenantClient | None

    @property
    def id(self) -> UUID:
        """The subscription's id."""
        return UUID(self.mapped.id)

    @property
    def settings(self) -> InstallationRequest:
        """The installation's document."""
        return self.connection.settings

    @property
    def group(self) -> str:
        """The group of its checks: the installation's budget."""
        return group_of(self.mapped.installation, self.settings)

    async def subscription(self) -> Subscription:
        """Return the subscription as Azure Pack shows it."""
        with translated():
            return await (self.tenant or self.connection.admin).subscription(self.id)

    async def usage(self) -> tuple[Usage, ...]:
        """Return what the subscription uses; nothing where it is not reached with a certificate."""
        if self.tenant is None:
            return ()
        with translated():
            return await self.tenant.usage(self.id)

    def machines(self, user: str) -> Vmm:
        """Return the machines; `user` is the subscription's account administrator."""
        if self.tenant is not None:
            return self.tenant.machines(self.id, update=self.settings.machines.update)
        return self.connection.machines(self.id, user)

    def owner(self, user: str) -> MachineOwner | None:
        """Return whose a new machine is to be: with the provider's sign-in it would be the administrator's without one."""
        return None if self.tenant is not None else MachineOwner(user, self.id)


class SubscriptionReach:
    """Opens subscriptions; connections of a certificate are kept while its reference and its installation's document stay."""

    def __init__(self, connections: Connections, certificates: CertificateStore) -> None:
        self._connections = connections
        self._certificates = certificates
        self._open: dict[tuple[str, str], CertificateClient] = {}

    async def open(self, mapped: MappedSubscription) -> ReachedSubscription:
        """Return a subscription to call; raises `CallFailure` where its installation is gone or its certificate cannot be read."""
        connection = await self._connections.get(mapped.installation)
        if connection is None:
            message = f"The installation '{mapped.installation}' was not found."
            raise CallFailure(FailureKind.REFUSED, code=ErrorCode.NOT_FOUND, message=message)
        if mapped.access is not Access.CERTIFICATE or mapped.certificate is None:
            return ReachedSubscription(mapped, connection, None)
        key = (mapped.certificate.secret, connection.tag)
        client = self._open.pop(key, None)
        if client is not None:
            self._open[key] = client  # the one that was used last is closed last
        else:
            certificate = await self._certificates.get(mapped.certificate.secret)
            client = await self._keep(key, self._connections.with_certificate(connection, mapped.certificate.endpoint, certificate))
        return ReachedSubscription(mapped, connection, client.api)

    def released(self, installation: str, checks: int) -> None:
        """Count checks of an installation that the tick released."""
        self._connections.released(installation, checks)

    def for_proof(self, connection: Connection, endpoint: str, certificate: ClientCertificate) -> CertificateClient:
        """Return a client that proves a certificate; nothing is kept of it."""
        return self._connections.with_certificate(connection, endpoint, certificate)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(one.close() for one in self._open.values()))
        self._open.clear()

    async def _keep(self, key: tuple[str, str], client: CertificateClient) -> CertificateClient:
        while len(self._open) >= _MOST_OPEN:
            await self._open.pop(next(iter(self._open))).close()
        return self._open.setdefault(key, client)
