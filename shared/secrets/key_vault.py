"""Key vaults in Azure, over the client of azure-keyvault-secrets, which is imported with the first call.

The client signs the requests, as each vault's challenge asks for it, and repeats what may be repeated. The four calls are made without its
models, whose ids know no vault of an emulator. Nothing here logs or raises a value: the client logs neither bodies nor the headers that
may hold one, and failures carry Azure's code and message. Source: docs/azure/key-vault.md.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from shared.arm.credentials import CachedCredential, is_loopback
from shared.arm.failures import classify, failure_of, in_doubt
from shared.errors import CallFailure, FailureKind
from shared.secrets.ids import SecretId, normal_vault
from shared.secrets.vaults import ListedSecret, Secret
from shared.values.hidden import Hidden
from shared.values.reading import an_object, last_segment, member, number, objects, text

if TYPE_CHECKING:
    from azure.keyvault.secrets.aio import SecretClient

API_VERSION: Final = "7.5"
SCOPE: Final = "https://vault.azure.net/.default"
_TIMEOUT = 10.0
_RETRIES = 2
_MAX_CLIENTS = 64
_MAX_PAGES = 10_000
_PAGE = 25


class AzureKeyVaults:
    """Key vaults by URL, each with a client of its own. `credential` makes the app's credential, with the first call.

    `transport` makes what takes the place of HTTP, for each client.
    """

    def __init__(self, credential: Callable[[], CachedCredential], transport: Callable[[], Any] | None = None) -> None:
        self._make_credential = credential
        self._transport = transport
        self._credential: CachedCredential | None = None
        self._clients: dict[str, SecretClient] = {}
        self._building = asyncio.Lock()

    async def set(self, secret: SecretId, value: Hidden, tags: Mapping[str, str], expires: datetime | None) -> SecretId:
        """Write a new version of a secret and return its id."""
        body: dict[str, Any] = {"value": value.reveal(), "tags": dict(tags)}
        if expires is not None:
            body["attributes"] = {"exp": int(expires.timestamp())}
        return _version_of(await self._send("PUT", secret.vault, f"/secrets/{secret.name}", body), secret)

    async def get(self, secret: SecretId) -> Secret:
        """Read a secret, at the version named or the newest."""
        version = f"/{secret.version}" if secret.version else ""
        found = await self._send("GET", secret.vault, f"/secrets/{secret.name}{version}")
        value = member(found, "value")
        if not isinstance(value, str):
            raise in_doubt("UnreadableAnswer", f"the key vault shows no value of the secret {secret.name}")
        return Secret(_version_of(found, secret), Hidden(value), _tags(found))

    async def delete(self, secret: SecretId) -> None:
        """Delete all versions of a secret, without waiting until the vault has done it."""
        await self._send("DELETE", secret.vault, f"/secrets/{secret.name}")

    async def each(self, vault: str) -> AsyncIterator[ListedSecret]:
        """Yield the secrets of a vault, without their values."""
        path = f"/secrets?maxresults={_PAGE}"
        for _ in range(_MAX_PAGES):
            page = await self._send("GET", vault, path)
            for item in objects(page, "value"):
                name, created = last_segment(text(item, "id")), number(an_object(item, "attributes"), "created")
                if name and created is not None:  # one whose age is not shown is not swept
                    yield ListedSecret(SecretId(normal_vault(vault), name), datetime.fromtimestamp(created, UTC), _tags(item))
            link = text(page, "nextLink")
            if link is None:
                return
            path = _below(link, vault)
        raise CallFailure(FailureKind.REFUSED, code="ListTooLong", message=f"a vault's list has more than {_MAX_PAGES} pages")

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

    async def _send(self, method: str, vault: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send one call, 10 seconds in all with its repetitions, and return its JSON; raises `CallFailure`."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._answer(method, vault, path, body)
        except Exception as error:
            raise classify(error) from error

    async def _answer(self, method: str, vault: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        client = await self._client(vault)
        from azure.core.rest import HttpRequest

        request = HttpRequest(method, vault + path, headers={"Accept": "application/json"}, json=None if body is None else dict(body))
        answer: Any = await client.send_request(request)
        content = await answer.read()
        if not 200 <= answer.status_code < 300:
            raise failure_of(answer.status_code, answer.headers, content)
        found = answer.json() if content else {}
        if not isinstance(found, dict):
            raise in_doubt("UnreadableAnswer", "the answer of the key vault is not a JSON object")
        return found

    async def _client(self, vault: str) -> "SecretClient":
        known = self._clients.get(vault)
        if known is not None:
            return known
        await self.connect()
        module = await asyncio.to_thread(import_module, "azure.keyvault.secrets.aio")
        options: dict[str, Any] = {"transport": self._transport()} if self._transport is not None else {}
        if is_loopback(vault):
            options["policies"] = _loopback_policies(self._credential)
        client: SecretClient = self._clients.get(vault) or module.SecretClient(
            vault, self._credential, api_version=API_VERSION, retry_total=_RETRIES, **options
        )
        self._clients[vault] = client
        while len(self._clients) > _MAX_CLIENTS:
            await self._clients.pop(next(iter(self._clients))).close()
        return client


def _loopback_policies(credential: CachedCredential | None) -> list[Any]:
    """Return the policies for a simulated vault on this machine, whose plain http the client's own challenge policy refuses."""
    from azure.core.pipeline.policies import AsyncRetryPolicy, RequestIdPolicy

    from shared.arm.sending.policies import LoopbackBearerPolicy

    if credential is None:
        raise LookupError("the credential is made before the first client")
    return [RequestIdPolicy(), AsyncRetryPolicy(retry_total=_RETRIES), LoopbackBearerPolicy(credential, SCOPE)]


def _version_of(body: Mapping[str, Any], secret: SecretId) -> SecretId:
    """Return the version of a secret that an answer shows; raises `CallFailure` where it shows none."""
    version = last_segment(text(body, "id"))
    if not version:
        raise in_doubt("UnreadableAnswer", f"the key vault shows no version of the secret {secret.name}")
    return SecretId(secret.vault, secret.name, version)


def _tags(body: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in an_object(body, "tags").items() if value is not None}


def _below(link: str, vault: str) -> str:
    """Return the path of a link to the next page; raises `CallFailure` for one that leads to another vault."""
    if not link.lower().startswith(f"{normal_vault(vault)}/"):
        raise CallFailure(FailureKind.REFUSED, code="UnreadableLink", message="a list of a key vault leads elsewhere")
    return link[len(normal_vault(vault)) :]
