"""The way to Azure Resource Manager: the SDK's clients, cached for each subscription, and lean calls without models.

Nothing of azure.* is imported before the first call, and then in a thread: these imports take most of a second of CPU
(docs/azure/resource-manager.md), which neither a cold start nor the event loop should pay.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from shared.arm.answers import READ_TIMEOUT, WRITE_TIMEOUT, ArmResponse
from shared.arm.api_versions import SUBSCRIPTIONS
from shared.arm.budget import Observation
from shared.arm.failures import classify, in_doubt
from shared.arm.ids import ResourceId
from shared.clock import Clock, Ids, RandomIds
from shared.errors import CallFailure, FailureKind
from shared.reads.cache import ReadCache
from shared.settings import Settings
from shared.values.reading import member, text

if TYPE_CHECKING:
    from azure.mgmt.compute.aio import ComputeManagementClient
    from azure.mgmt.recoveryservicessiterecovery.aio import SiteRecoveryManagementClient

    from shared.arm.credentials import CachedCredential
    from shared.arm.sending.pipeline import ArmPipeline
    from shared.arm.sending.transport import ArmTransport

T = TypeVar("T")

_GRACE = 0.5
_MAX_CLIENTS = 256
_MAX_PAGES = 1000
_MAX_URL = 8192
_KEPT_SECONDS = 3600.0


class AzureClients:
    """Everything that calls Azure Resource Manager in this process; build it once, close it at the end.

    A `credential` that is given stays its giver's to close; else the app's own is made with the first call. A `transport` takes the place
    of HTTP.

    All calls share one set of connections, one credential, `settings.calls_in_flight` slots, and one record of call budgets.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ids: Ids | None = None,
        credential: "CachedCredential | None" = None,
        transport: "ArmTransport | None" = None,
    ) -> None:
        self._settings = settings
        self._ids = ids or RandomIds()
        self._credential = credential
        self._transport = transport
        self._pipeline: ArmPipeline | None = None
        self._building = asyncio.Lock()
        self._clients: OrderedDict[tuple[str, str], Any] = OrderedDict()

    async def compute(self, subscription_id: str) -> "ComputeManagementClient":
        """Return the subscription's client for Microsoft.Compute; see `call` for how to make a write with it."""
        client: ComputeManagementClient = await self._client("azure.mgmt.compute.aio", "ComputeManagementClient", subscription_id)
        return client

    async def site_recovery(self, subscription_id: str) -> "SiteRecoveryManagementClient":
        """Return the subscription's client for Site Recovery; see `call` for how to make a write with it."""
        client: SiteRecoveryManagementClient = await self._client(
            "azure.mgmt.recoveryservicessiterecovery.aio", "SiteRecoveryManagementClient", subscription_id
        )
        return client

    async def call(self, operation: Awaitable[T], *, timeout: float = WRITE_TIMEOUT) -> T:
        """Await an operation of an SDK client, `timeout` seconds in all; raises `CallFailure` whatever goes wrong.

        A write is sent once: `hook = AnswerHook(); await clients.call(compute.restore_points.begin_create(…, polling=False,
        request_id=…, raw_response_hook=hook))`. The pipeline repeats no write; `retry_total=0` stops it from repeating a read.
        `polling=False` sends just the first request; what it returns need not be looked at, and its `result()` must not be:
        a failover's answer has an empty body (docs/azure/site-recovery.md).
        """
        try:
            # The pipeline's own limit, which knows what was never sent, goes first.
            async with asyncio.timeout(timeout + _GRACE):
                return await operation
        except Exception as error:
            raise classify(error) from error

    async def read(
        self,
        path: str | ResourceId,
        *,
        api_version: str,
        params: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT,
    ) -> ArmResponse:
        """GET a path of Resource Manager, such as `/subscriptions/{id}/locations`, as plain JSON; raises `CallFailure`.

        This is the call of every status read: it costs a fraction of the SDK's (benchmarks/status_read.py).
        """
        return await self._send("GET", self._url(path, api_version, params), timeout, self._ids.new())

    async def read_array(self, path: str, *, api_version: str, params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """GET a list that Azure answers as a JSON array without pages, as it does versions of images; raises `CallFailure`."""
        pipeline = self._pipeline or await self._build()
        url = self._url(path, api_version, params)
        answer = await pipeline.send("GET", url, timeout=READ_TIMEOUT, request_id=self._ids.new(), array=True)
        return list(answer.body.get("value", ()))

    async def write(
        self,
        method: str,
        path: str | ResourceId,
        *,
        api_version: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        request_id: str | None = None,
        timeout: float = WRITE_TIMEOUT,
        condition: Mapping[str, str] | None = None,
    ) -> ArmResponse:
        """Send PUT, POST, PATCH or DELETE once; raises `CallFailure`, whose `definite` is false where it may have begun.

        `request_id` becomes `x-ms-client-request-id`, by which a lost job is found again. `condition` has `If-Match` or `If-None-Match`: a
        412 is then a refusal.
        """
        url = self._url(path, api_version, params)
        return await self._send(method, url, timeout, request_id or self._ids.new(), body, condition)

    async def read_link(self, url: str, *, timeout: float = READ_TIMEOUT) -> ArmResponse:
        """GET an absolute URL that an answer of Azure gave; raises `CallFailure`, REFUSED for one that leads to another host."""
        if len(url) > _MAX_URL or not url.isprintable():
            raise CallFailure(FailureKind.REFUSED, code="UnreadableLink", message="a link of an answer is none")
        return await self._send("GET", self._own_host(url), timeout, self._ids.new())

    async def pages(
        self,
        path: str | ResourceId,
        *,
        api_version: str,
        params: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT,
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield a list's pages one after another, at most 1,000; raises `CallFailure`, and REFUSED for a list without an end."""
        answer = await self.read(path, api_version=api_version, params=params, timeout=timeout)
        for _ in range(_MAX_PAGES):
            yield _entries_of(answer.body)
            link = text(answer.body, "nextLink")
            if link is None:
                return
            answer = await self.read_link(link, timeout=timeout)
        raise CallFailure(FailureKind.REFUSED, code="ListTooLong", message=f"a list has more than {_MAX_PAGES} pages")

    async def read_all(
        self,
        path: str | ResourceId,
        *,
        api_version: str,
        params: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT,
        limit: int = 20_000,
    ) -> list[dict[str, Any]]:
        """Return a whole list; raises `CallFailure`, REFUSED for a list of more than `limit` entries: never a part of it."""
        found: list[dict[str, Any]] = []
        async for page in self.pages(path, api_version=api_version, params=params, timeout=timeout):
            found.extend(page)
            if len(found) > limit:
                raise CallFailure(FailureKind.REFUSED, code="ListTooLong", message=f"a list has more than {limit} entries")
        return found

    def take_observations(self) -> list[Observation]:
        """Return what answers have shown of call budgets since the last call, one observation for each bucket."""
        return self._pipeline.budgets.take() if self._pipeline is not None else []

    async def aclose(self) -> None:
        """Close every connection; what is in flight fails."""
        pipeline, self._pipeline = self._pipeline, None
        self._clients.clear()
        if pipeline is not None:
            await pipeline.close()
            if self._credential is None:
                await pipeline.credential.close()

    def _own_host(self, url: str) -> str:
        """Return a link to a regional host of Resource Manager (westeurope.management.azure.com) as one to its own host."""
        own = urlsplit(self._settings.resource_manager_url)
        try:
            parts = urlsplit(url)
        except ValueError:
            return url  # refused as a foreign host before it is sent
        if parts.scheme == own.scheme and parts.netloc.lower().endswith(f".{own.netloc.lower()}") and "@" not in parts.netloc:
            return parts._replace(netloc=own.netloc).geturl()
        return url

    async def _send(
        self, method: str, url: str, timeout: float, request_id: str, body: object = None, condition: Mapping[str, str] | None = None
    ) -> ArmResponse:
        pipeline = self._pipeline or await self._build()
        return await pipeline.send(method, url, timeout=timeout, request_id=request_id, body=body, condition=condition)

    def _url(self, path: str | ResourceId, api_version: str, params: Mapping[str, str] | None) -> str:
        text = str(path)
        if not text.startswith("/") or text.startswith("//") or ".." in text or not text.isprintable() or set(text) & set("?#%\\"):
            raise ValueError(f"a path of Resource Manager begins with one slash and has no query: {text[:80]!a}")
        query = _query(tuple((params or {}).items()), api_version)
        return f"{self._settings.resource_manager_url}{quote(text, safe='/()-._~')}?{query}"

    async def _client(self, module: str, name: str, subscription_id: str) -> Any:  # noqa: ANN401  # its two callers name the type
        key = (name, subscription_id.lower())
        client = self._clients.get(key)
        if client is None:
            pipeline = self._pipeline or await self._build()
            kind = getattr(await asyncio.to_thread(import_module, module), name)
            client = self._clients.get(key) or kind(
                pipeline.credential, subscription_id, base_url=self._settings.resource_manager_url, pipeline=pipeline.for_sdk
            )
            self._clients[key] = client
        self._clients.move_to_end(key)
        if len(self._clients) > _MAX_CLIENTS:
            self._clients.popitem(last=False)  # nothing to close: connections belong to the pipeline
        return client

    async def _build(self) -> "ArmPipeline":
        async with self._building:
            if self._pipeline is None:
                pipeline = await asyncio.to_thread(import_module, "shared.arm.sending.pipeline")
                credential = self._credential or await asyncio.to_thread(_credential, self._settings.identity_client_id)
                self._pipeline = pipeline.ArmPipeline(
                    self._settings.resource_manager_url,
                    credential,
                    principal=self._settings.identity_client_id or "system",
                    slots=self._settings.calls_in_flight,
                    transport=self._transport,
                )
            return self._pipeline


def _entries_of(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a page of a list; ARM also writes null for an empty one. Raises `CallFailure` where it is not a page."""
    if not any(name.lower() == "value" for name in page):
        raise in_doubt("UnreadableAnswer", "a page of a list has no 'value'")
    value = member(page, "value")
    if value is not None and not isinstance(value, list):
        raise in_doubt("UnreadableAnswer", "the 'value' of a page of a list is not a list")
    return [entry for entry in value or () if isinstance(entry, dict)]


@lru_cache(maxsize=128)
def _query(params: tuple[tuple[str, str], ...], api_version: str) -> str:
    """Return the query of a call; most calls have one of a few."""
    return urlencode({**dict(params), "api-version": api_version})


def _credential(client_id: str | None) -> "CachedCredential":
    from shared.arm.credentials import credential_for  # imports azure-identity

    return credential_for(client_id)


class Locations:
    """Reads the locations of subscriptions, each kept for an hour. Failures are `CallFailure`."""

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        self._clients = clients
        self._kept: ReadCache[frozenset[str]] = ReadCache(clock, _KEPT_SECONDS)

    async def of(self, subscription_id: str) -> frozenset[str]:
        """Return the names of a subscription's locations, in lower case."""
        return await self._kept.get(subscription_id, lambda: self._read(subscription_id))

    async def _read(self, subscription_id: str) -> frozenset[str]:
        found = await self._clients.read_all(f"/subscriptions/{subscription_id}/locations", api_version=SUBSCRIPTIONS)
        return frozenset(name.lower() for item in found if (name := text(item, "name")) is not None)
