"""GETs to Resource Manager over aiohttp alone: azure-core's pipeline costs more than the read itself (benchmarks/status_read.py).

Time limit, repetition, slots, host and budgets are those of the pipeline, by the same code. A 401 is left to the pipeline, which renews the
token. Imported where a pipeline is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shared.arm.credentials import CachedCredential
from shared.arm.sending.policies import Flights, Repetition, Sent, in_time


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """The answer to a GET, read to its end; `headers` can be read in any case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    async def close(self) -> None:
        """Do nothing: its connection is free already."""


class ReadTransport(Protocol):
    """Sends GETs."""

    async def get(self, url: str, headers: Mapping[str, str]) -> ReadAnswer:
        """Send one GET and read its answer; raises aiohttp's errors. No redirect is followed."""


@dataclass(frozen=True, slots=True)
class Reads:
    """Sends GETs with the app's token for `scope`."""

    transport: ReadTransport
    credential: CachedCredential
    scope: str
    flights: Flights
    repetition: Repetition

    async def get(self, url: str, *, request_id: str, timeout: float) -> ReadAnswer | None:
        """Return the answer to a GET, `timeout` seconds in all; None where Azure refused the token, which is then forgotten.

        Raises `CallFailure`, and aiohttp's errors.
        """
        sent = Sent()
        return await in_time(timeout, self._get(url, request_id, sent), sent)

    async def _get(self, url: str, request_id: str, sent: Sent) -> ReadAnswer | None:
        token = (await self.credential.get_token_info(self.scope)).token
        headers = {
            "x-ms-client-request-id": request_id,
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            **self.flights.headers,
        }
        answer = await self.repetition.run(lambda: self._attempt(url, headers, sent))
        if answer.status_code == 401:
            self.credential.discard(token)
            return None
        return answer

    async def _attempt(self, url: str, headers: Mapping[str, str], sent: Sent) -> ReadAnswer:
        flights = self.flights
        flights.origin.check(url)
        async with flights.slots:
            sent.by_now = True
            try:
                answer = await self.transport.get(url, headers)
            except BaseException:  # time that is up arrives as a cancellation
                flights.budgets.unanswered("GET", url)
                raise
        flights.budgets.learn("GET", url, answer.status_code, answer.headers)
        return answer
