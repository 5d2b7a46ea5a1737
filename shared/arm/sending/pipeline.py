"""The process's one pipeline to Azure Resource Manager, in two lengths. Imported when the first call is made.

The SDK's clients get the policies they need for their options; lean calls only what makes a call safe, and of these reads go past
azure-core (`reads.py`). All share transport, credential, slots and budgets.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.pipeline import AsyncPipeline
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, CustomHookPolicy, RequestIdPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from shared.arm.answers import ArmResponse
from shared.arm.credentials import CachedCredential, is_loopback, scope_of
from shared.arm.failures import classify, failure_of, in_doubt
from shared.arm.sending.policies import (
    Budgets,
    CallPolicy,
    FlightPolicy,
    Flights,
    LoopbackBearerPolicy,
    Origin,
    RefusedTokenPolicy,
    Repetition,
)
from shared.arm.sending.reads import ReadAnswer, Reads
from shared.arm.sending.transport import ArmTransport

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

USER_AGENT = "farshore/0.1.0"


class ArmPipeline:
    """Transport (by default the process's own) and policies, built inside the event loop that uses them.

    `slots` is the number of calls in flight at one time; raises `ValueError` for http to anywhere but a loopback address.
    """

    def __init__(
        self,
        resource_manager_url: str,
        credential: CachedCredential,
        *,
        principal: str,
        slots: int,
        transport: ArmTransport | None = None,
    ) -> None:
        self.credential = credential
        self.budgets = Budgets(principal, {})
        self._transport = transport or ArmTransport(resource_manager_url, slots)
        # azure-core unpacks nothing else that aiohttp might offer
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
        flights = Flights(Origin(resource_manager_url), asyncio.Semaphore(slots), self.budgets, headers)
        repetition = Repetition()

        def essential() -> tuple[Any, ...]:  # a policy object belongs to one pipeline: it knows the next one
            return (
                CallPolicy(repetition),
                RefusedTokenPolicy(credential),
                authentication_policy(credential, resource_manager_url),
                FlightPolicy(flights),
            )

        self._reads = Reads(self._transport, credential, scope_of(resource_manager_url), flights, repetition)
        self._short = self._pipeline(*essential())
        self.for_sdk = self._pipeline(RequestIdPolicy(), CustomHookPolicy(), *essential())

    async def send(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        request_id: str,
        body: object = None,
        condition: Mapping[str, str] | None = None,
        array: bool = False,
    ) -> ArmResponse:
        """Send one call and parse its answer; raises `CallFailure` for anything but a 2xx with a JSON object or nothing.

        `condition` has `If-Match` or `If-None-Match`. With `array` the answer is a JSON array of objects:
        the `value` of the body.
        """
        ends = asyncio.get_running_loop().time() + timeout
        is_read = method == "GET" and body is None and condition is None
        try:
            answer = await self._reads.get(url, request_id=request_id, timeout=timeout) if is_read else None
            if answer is None:
                left = ends - asyncio.get_running_loop().time()
                answer = await self._through_azure_core(method, url, left, request_id, body, condition)
        except Exception as error:
            raise classify(error) from error
        if not 200 <= answer.status_code < 300:
            raise failure_of(answer.status_code, answer.headers, answer.content, conditional=bool(condition))
        return ArmResponse(answer.status_code, _document(answer.content, array=array), answer.headers)

    async def _through_azure_core(
        self, method: str, url: str, timeout: float, request_id: str, body: object, condition: Mapping[str, str] | None
    ) -> ReadAnswer:
        headers = {"x-ms-client-request-id": request_id, "Accept": "application/json", **(condition or {})}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body, separators=(",", ":")).encode()
        result = await self._short.run(HttpRequest(method, url, headers=headers, content=content), timeout=timeout)
        response = result.http_response
        return ReadAnswer(response.status_code, response.headers, response.content)

    async def close(self) -> None:
        """Close the connections to Resource Manager."""
        await self._transport.close()

    def _pipeline(self, *policies: Any) -> AsyncPipeline[HttpRequest, AsyncHttpResponse]:  # noqa: ANN401  # azure-core's two kinds of policy
        return AsyncPipeline(self._transport, policies)


def _document(content: bytes, *, array: bool) -> dict[str, Any]:
    if not content:
        return {}
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise in_doubt("UnreadableAnswer", "the answer of Azure is not JSON") from error
    if array and (document is None or isinstance(document, list)):
        entries = [one for one in document or () if one is not None]
        if all(isinstance(one, dict) for one in entries):
            return {"value": entries}
    if array or not isinstance(document, dict):
        raise in_doubt("UnreadableAnswer", f"the answer of Azure is not {'a JSON array of objects' if array else 'a JSON object'}")
    return document


def authentication_policy(
    credential: "AsyncTokenCredential", resource_manager_url: str
) -> "AsyncBearerTokenCredentialPolicy[Any, Any] | LoopbackBearerPolicy":
    """Return the pipeline policy that signs each request: azure-core's own for https, an own one for http on a loopback address.

    Raises `ValueError` for http to anywhere else, where a token would be readable on its way.
    """
    scope = scope_of(resource_manager_url)
    if urlsplit(resource_manager_url).scheme == "https":
        return AsyncBearerTokenCredentialPolicy(credential, scope)
    if not is_loopback(resource_manager_url):
        raise ValueError("AZURE_RESOURCE_MANAGER_URL: https is expected, except for a loopback address")
    return LoopbackBearerPolicy(credential, scope)
