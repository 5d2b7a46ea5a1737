"""What goes to storage over HTTP: each call by what it does, and the bytes that come back; and the CPU that processes spend on it."""

import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from shared.storage.tables import Storage

_TICKS = os.sysconf("SC_CLK_TCK")
KEPT_SECONDS = 2.0
"""How long an unused connection is kept: Azurite closes one after five seconds, and a call that meets the closing is lost."""


@dataclass
class Traffic:
    """Counts the calls of one client: `calls` by kind (see `kind_of`), `received` bytes of the answers' bodies."""

    calls: Counter[str] = field(default_factory=Counter)
    received: int = 0

    def clear(self) -> None:
        """Begin anew."""
        self.calls.clear()
        self.received = 0

    def trace(self) -> aiohttp.TraceConfig:
        """Return what lets an aiohttp session count here."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._started)
        trace.on_response_chunk_received.append(self._came)
        return trace

    async def _started(self, _session: object, _context: object, parameters: aiohttp.TraceRequestStartParams) -> None:
        self.calls[kind_of(parameters.method, parameters.url.path)] += 1

    async def _came(self, _session: object, _context: object, parameters: aiohttp.TraceResponseChunkReceivedParams) -> None:
        self.received += len(parameters.chunk)


def kind_of(method: str, path: str) -> str:
    """Return what a call to storage does: transaction, page, read, insert, write, delete or message."""
    if path.endswith("/$batch"):
        return "transaction"
    if path.endswith("/messages"):
        return "message"
    if method == "GET":
        return "read" if re.search(r"\(PartitionKey|\('|=", path) else "page"
    return {"POST": "insert", "DELETE": "delete"}.get(method, "write")


@asynccontextmanager
async def counted_storage(connection_string: str, traffic: Traffic) -> AsyncIterator[Storage]:
    """Reach an emulator as the app does, with every call counted."""
    from azure.core.pipeline.transport import AioHttpTransport
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.queue.aio import QueueServiceClient

    connector = aiohttp.TCPConnector(keepalive_timeout=KEPT_SECONDS)
    async with aiohttp.ClientSession(trace_configs=[traffic.trace()], auto_decompress=False, connector=connector) as session:
        transport = AioHttpTransport(session=session, session_owner=False)
        storage = Storage(
            TableServiceClient.from_connection_string(connection_string, transport=transport),
            QueueServiceClient.from_connection_string(connection_string, transport=transport),
        )
        yield storage
        await storage.close()


def cpu_seconds(group: int) -> float:
    """Return the CPU time that the live processes of a process group have spent so far (Linux; 0 elsewhere)."""
    return sum(_fields(stat) for stat in _stats() if stat[2] == str(group))


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Let these environment variables hold for a while."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _stats() -> Iterator[list[str]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue


def _fields(stat: list[str]) -> float:
    # after the name: state, parent, group, …; user and system time are the 14th and 15th of all (proc_pid_stat(5))
    return (int(stat[11]) + int(stat[12])) / _TICKS
