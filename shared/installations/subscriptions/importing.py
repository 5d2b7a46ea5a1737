"""Imports publishsettings files: each subscription becomes the tenant's once its certificate has proved itself.

A file decides where Farshore connects to from inside the provider's network, so that an address that no installation has is refused
before anything is sent (docs/design/azure-pack.md, "Import").
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from shared.access.records.azure_pack_subscriptions import Access, AzurePackSubscriptions, ImportedCertificate, MappedSubscription
from shared.access.records.tenant import Tenant
from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind, PublishSettingsError
from shared.azure_pack.publish_settings import PublishedSubscription, read_publish_settings
from shared.clock import Clock, from_text, to_text
from shared.errors import CallFailure, ErrorCode, Problem, Refused
from shared.installations.reach.connections import Connection, Connections
from shared.installations.reach.failures import as_failure
from shared.installations.store import InstallationRecord, InstallationStore
from shared.installations.subscriptions.certificates import CertificateStore
from shared.installations.subscriptions.reach import SubscriptionReach
from shared.installations.subscriptions.requests import ImportRequest, PublishSettingsInput
from shared.secrets.references import SecretReferences, VaultOwner
from shared.values.hidden import Hidden
from shared.web.documents import invalid

_PROOF_SECONDS: Final = 4.5
_PASSING: Final = frozenset({ErrorKind.UNREACHABLE, ErrorKind.NO_ANSWER, ErrorKind.THROTTLED, ErrorKind.SERVER, ErrorKind.UNREADABLE})
"""Kinds of errors that show nothing of the certificate."""
_FILE: Final = "publishSettings"


@dataclass(frozen=True, slots=True)
class _Found:
    """A subscription of a file and the installation that its address belongs to."""

    published: PublishedSubscription
    endpoint: str
    installation: InstallationRecord

    @property
    def certificate_key(self) -> tuple[str, str]:
        """What is kept once: a certificate, for each installation."""
        return self.installation.name, self.published.certificate.thumbprint


@dataclass(frozen=True, slots=True)
class Imports:
    """Imports files."""

    installations: InstallationStore
    connections: Connections
    subscriptions: AzurePackSubscriptions
    certificates: CertificateStore
    reach: SubscriptionReach
    references: SecretReferences
    clock: Clock

    async def run(self, tenant: Tenant, request: ImportRequest, *, of_provider: bool) -> tuple[MappedSubscription, ...]:
        """Make the subscriptions of a file the tenant's, all of them or none, and return them.

        Refuses with 400 a file that cannot be read (the target is the place in the file) and `UnknownEndpoint`, with 404 a reference that
        is not the tenant's, with `SubscriptionNotAvailable` what is another tenant's or does not take the certificate, and with
        `ServiceUnavailable` where there is no answer; nothing is mapped then, and no secret is left.
        """
        content = await self._content(tenant, request.publish_settings, of_provider=of_provider)
        found = await self._located(self._chosen(content, request.subscription_ids))
        new = [one for one in found if not await self._is_known(tenant, one)]
        stored: dict[tuple[str, str], str] = {}
        kept = False
        try:
            for one in new:
                if one.certificate_key not in stored:
                    stored[one.certificate_key] = await self._store(tenant, one)
            await self._prove(found)
            mapped = await self._map(tenant, found, stored)
            kept = True
        except CallFailure as failure:
            raise _silent() from failure
        finally:
            if not kept:
                await self._drop(tuple(stored.values()))
        return mapped

    async def _content(self, tenant: Tenant, given: PublishSettingsInput, *, of_provider: bool) -> Hidden:
        if given.value is not None:
            return given.value
        target = f"{_FILE}.keyVaultSecretId"
        reference = given.key_vault_secret_id or ""
        owner = VaultOwner(tenant.name, tenant.key_vault_url)
        await self.references.require(owner, {(_FILE, "keyVaultSecretId"): reference}, of_provider=of_provider)
        try:
            found = await self.certificates.vault.read(reference)
        except CallFailure as failure:
            raise Refused(
                ErrorCode.SERVICE_UNAVAILABLE, "Key Vault does not answer. Send the request again later.", target=target
            ) from failure
        if found is None:
            raise Refused(ErrorCode.NOT_FOUND, "The secret was not found in Key Vault.", target=target)
        return found

    def _chosen(self, content: Hidden, wanted: Sequence[str] | None) -> tuple[PublishedSubscription, ...]:
        try:
            settings = read_publish_settings(content.reveal(), now=self.clock.wall())
        except PublishSettingsError as problem:
            raise Refused(ErrorCode.INVALID_REQUEST, f"{problem.code}: {problem.message}", target=problem.path) from None
        if wanted is None:
            return settings.subscriptions
        by_id = {str(one.id): one for one in settings.subscriptions}
        missing = [number for number, name in enumerate(wanted) if name.lower() not in by_id]
        if missing:
            message = "The file has no such subscription."
            raise invalid([Problem(ErrorCode.INVALID_REQUEST, message, f"subscriptionIds[{number}]") for number in missing])
        return tuple(by_id[name] for name in dict.fromkeys(one.lower() for one in wanted))

    async def _located(self, published: Sequence[PublishedSubscription]) -> list[_Found]:
        """Return where each subscription is; refuses with `UnknownEndpoint`, before anything is sent."""
        addresses = await self._addresses()
        found = []
        for number, one in enumerate(published, 1):
            address = _normal(one.service_url)
            known = addresses.get(address) if address is not None else None
            if known is None:
                place = f"PublishProfile/Subscription[{number}]/@ServiceManagementUrl"
                message = "The address of the subscription is not that of an installation. Ask the provider to add it to tenantPublicApis."
                raise Refused(ErrorCode.UNKNOWN_ENDPOINT, message, target=place)
            found.append(_Found(one, known[0], known[1]))
        return found

    async def _addresses(self) -> dict[str, tuple[str, InstallationRecord]]:
        found: dict[str, tuple[str, InstallationRecord]] = {}
        after: str | None = None
        while True:
            records, after = await self.installations.page(200, after)
            for record in records:
                for address in record.installation.settings.tenant_public_apis:
                    found.setdefault(_normal(address) or address, (address, record))
            if after is None:
                return found

    async def _is_known(self, tenant: Tenant, one: _Found) -> bool:
        """Whether the tenant has the subscription already, with this certificate or a newer one."""
        mapped = await self.subscriptions.get(one.installation.name, str(one.published.id))
        if mapped is None or mapped.tenant != tenant.name or mapped.certificate is None:
            return False
        same = mapped.certificate.thumbprint == one.published.certificate.thumbprint
        return same or from_text(mapped.certificate.not_after) > one.published.certificate.not_after

    async def _store(self, tenant: Tenant, one: _Found) -> str:
        return await self.certificates.put(one.installation.name, tenant.name, one.published.certificate)

    async def _prove(self, found: Sequence[_Found]) -> None:
        """Read each subscription with the certificate of the file; refuses where one does not answer with 200."""
        opened = [await self._connection(one) for one in found]
        try:
            async with asyncio.timeout(_PROOF_SECONDS):
                await asyncio.gather(*(self._read(one, connection) for one, connection in zip(found, opened, strict=True)))
        except TimeoutError:
            raise _silent() from None

    async def _connection(self, one: _Found) -> Connection:
        return await self.connections.of(one.installation)

    async def _read(self, one: _Found, connection: Connection) -> None:
        client = self.reach.for_proof(connection, one.endpoint, one.published.certificate)
        try:
            await client.api.subscription(one.published.id)
        except AzurePackError as error:
            if error.kind in _PASSING and error.cause is not Cause.CLIENT_CERTIFICATE_REJECTED:
                raise as_failure(error) from error
            raise _not_available(one.published) from error
        finally:
            await client.close()

    async def _map(self, tenant: Tenant, found: Sequence[_Found], stored: dict[tuple[str, str], str]) -> tuple[MappedSubscription, ...]:
        """Write the rows; where one is another tenant's, those that this call wrote go again."""
        added: list[MappedSubscription] = []
        former: list[str] = []
        for one in found:
            secret = stored.get(one.certificate_key)
            wanted = _mapping(tenant, one, secret)
            there = await self.subscriptions.add(wanted)
            if there is wanted:
                added.append(wanted)
            elif there.tenant != tenant.name:
                for each in added:
                    await self.subscriptions.remove(each.installation, each.id, tenant.name)
                raise _not_available(one.published)
            elif secret is not None and wanted.certificate is not None and not await self._is_known(tenant, one):
                before = await self.subscriptions.give_certificate(there, wanted.certificate)
                if before is not None and before.certificate is not None:
                    former.append(before.certificate.secret)
        await self.drop_unused(tenant.name, [*former, *stored.values()])
        rows = [await self.subscriptions.get(one.installation.name, str(one.published.id)) for one in found]
        return tuple(row for row in rows if row is not None)

    async def drop_unused(self, tenant: str, references: Sequence[str]) -> None:
        """Delete certificates that no subscription of a tenant is reached with any more."""
        if not references:
            return
        used = {row.certificate.secret async for row in self.subscriptions.of_tenant(tenant) if row.certificate is not None}
        await self._drop(tuple(one for one in dict.fromkeys(references) if one not in used))

    async def _drop(self, references: Sequence[str]) -> None:
        """Delete secrets; what the vault does not delete now is left to the daily sweep."""
        for reference in references:
            try:
                await self.certificates.delete(reference)
            except CallFailure:
                continue


def _mapping(tenant: Tenant, one: _Found, secret: str | None) -> MappedSubscription:
    certificate = None
    if secret is not None:
        given = one.published.certificate
        certificate = ImportedCertificate(given.thumbprint, to_text(given.not_after), secret, one.endpoint)
    name = one.published.name or str(one.published.id)
    return MappedSubscription(str(one.published.id), one.installation.name, tenant.name, name, Access.CERTIFICATE, certificate=certificate)


def _normal(address: str) -> str | None:
    """Return an https address as it is compared: lower case, its port written, None for one with anything else in it."""
    parts = urlsplit(address)
    try:
        port = parts.port or 443
    except ValueError:
        return None
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment or parts.path not in {"", "/"}:
        return None
    return f"https://{parts.hostname.lower()}:{port}"


def _not_available(published: PublishedSubscription) -> Refused:
    """Return the refusal of a subscription, the same whether it is another tenant's or does not take the certificate."""
    message = f"The subscription {published.id} is not available: its certificate was not accepted, or it has an owner already."
    return Refused(ErrorCode.SUBSCRIPTION_NOT_AVAILABLE, message, target=str(published.id))


def _silent() -> Refused:
    message = "The installation does not answer, and nothing was imported. Send the request again later."
    return Refused(ErrorCode.SERVICE_UNAVAILABLE, message, retry_after=30)
