"""What the tests of a running stack use, for an app in memory: the simulation's controls, the host's queues, HTTP and tables."""

import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp

from local.simulation.client import ClockReading
from local.simulation.faults.fault import Fault
from local.simulation.times import duration
from tests.histories.in_memory import MemoryApp
from tests.histories.workers import WorkerLostError
from tests.support.memory import MemoryStorage, parse_filter

Json = dict[str, Any]


class MemoryAzure:
    """The control surface of the simulation."""

    def __init__(self, app: MemoryApp) -> None:
        self._app = app

    async def clock(self) -> ClockReading:
        """Read Azure's time."""
        return ClockReading(self._app.platform.clock.now(), 0.0, settled=True)

    async def advance(self, step: str) -> ClockReading:
        """Move Azure's time, and do what came due."""
        await self._app.advance(duration(step))
        return await self.clock()

    async def effects(self, since: int = 0) -> list[Json]:
        """Return the writes that took effect."""
        return self._app.platform.effects.since(since)

    async def estate(self) -> Json:
        """Return everything that Azure holds."""
        return self._app.platform.estate()

    async def put_estate(self, estate: Json) -> None:
        """Let Azure hold this instead."""
        self._app.platform.replace_estate(estate)

    async def add_fault(self, fault: str, *, method: str | None = None, path: str | None = None, **options: Any) -> None:
        """Add a fault."""
        match = {name: value for name, value in (("method", method), ("path", path)) if value is not None}
        self._app.platform.add_faults([Fault.read({"match": match, "fault": fault, **options})])

    async def faults(self) -> list[Json]:
        """Return the faults and what is left of each."""
        return [fault.as_json() for fault in self._app.platform.faults.all]

    async def clear_faults(self) -> None:
        """Remove every fault."""
        self._app.platform.clear_faults()

    async def token(self, *roles: str, tenant: str, user: str = "", **_: object) -> str:
        """Return a token that names its caller."""
        return "|".join((tenant, user, *roles))

    async def close(self) -> None:
        """Do nothing."""


class MemoryHost:
    """The running host: its queues and log."""

    api = ""

    def __init__(self, app: MemoryApp) -> None:
        self._app = app
        self.host = SimpleNamespace(log=app.log, last_lines=lambda: "the captured log has it")

    @contextmanager
    def queue(self, name: str) -> Any:
        """Return a client of a queue."""
        queues = self._app.storage.queues.messages
        waiting = queues.setdefault(name, deque())
        yield SimpleNamespace(
            send_message=waiting.append,
            get_queue_properties=lambda: SimpleNamespace(approximate_message_count=len(waiting) + self._hidden(name)),
            clear_messages=waiting.clear,
        )

    def _hidden(self, name: str) -> int:
        return sum(delivery.queue == name for delivery in self._app.failed)

    def messages(self, name: str) -> list[str]:
        """Take all messages off a queue."""
        return self._app.storage.queues.take(name)


class MemoryHttp:
    """The app's API."""

    def __init__(self, app: MemoryApp) -> None:
        self._app = app

    @asynccontextmanager
    async def request(self, method: str, url: str, *, json: object = None, headers: Mapping[str, str]) -> AsyncIterator[Any]:
        """Send a request; raises `ServerDisconnectedError` where the worker ends."""
        try:
            reply = await self._app.request(method, url, json, headers)
        except WorkerLostError as lost:
            raise aiohttp.ServerDisconnectedError from lost
        content = reply.get_body()

        async def read() -> bytes:
            return content

        async def document(**_: object) -> Any:
            return _loads(content)

        yield SimpleNamespace(status=reply.status_code, headers=reply.headers, read=read, json=document)

    def get(self, url: str, **options: Any) -> Any:
        """Send a GET."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Any:
        """Send a POST."""
        return self.request("POST", url, **options)

    async def close(self) -> None:
        """Do nothing."""


def _loads(content: bytes) -> Any:
    return json.loads(content or b"null")


@dataclass
class MemoryTables:
    """The tables, as a test looks at them."""

    storage: MemoryStorage
    name: str = field(default="")

    def get_table_client(self, name: str) -> "MemoryTables":
        """Return a table."""
        return MemoryTables(self.storage, name)

    async def query_entities(self, filters: str) -> AsyncIterator[Json]:
        """Return the rows that fit."""
        fits = parse_filter(filters, {}) if filters else lambda _: True
        for entity, _ in list(self.storage.table(self.name).rows.values()):
            if fits(entity):
                yield dict(entity)

    async def close(self) -> None:
        """Do nothing."""
