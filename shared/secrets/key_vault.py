"""Key vaults in Azure, by azure-keyvault-secrets, which is imported with the first call.

Nothing here logs or raises a value: the SDK logs neither bodies nor headers that may hold one, and failures carry Azure's code and message.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from shared.arm.credentials import CachedCredential, is_loopback
from shared.arm.failures import classify, failure_of
from shared.secrets.ids import SecretId, normal_vault
from shared.secrets.vaults import ListedSecret, Secret
from shared.values.hidden import Hidden

if TYPE_CHECKING:
    from azure.keyvault.secrets.aio import SecretClient

T = TypeVar("T")
_TIMEOUT = 10.0
_MAX_CLIENTS = 64
_PAGE = 25


class AzureKeyVaults:
    """Key vaults by URL, each with a client of its own. `credential` makes the app's credential, with the first call."""

    def __init__(self, credential: Callable[[], CachedCredential]) -> None:
        self._make_credential = credential
        self._credential: CachedCredential | None = None
        self._clients: dict[str, SecretClient] = {}
        self._building = asyncio.Lock()

    async def set(self, secret: SecretId, value: Hidden, tags: Mapping[str, str], expires: datetime | None) -> SecretId:
        """Write a new version of a secret and return its id."""
        client, options = await self._client(secret.vault)
        written = await _call(client.set_secret(secret.name, value.reveal(), tags=dict(tags), expires_on=expires, **options))
        return SecretId(secret.vault, secret.name, written.properties.version)

    async def get(self, secret: SecretId) -> Secret:
        """Read a secret, at the version named or the newest."""
        client, options = await self._client(secret.vault)
        found = await _call(client.get_secret(secret.name, secret.version, **options))
        read = SecretId(secret.vault, secret.name, found.properties.version)
        return Secret(read, Hidden(found.value or ""), dict(found.properties.tags or {}))

    async def delete(self, secret: SecretId) -> None:
        """Delete all versions of a secret, without waiting until the vault has done it."""
        from azure.core.rest import HttpRequest

        client, options = await self._client(secret.vault)
        request = HttpRequest("DELETE", f"{secret.vault}/secrets/{secret.name}", headers={"Accept": "application/json"})
        answer = await _call(_sent(client, request, options))
        if not 200 <= answer.status_code < 300:
            raise failure_of(answer.status_code, answer.headers, await answer.read())

    async def each(self, vault: str) -> AsyncIterator[ListedSecret]:
        """Yield the secrets of a vault, without their values."""
        client, options = await self._client(vault)
        pages = client.list_properties_of_secrets(max_page_size=_PAGE, **options).by_page()
        while True:
            try:
                page = [one async for one in await _call(anext(pages))]
            except StopAsyncIteration:
                return
            for one in page:
                created = one.created_on or datetime.now(UTC)
                yield ListedSecret(SecretId(normal_vault(vault), str(one.name)), created, dict(one.tags or {}))

    async def connect(self) -> None:
        """Make the app's credential now, from the environment as it is now."""
        async with self._building:
            if self._credential is None:
                self._credential = await asyncio.to_thread(self._make_credential)

    async def close(self) -> None:
        """Close every connection."""
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*(client.close() for client in clients))
        if self._credential is not None:
            await self._credential.close()

    async def _client(self, vault: str) -> "tuple[SecretClient, dict[str, Any]]":
        """Return the client of a vault, and the options of its calls: a simulated vault on this machine is reached without TLS."""
        options: dict[str, Any] = {"enforce_https": False} if is_loopback(vault) else {}
        known = self._clients.get(vault)
        if known is not None:
            return known, options
        await self.connect()
        module = await asyncio.to_thread(import_module, "azure.keyvault.secrets.aio")
        client: SecretClient = self._clients.get(vault) or module.SecretClient(
            vault, self._credential, verify_challenge_resource=not is_loopback(vault), retry_total=2
        )
        self._clients[vault] = client
        while len(self._clients) > _MAX_CLIENTS:
            await self._clients.pop(next(iter(self._clients))).close()
        return client, options


async def _call(call: Awaitable[T]) -> T:
    """Await a call to a vault, 10 seconds in all; raises `CallFailure`."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await call
    except StopAsyncIteration:
        raise
    except Exception as error:
        raise classify(error) from error


async def _sent(client: "SecretClient", request: Any, options: Mapping[str, Any]) -> Any:  # noqa: ANN401  # azure-core's request and answer
    answer: Any = await client.send_request(request, **options)
    await answer.read()
    return answer
