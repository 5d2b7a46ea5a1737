"""The policies of the one azure-core pipeline. Imported where a pipeline is built, never by a cold start.

They take the place of azure-core's retry policy, which repeats POST, sleeps any `Retry-After` to its end, and retries ten times
(docs/azure/resource-manager.md), and of the ARM policy that registers resource providers by itself.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
from azure.core.exceptions import (
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy, SansIOHTTPPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from shared import telemetry
from shared.arm.answers import READ_TIMEOUT, WRITE_TIMEOUT
from shared.arm.budget import BudgetKey, Observation, merge, observe, operation_type
from shared.arm.failures import in_doubt, not_sent, parse_date, parse_retry_after
from shared.arm.ids import subscription_of
from shared.errors import CallFailure, FailureKind
from shared.telemetry import Metric

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.arm.credentials import CachedCredential

READS = frozenset({"GET", "HEAD"})

_RETRIES = 2
_RETRY_WITHIN = 4.0
_LONGEST_WAIT = 3.0
_RETRIED_STATUSES = frozenset({500, 502, 503, 504})
_LOST = (ServiceRequestError, ServiceResponseError, IncompleteReadError, aiohttp.ClientError)
_TOO_LATE = (ServiceRequestTimeoutError, ServiceResponseTimeoutError, TimeoutError)
_SENT = "farshore_sent"
# azure-core's own options for retries, which callers and the SDK pass along; what is left over would reach aiohttp.
_RETRY_OPTIONS = (
    "retry_connect",
    "retry_read",
    "retry_status",
    "retry_backoff_factor",
    "retry_backoff_max",
    "retry_on_methods",
    "retry_mode",
)

Request = PipelineRequest[HttpRequest]
Response = PipelineResponse[HttpRequest, AsyncHttpResponse]


class Answered(Protocol):
    """What is read of an answer to decide whether its call is repeated."""

    @property
    def status_code(self) -> int:
        """Its status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, which can be read in any case."""

    async def close(self) -> None:
        """Give its connection back."""


A = TypeVar("A", bound=Answered)
T = TypeVar("T")


@dataclass(slots=True)
class Sent:
    """Whether something of a call has been sent."""

    by_now: bool = False


async def in_time(limit: float, call: Awaitable[T], sent: Sent) -> T:
    """Await a call for so many seconds in all; raises `CallFailure` IN_DOUBT when they are over, THROTTLED where nothing was sent."""
    try:
        async with asyncio.timeout(limit) as time_limit:
            return await call
    except TimeoutError as error:
        if not time_limit.expired():
            raise
        if sent.by_now:
            raise in_doubt("Timeout", f"Azure did not answer within {limit:g} s") from error
        raise not_sent(f"the call was not sent within {limit:g} s") from error


class Repetition:
    """Repeats a read at most twice within four seconds: after lost connections and 500, 502, 503, 504, never when Azure asks for more than
    three seconds.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep = sleep
        self._jitter = jitter
        self._monotonic = monotonic

    async def run(self, attempt: Callable[[], Awaitable[A]], retries: int = _RETRIES) -> A:
        """Return the answer of the last attempt."""
        last_start = self._monotonic() + _RETRY_WITHIN
        for number in range(retries + 1):
            delay = (0.2 + 0.4 * self._jitter()) * 2**number
            try:
                answer = await attempt()
            except _TOO_LATE:
                raise
            except _LOST:
                if number == retries or self._monotonic() + delay > last_start:
                    raise
            else:
                if answer.status_code not in _RETRIED_STATUSES or number == retries:
                    return answer
                delay = max(delay, _asked_wait(answer))
                if delay > _LONGEST_WAIT or self._monotonic() + delay > last_start:
                    return answer
                await answer.close()
            await self._sleep(delay)
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover


class CallPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """One call as a whole: its time limit, and the repetitions of reads.

    Options: `timeout`, seconds in all (10 for reads, 30 for others), from the wait for a free slot to the answer's headers, and
    its body where it is not streamed; `retry_total=0` switches repetition off.
    """

    def __init__(self, repetition: Repetition) -> None:
        super().__init__()
        self._repetition = repetition

    async def send(self, request: Request) -> Response:
        """Send the request and its repetitions."""
        options = request.context.options
        is_read = request.http_request.method in READS
        limit = options.pop("timeout", None) or (READ_TIMEOUT if is_read else WRITE_TIMEOUT)
        retries = _RETRIES if is_read and options.pop("retry_total", _RETRIES) else 0
        options.pop("retry_total", None)
        for name in _RETRY_OPTIONS:
            options.pop(name, None)
        options.setdefault("read_timeout", limit)  # a streamed body is read after this policy
        request.context[_SENT] = sent = Sent()
        return await in_time(limit, self._attempts(request, retries), sent)

    async def _attempts(self, request: Request, retries: int) -> Response:
        # A transport takes the options apart, so each attempt gets them anew.
        options = dict(request.context.options)
        responses: list[Response] = []

        async def attempt() -> AsyncHttpResponse:
            request.context.options = dict(options)
            responses.append(await self.next.send(request))
            return responses[-1].http_response

        await self._repetition.run(attempt, retries)
        return responses[-1]


class RefusedTokenPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Sends a call once more with a new token after 401: nothing began, so that a write is sent again as well.

    It belongs before the policy that signs, which asks the credential anew.
    """

    def __init__(self, credential: "CachedCredential") -> None:
        super().__init__()
        self._credential = credential

    async def send(self, request: Request) -> Response:
        """Send the request, at most twice."""
        options = dict(request.context.options)  # a transport takes the options apart
        response: Response = await self.next.send(request)
        if response.http_response.status_code != 401:
            return response
        self._credential.discard(request.http_request.headers.get("Authorization", "").removeprefix("Bearer "))
        await response.http_response.close()
        request.context.options = options
        return await self.next.send(request)


@dataclass(slots=True)
class Budgets:
    """What answers have shown of call budgets since it was last taken, one observation for each bucket."""

    principal: str
    seen: dict[BudgetKey, Observation]

    def learn(self, method: str, url: str, status: int, headers: Mapping[str, str]) -> None:
        """Note what an answer shows; an answer to a call outside any subscription shows nothing."""
        key = self._key(method, url)
        if key is None:
            return
        throttled = status == 429
        _count(key, "429" if throttled else f"{status // 100}xx")
        if throttled:
            telemetry.count(Metric.ARM_THROTTLED, operation=str(key.operation), subscription=key.subscription_id)
        observation = observe(key, status, headers)
        if observation is not None:
            self.seen[key] = merge(self.seen.get(key), observation)

    def unanswered(self, method: str, url: str) -> None:
        """Note that a call got no answer."""
        key = self._key(method, url)
        if key is not None:
            _count(key, "none")

    def take(self) -> list[Observation]:
        """Return what was learned, and forget it."""
        taken = list(self.seen.values())
        self.seen = {}
        return taken

    def _key(self, method: str, url: str) -> BudgetKey | None:
        path = url.partition("//")[2].partition("/")[2]
        try:
            return BudgetKey(self.principal, subscription_of(path), operation_type(method))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Flights:
    """What each attempt needs: the host that it may go to, a free slot, the record of budgets, and headers of every call."""

    origin: "Origin"
    slots: asyncio.Semaphore
    budgets: Budgets
    headers: Mapping[str, str]


class FlightPolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """One attempt: only to Resource Manager's own host, only while a slot is free, and its answer's budget is learned.

    The host is checked here because SDK pagers and pollers follow links in answers, with the token of the app. Raises `CallFailure`
    REFUSED for a foreign one.
    """

    def __init__(self, flights: Flights) -> None:
        super().__init__()
        self._flights = flights

    async def send(self, request: Request) -> Response:
        """Send the attempt once a slot is free."""
        http_request, flights = request.http_request, self._flights
        flights.origin.check(http_request.url)
        http_request.headers.update(flights.headers)
        async with flights.slots:
            request.context[_SENT].by_now = True
            try:
                response: Response = await self.next.send(request)
            except BaseException:  # time that is up arrives as a cancellation
                flights.budgets.unanswered(http_request.method, http_request.url)
                raise
        answer = response.http_response
        flights.budgets.learn(http_request.method, http_request.url, answer.status_code, answer.headers)
        return response


class Origin:
    """The scheme, host and port of Resource Manager: the only place that the token goes to."""

    def __init__(self, url: str) -> None:
        self._prefix = f"{url}/"
        self._parts = _origin_of(url)

    def check(self, url: str) -> None:
        """Raise `CallFailure` REFUSED unless the URL lies there."""
        if url.startswith(self._prefix) or (self._parts is not None and _origin_of(url) == self._parts):
            return
        raise CallFailure(
            FailureKind.REFUSED, code="ForeignHost", message="a link leads away from Azure Resource Manager, and was not followed"
        )


class LoopbackBearerPolicy(SansIOHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Sets the bearer token over plain http, which azure-core refuses; made for a loopback address only.

    Source: docs/azure/resource-manager.md.
    """

    def __init__(self, credential: "AsyncTokenCredential", scope: str) -> None:
        super().__init__()
        self._credential = credential
        self._scope = scope

    async def on_request(self, request: Request) -> None:
        """Sign the request."""
        token = await self._credential.get_token(self._scope)
        request.http_request.headers["Authorization"] = f"Bearer {token.token}"


def _count(key: BudgetKey, status: str) -> None:
    telemetry.count(Metric.ARM_CALLS, operation=str(key.operation), subscription=key.subscription_id, status=status)


def _asked_wait(answer: Answered) -> float:
    return parse_retry_after(answer.headers, parse_date(answer.headers.get("Date"))) or 0.0


def _origin_of(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.password is not None or not parts.hostname or "\\" in url:
        return None
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme, 0)
