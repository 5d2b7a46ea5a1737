"""How the app reaches installations: one set of transports and one sign-in for each, made anew when its document changes.

A process reads a document at most once in 50 s, so that a change is used by every instance within a minute. Credentials that a directory
refused are noted in the installation's row: no instance tries them again for 15 minutes, or until the document changes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from shared.azure_pack.admin.client import AdminClient, Via
from shared.azure_pack.authorization import BearerAuthorization, CertificateAuthorization, SignIn, Token, TokenCache
from shared.azure_pack.certificates import ClientCertificate
from shared.azure_pack.connection import CallLimit, Proxy, TlsOptions
from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind
from shared.azure_pack.sign_in.passwords import AdfsSignIn, qualified
from shared.azure_pack.sign_in.windows import WindowsSignIn
from shared.azure_pack.tenant import TenantClient
from shared.azure_pack.transport import Transport
from shared.azure_pack.vmm.client import Vmm
from shared.clock import Clock, to_text
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.installations.document import InstallationRequest, MachinesVia
from shared.installations.reach.accounts import AccountsHook
from shared.installations.secrets import Vault
from shared.installations.store import InstallationRecord, InstallationStore
from shared.operations.running.budgets import Budgets
from shared.reads.cache import ReadCache

KEPT_SECONDS: Final = 50.0
_NOTED_TOGETHER: Final = 10
"""So many calls are noted in the budget at once: a note takes two calls to storage."""
_USED_SECONDS: Final = 600.0
"""How long a connection may be used after its document changed: as long as an invocation may last."""
_TIMEOUT: Final = 25.0
"""Seconds for one call: less than an effect may take."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An installation and the clients that reach it."""

    name: str
    tag: str
    settings: InstallationRequest
    admin: AdminClient
    sign_in: TokenCache
    transports: tuple[Transport, ...]
    hook: AccountsHook | None
    calls: CallLimit
    proxy: Proxy | None = None

    def machines(self, subscription: UUID, user: str, *, by_admin_service: bool = False) -> Vmm:
        """Return the machines of a subscription, as the document has it; `user` is the subscription's account administrator.

        `by_admin_service`: by the administrator's VMM service instead, which has the machines of all subscriptions.
        """
        access = self.settings.machines
        if by_admin_service:
            return self.admin.machines(subscription, Via.ADMIN, update=access.update)
        if access.via is MachinesVia.TENANT_API and self.settings.tenant_api is not None:
            on_behalf = BearerAuthorization(self.sign_in, user)
            return TenantClient(self.settings.tenant_api, self.transports[0], on_behalf).machines(subscription)
        via = Via.ADMIN if access.via is MachinesVia.ADMIN else Via.ADMIN_SUBSCRIPTION
        return self.admin.machines(subscription, via, update=access.update)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(one.close() for one in self.transports))


@dataclass(frozen=True, slots=True)
class CertificateClient:
    """The tenant public API with a client certificate, over a connection of its own."""

    api: TenantClient
    transport: Transport

    async def close(self) -> None:
        """Close the connection."""
        await self.transport.close()


class Connections:
    """The connections of this process, by installation."""

    def __init__(self, store: InstallationStore, secrets: Vault, clock: Clock, budgets: Budgets) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._budgets = budgets
        self._noted: dict[CallLimit, int] = {}
        self._records: ReadCache[InstallationRecord | None] = ReadCache(clock, KEPT_SECONDS)
        self._open: dict[str, Connection] = {}
        self._former: list[tuple[float, Connection]] = []

    async def get(self, name: str) -> Connection | None:
        """Return the connection of an installation, None where there is no such installation."""
        record = await self._records.get(name, lambda: self._store.get(name))
        if record is None:
            return None
        connection = await self.of(record)
        await self._note_calls(connection)
        return connection

    def released(self, name: str, checks: int) -> None:
        """Count checks that the tick released: the first call of each is in the budget already."""
        connection = self._open.get(name)
        if connection is not None:
            self._noted[connection.calls] = self._noted.get(connection.calls, 0) + checks

    async def _note_calls(self, connection: Connection) -> None:
        """Note calls that the tick did not release, of this process: steps and acceptance are never held back, and count all the same."""
        made = connection.calls.made
        count = made - self._noted.get(connection.calls, 0)
        if count >= _NOTED_TOGETHER:
            self._noted[connection.calls] = made
            await self._budgets.note(group_of(connection.name, connection.settings), count)

    async def of(self, record: InstallationRecord) -> Connection:
        """Return the connection of a record; a former one of another document is left to the calls that use it, and closed after them."""
        if self._former:
            await self._close_former(_USED_SECONDS)
        known = self._open.get(record.name)
        if known is not None and known.tag == record.tag:
            return known
        made = await self._make(record)
        return self._open.setdefault(record.name, made) if known is None else self._replaced(record.name, made)

    def with_certificate(self, connection: Connection, endpoint: str, certificate: ClientCertificate) -> CertificateClient:
        """Return a client of the tenant public API that proves itself by a certificate, over a connection of its own."""
        settings = connection.settings
        level: Literal[1, 2] = 1 if settings.tls.security_level == 1 else 2
        transport = Transport(
            tls=TlsOptions(settings.tls.ca_bundle, None, level),
            proxy=connection.proxy,
            certificate=certificate,
            in_flight=connection.calls,
            timeout=_TIMEOUT,
            now=self._clock.wall,
        )
        return CertificateClient(TenantClient(endpoint, transport, CertificateAuthorization()), transport)

    def forget(self) -> None:
        """Read every document anew, after a write by this process."""
        self._records.forget()

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(one.close() for one in self._open.values()), self._close_former(0.0))
        self._open.clear()

    async def _close_former(self, age: float) -> None:
        """Close the connections that were replaced at least so many seconds ago."""
        until = self._clock.monotonic() - age
        ended = [one for since, one in self._former if since <= until]
        self._former = [(since, one) for since, one in self._former if since > until]
        await asyncio.gather(*(one.close() for one in ended))

    def _replaced(self, name: str, made: Connection) -> Connection:
        former = self._open[name]
        self._noted.pop(former.calls, None)
        self._former.append((self._clock.monotonic(), former))
        self._open[name] = made
        return made

    async def _make(self, record: InstallationRecord) -> Connection:
        settings, proxy = record.installation.settings, await self._proxy(record.installation.settings)
        tls = TlsOptions(settings.tls.ca_bundle, settings.tls.server_name, 1 if settings.tls.security_level == 1 else 2)
        elsewhere = TlsOptions(settings.tls.ca_bundle, None, tls.security_level)
        calls = CallLimit(settings.calls.in_flight)
        api = Transport(tls=tls, proxy=proxy, in_flight=calls, timeout=_TIMEOUT, now=self._clock.wall)
        site = Transport(tls=elsewhere, proxy=proxy, in_flight=calls, timeout=_TIMEOUT, now=self._clock.wall)
        sign_in = TokenCache(_Guarded(self._signing_in(settings, site), self._store, record), self._clock.wall)
        principal = qualified(settings.sign_in.domain, settings.sign_in.user_name)
        hook = None
        if settings.accounts.url is not None and settings.accounts.token is not None:
            hook = AccountsHook(settings.accounts.url, self._fetch(settings.accounts.token.key_vault_secret_id), site)
        admin = AdminClient(settings.admin_api, api, BearerAuthorization(sign_in, principal))
        return Connection(record.name, record.tag, settings, admin, sign_in, (api, site), hook, calls, proxy)

    def _signing_in(self, settings: InstallationRequest, transport: Transport) -> SignIn:
        given = settings.sign_in
        kind = WindowsSignIn if given.mode == "windows" else AdfsSignIn
        password = self._fetch(given.password.key_vault_secret_id or "")
        return kind(given.windows_auth_endpoint, given.domain, given.user_name, password, transport, self._clock.wall, given.realm)

    async def _proxy(self, settings: InstallationRequest) -> Proxy | None:
        if settings.proxy is None:
            return None
        if settings.proxy.credentials is None:
            return Proxy(settings.proxy.url)
        fetch = self._fetch(settings.proxy.credentials.key_vault_secret_id)
        user = (await fetch()).partition(":")[0]

        async def password() -> str:
            return (await fetch()).partition(":")[2]

        return Proxy(settings.proxy.url, user, password)

    def _fetch(self, reference: str) -> Callable[[], Awaitable[str]]:
        async def fetch() -> str:
            found = await self._secrets.read(reference)
            if found is None:
                message = f"The secret {reference} of the installation was not found in Key Vault. Write the installation anew."
                raise CallFailure(FailureKind.THROTTLED, code=ErrorCode.SIGN_IN_FAILED, message=message)
            return found.reveal()

        return fetch


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A sign-in that no instance repeats while the directory's refusal is fresh: it would lock the account."""

    inner: SignIn
    store: InstallationStore
    record: InstallationRecord

    async def issue(self) -> Token:
        """Sign in; raises `AzurePackError`."""
        until = await self.store.refused_until(self.record.name, self.record.tag)
        if until is not None:
            message = (
                f"The sign-in at the installation '{self.record.name}' was refused. It is not tried again before {to_text(until)}, "
                "unless the installation's document changes."
            )
            raise AzurePackError(ErrorKind.SIGN_IN, str(Cause.CREDENTIALS), message, sent=False)
        try:
            return await self.inner.issue()
        except AzurePackError as error:
            if error.cause is Cause.CREDENTIALS:
                await self.store.note_refusal(self.record.name, self.record.tag)
            raise


def group_of(installation: str, settings: InstallationRequest) -> str:
    """Return the group of an installation's checks: its part before `#` names the budget and how many calls it has in a minute."""
    return f"azurePack/{installation}:{settings.calls.per_minute}"
