"""The app on storage in memory before the simulated Azure, with what tests of virtual machines ask of it."""

import json
import random
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.simulation.control.clock import Clock
from local.simulation.faults.fault import Fault
from local.simulation.sample_estate import sample_estate
from shared.tenant_queues import REQUESTS
from tests.histories import virtual
from tests.histories.history import platform
from tests.histories.in_memory import MemoryApp
from tests.support.api import Reply, read_reply
from tests.support.clocks import SeededIds

Json = dict[str, Any]
ROLES = ("Tenants.Read", "Tenants.Write")
STEP = timedelta(seconds=30)
BEGINNING = datetime(2026, 9, 1, 8, tzinfo=UTC)


@dataclass
class Machines:
    """A running app whose tenants have the sample estate's machines."""

    app: MemoryApp
    events: list[Json] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)
    """How often each machine had been restarted before the operations that run."""
    keys: int = 0

    def new_key(self) -> str:
        """Return a key for a request that is sent until it is accepted."""
        self.keys += 1
        return str(uuid.UUID(int=self.keys))

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        tenant: str = "contoso",
        user: str = "alice",
        roles: tuple[str, ...] = ROLES,
        key: str | None = None,
    ) -> Reply:
        """Send a request as a person of a tenant."""
        headers = {"Authorization": "Bearer " + "|".join((tenant, user, *roles))} | ({"Repeatability-Request-ID": key} if key else {})
        reply = await self.app.request(method, path, body, headers)
        content = reply.get_body()
        return read_reply(reply.status_code, reply.headers, content)

    async def of(self, path: str, **options: Any) -> Reply:
        """GET something below contoso."""
        return await self.call("GET", f"/tenants/contoso{path}", **options)

    async def start(self, method: str, path: str, body: object = None, **options: Any) -> str:
        """Send a change below contoso that must be accepted, and return its operation."""
        answer = await self.call(method, f"/tenants/contoso{path}", body, **options)
        assert answer.status in {200, 202}, answer
        return answer.operation

    async def ended(self, operation: str, *, most: timedelta = timedelta(hours=3), tenant: str = "contoso") -> Json:
        """Move Azure's time until an operation has ended, and return it."""
        for _ in range(int(most / STEP)):
            reply = await self.call("GET", f"/operations/{operation}", tenant=tenant)
            assert reply.status == 200, reply
            if reply.body["status"] in {"Succeeded", "Failed", "Canceled"}:
                found: Json = reply.body
                return found
            await self.app.advance(STEP)
        raise AssertionError(f"it did not end: {reply.body}")

    async def done(self, method: str, path: str, body: object = None, **options: Any) -> Json:
        """Send a change below contoso, wait for its end, and return the operation."""
        return await self.ended(await self.start(method, path, body, **options))

    async def send(self, message: Json) -> None:
        """Put a message on the intake queue, and have it carried out."""
        self.app.storage.queues.messages.setdefault(REQUESTS, deque()).append(json.dumps(message))
        await self.app.advance(timedelta(seconds=1))

    def estate(self) -> Json:
        """Return what Azure holds."""
        return self.app.platform.estate()

    def effects(self, path: str = "", method: str = "") -> list[Json]:
        """Return Azure's writes so far whose path contains this."""
        found = self.app.platform.effects.since(0)
        return [one for one in found if path.lower() in one["path"].lower() and method in {"", one["method"]}]

    def fault(self, fault: str, *, method: str | None = None, path: str | None = None, **options: Any) -> None:
        """Add a fault."""
        match = {name: value for name, value in (("method", method), ("path", path)) if value is not None}
        self.app.platform.add_faults([Fault.read({"match": match, "fault": fault, **options})])

    async def pass_time(self, step: timedelta) -> None:
        """Move Azure's time, and do what came due."""
        await self.app.advance(step)


def estate_of(change: Callable[[Json], None] | None = None) -> Json:
    """Return the sample estate, in which the app may do everything; `change` adds to it."""
    estate = sample_estate(platform().clock.now())
    for principal in estate["principals"]:
        if principal["name"] == "farshore":
            principal["roleAssignments"] = [{"scope": f"/subscriptions/{one['id']}", "actions": ["*"]} for one in estate["subscriptions"]]
    if change is not None:
        change(estate)
    return estate


def run(
    test: Callable[[Machines], Coroutine[Any, Any, None]], log: Path, change: Callable[[Json], None] | None = None, *, seed: int = 1
) -> None:
    """Run a test on an app of its own, in a loop whose time jumps to what is due; a seed repeats order, losses, ids and times."""

    log.touch()
    azure = platform()
    azure.clock = Clock(BEGINNING, 0)
    random.seed(seed)  # what spreads the app's repetitions

    async def whole() -> None:
        chance = random.Random(seed)  # noqa: S311  # chance that can be repeated, not a secret
        app = await MemoryApp.start(azure, estate_of(change), chance, log, SeededIds(seed))
        await test(Machines(app))

    virtual.run(whole(), repeatable=True)


def in_group(estate: Json, kind: str, group: str) -> list[Json]:
    """Return the things of a kind that lie in a resource group."""
    return [one for one in estate.get(kind, []) if f"/resourcegroups/{group.lower()}/" in one["id"].lower()]
