"""A client of the control surface, for tests, the local host and the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

import aiohttp

from local.simulation.arm.tables import Json, JsonValue
from local.simulation.times import from_text


class SimulationError(Exception):
    """A refusal of the control surface: its status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Azure's time, its speed, and after an advance whether everything that came due was done."""

    now: datetime
    speed: float
    settled: bool | None = None


class SimulationClient:
    """Calls the simulated Azure at `url`; an asynchronous context manager. Every call raises `SimulationError` when refused."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "SimulationClient":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def clock(self) -> ClockReading:
        """Read Azure's time and its speed."""
        return _reading(await self._call("GET", "clock"))

    async def advance(self, duration: str) -> ClockReading:
        """Move Azure's time forward by an ISO 8601 duration, in lockstep with the registered host."""
        return _reading(await self._call("POST", "clock", {"advance": duration}))

    async def set_speed(self, speed: float) -> ClockReading:
        """Let Azure's time run at so many seconds a second; 0 stops it."""
        return _reading(await self._call("POST", "clock", {"speed": speed}))

    async def effects(self, since: int = 0) -> list[Json]:
        """Return the writes that took effect after a sequence number."""
        return _value(await self._call("GET", f"effects?since={since}"))

    async def requests(self) -> list[Json]:
        """Return the number of requests of each operation."""
        return _value(await self._call("GET", "requests"))

    async def add_fault(
        self,
        fault: str,
        *,
        method: str | None = None,
        path: str | None = None,
        query: str | None = None,
        principal: str | None = None,
        **options: JsonValue,
    ) -> None:
        """Add a fault for matching requests; `options` are `times`, `rate`, `seed`, `status`, `code`, `headers`, `body`, `duration`, …"""
        named = (("method", method), ("path", path), ("query", query), ("principal", principal))
        match = {name: value for name, value in named if value is not None}
        await self._call("POST", "faults", [{"match": match, "fault": fault, **options}])

    async def faults(self) -> list[Json]:
        """Return the faults and what is left of each."""
        return _value(await self._call("GET", "faults"))

    async def clear_faults(self) -> None:
        """Remove every fault."""
        await self._call("DELETE", "faults")

    async def estate(self) -> Json:
        """Return everything that the simulation holds."""
        return dict(await self._call("GET", "estate"))

    async def put_estate(self, estate: Json) -> Json:
        """Let the simulation hold this instead, and return it as completed."""
        return dict(await self._call("PUT", "estate", estate))

    async def token(
        self, *roles: str, tenant: str | None = None, user: str | None = None, app: str | None = None, **options: JsonValue
    ) -> str:
        """Return an access token of a caller of the app; `options` are `lifetime`, `audience`, `expired`."""
        named = {name: value for name, value in (("tenant", tenant), ("user", user), ("app", app)) if value is not None}
        answer = await self._call("POST", "tokens", {"roles": list(roles), **named, **options})
        return str(answer["access_token"])

    async def identity_token(self, principal: str = "farshore", resource: str = "https://management.azure.com/") -> str:
        """Return a managed identity's token, by default for Resource Manager."""
        query = {"api-version": "2019-08-01", "resource": resource, "principal": principal}
        answer = await self._call("GET", "identity", query=query, headers={"X-IDENTITY-HEADER": "local"})
        return str(answer["access_token"])

    async def register_host(self, url: str) -> None:
        """Let advances wait for the local host at this address."""
        await self._call("PUT", "host", {"url": url})

    async def deregister_host(self) -> None:
        """Let advances wait for no host."""
        await self._call("DELETE", "host")

    async def _call(
        self, method: str, path: str, body: JsonValue = None, *, query: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> JsonValue:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        async with self._session.request(method, f"{self.url}/_simulation/{path}", json=body, params=query, headers=headers) as answer:
            content = await answer.json()
            if answer.status >= 400:
                raise SimulationError(answer.status, str(content["error"]["message"]))
            return content


def _reading(body: Json) -> ClockReading:
    return ClockReading(from_text(body["now"]), float(body["speed"]), body.get("settled"))


def _value(body: Json) -> list[Json]:
    items: Sequence[Json] = body["value"]
    return list(items)
