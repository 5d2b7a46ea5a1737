"""The simulated Azure within a test: real HTTP on a free port, the clock standing still unless the test moves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from local.simulation.app import create_app
from local.simulation.client import SimulationClient
from local.simulation.platform import Platform

START = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
COMPUTE = "2024-07-01"
DISKS = "2024-03-02"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of Resource Manager."""

    status: int
    headers: Any
    body: Any

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.body["error"]["code"])


class Azure:
    """A running simulation: `control` is its control surface, the methods call Resource Manager as a principal."""

    def __init__(self, url: str, control: SimulationClient, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.control = control
        self._session = session
        self.tokens: dict[str, str] = {}

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = COMPUTE,
        principal: str = "farshore",
        request_id: str = "",
        headers: dict[str, str] | None = None,
        **query: str,
    ) -> Reply:
        """Send a request; `query` names take `_` for `$`."""
        if principal not in self.tokens:
            self.tokens[principal] = await self.control.identity_token(principal)
        headers = {"Authorization": f"Bearer {self.tokens[principal]}", **(headers or {})} | (
            {"x-ms-client-request-id": request_id} if request_id else {}
        )
        parameters = {name.replace("_", "$"): value for name, value in query.items()} | ({"api-version": version} if version else {})
        url = path if path.startswith("http") else self.url + path
        async with self._session.request(
            method, url, json=body, headers=headers, params=None if path.startswith("http") else parameters
        ) as answer:
            text = await answer.text()
            return Reply(answer.status, answer.headers, await answer.json() if text else None)

    async def collection(self, machine: str = "provider-web01") -> dict[str, Any]:
        """Return the estate's restore point collection of a machine."""
        estate = await self.control.estate()
        return next(item for item in estate["restorePointCollections"] if item["source"].endswith(f"/{machine}"))

    async def target(self, source: dict[str, Any], name: str = "copies", location: str | None = None) -> str:
        """Create a target collection for a source collection in the other region; returns its id."""
        target = f"{source['id'].split('/providers/')[0]}/providers/Microsoft.Compute/restorePointCollections/{name}"
        location = location or ("northeurope" if source["location"] == "westeurope" else "westeurope")
        made = await self.call("PUT", target, {"location": location, "properties": {"source": {"id": source["id"]}}})
        assert made.status == 201, made.body
        return target

    async def copy(self, target: str, name: str, source_point: str, **options: Any) -> Reply:
        """Start a copy."""
        body = {"properties": {"sourceRestorePoint": {"id": source_point}}}
        return await self.call("PUT", f"{target}/restorePoints/{name}", body, **options)

    async def progress(self, point: str) -> tuple[str, list[int]]:
        """Return a restore point's overall state and each disk's percent."""
        view = (await self.call("GET", point, _expand="instanceView")).body["properties"]["instanceView"]
        percents = [disk["replicationStatus"]["completionPercent"] for disk in view["diskRestorePoints"]]
        return view["statuses"][0]["code"].removeprefix("ReplicationState/"), percents


def no_resending() -> aiohttp.ClientSession:
    """Return a session that raises for every lost answer: aiohttp by itself sends a PUT, GET or DELETE once more."""
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))
    session._retry_connection = False  # noqa: SLF001  # aiohttp's own test client does the same; there is no public way
    return session


@asynccontextmanager
async def azure_running(*, speed: float = 0.0, data: Path | None = None, estate: dict[str, Any] | None = None) -> AsyncIterator[Azure]:
    """Serve a simulation on a free port."""
    platform = Platform(data, speed=speed, estate=estate, now=START)
    async with TestServer(create_app(platform)) as server:
        url = str(server.make_url("/")).rstrip("/")
        async with SimulationClient(url) as control, no_resending() as session:
            yield Azure(url, control, session)
