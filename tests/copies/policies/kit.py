"""The whole app before a simulated Azure in one process, with storage in memory, as tests of policies use it.

async def story(world: World) -> None:
    await world.put("daily", document(…))
    await world.advance(hours=6)
    (run,) = await world.runs("daily")

def test_…(start: StartStory) -> None:
    start(story)
"""

import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.simulation.faults.fault import Fault
from local.simulation.platform import Platform
from local.simulation.sample_estate import LOCATIONS, sample_estate, subscription_id
from shared.clock import from_text
from shared.operations.model.models import JsonObject
from tests.histories import virtual
from tests.histories.history import platform
from tests.histories.in_memory import MemoryApp
from tests.support.api import Reply, read_reply
from tests.support.clocks import SeededIds

Json = dict[str, Any]
ROLES = "Copies.Read|Copies.Write"
CONTOSO = subscription_id("contoso")


@dataclass
class World:
    """The app, its Azure and its clock."""

    app: MemoryApp
    log: Path
    events: list[Json] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """Azure's time."""
        return self.app.platform.clock.now()

    async def call(
        self, method: str, path: str, body: object = None, *, tenant: str = "contoso", roles: str = ROLES, **headers: str
    ) -> Reply:
        """Send a request."""
        sent = {"Authorization": f"Bearer {tenant}||{roles}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        reply = await self.app.request(method, path, body, sent)
        content = reply.get_body()
        return read_reply(reply.status_code, reply.headers, content)

    async def get(self, path: str, **options: Any) -> Any:
        """Read something that is there."""
        answer = await self.call("GET", path, **options)
        assert answer.status == 200, answer
        return answer.body

    async def put(self, name: str, document: JsonObject, **options: Any) -> Any:
        """Write a policy, over whatever is there."""
        headers = {} if (await self.call("GET", f"/copy-policies/{name}", **options)).status == 404 else {"If_Match": "*"}
        answer = await self.call("PUT", f"/copy-policies/{name}", document, **headers, **options)
        assert answer.status in {200, 201}, answer
        return answer.body

    async def advance(self, **step: float) -> None:
        """Move Azure's time in one step, and do what came due."""
        await self.app.advance(timedelta(**step))

    async def advance_to(self, moment: datetime) -> None:
        """Move Azure's time to a moment."""
        await self.app.advance(moment - self.now)

    async def runs(self, policy: str, **query: str) -> list[Json]:
        """Return the runs of a policy, newest first."""
        suffix = "&".join(f"{name}={value}" for name, value in query.items())
        found: list[Json] = (await self.get(f"/copy-policies/{policy}/runs?top=1000&{suffix}"))["value"]
        return found

    async def until_ended(self, path: str, *, minutes: float = 30, most: int = 60) -> Json:
        """Move the time until an operation has ended, and return it."""
        for _ in range(most):
            found: Json = await self.get(path)
            if found["status"] in {"Succeeded", "Failed", "Canceled"}:
                return found
            await self.advance(minutes=minutes)
        raise AssertionError(f"it did not end: {found}")

    async def machines(self, run: Json) -> dict[str, Json]:
        """Return the VMs of a run by their names."""
        found = await self.get(f"/copy-policies/{run['policy']}/runs/{run['id']}/machines?top=1000")
        return {one["virtualMachineId"].rpartition("/")[2]: one for one in found["value"]}

    def take_events(self) -> list[Json]:
        """Return all events so far."""
        self.events += [json.loads(text) for text in self.app.storage.queues.take("outcomes")]
        return self.events

    def fault(self, fault: str, **definition: object) -> None:
        """Add a fault."""
        match = {name: definition.pop(name) for name in ("method", "path") if name in definition}
        self.app.platform.add_faults([Fault.read({"match": match, "fault": fault, **definition})])

    def effects(self, path: str = "") -> list[Json]:
        """Return Azure's writes whose path contains this."""
        return [one for one in self.app.platform.effects.since(0) if path.lower() in str(one["path"]).lower()]


Story = Callable[[World], Awaitable[None]]


def run_story(story: Story, folder: Path, *, machines: int = 0, tags: Sequence[str] = ("env=prod",)) -> None:
    """Run a story before the sample estate, with so many further machines of contoso's in West Europe, which have tags.

    Contoso's subscription has a third region, uksouth.
    """
    log = folder / "simulation.log"
    log.touch()
    virtual.run(_told(story, log, machines, tags))


async def _told(story: Story, log: Path, machines: int, tags: Sequence[str]) -> None:
    await story(await make_world(log, machines, tags))


async def make_world(
    log: Path, machines: int, tags: Sequence[str], azure: Platform | None = None, ids: SeededIds | None = None, seed: int = 1
) -> World:
    """Return a world as `run_story` makes it; it lives in a loop of `virtual.run`, and the log is there already.

    With an Azure of its own and ids by a seed, what happens in it can be repeated.
    """
    if azure is None:
        azure = platform()
        _leave_slot(azure)
    estate: Json = sample_estate(azure.clock.now())
    next(one for one in estate["subscriptions"] if one["id"] == CONTOSO)["locations"].append("uksouth")
    for number in range(machines):
        _add_machine(estate, f"fleet{number:03}", dict(tag.split("=") for tag in tags))
    chance = random.Random(seed)  # noqa: S311  # chance that can be repeated, not a secret
    return World(await MemoryApp.start(azure, estate, chance, log, ids), log)


def _leave_slot(azure: Platform) -> None:
    """Move Azure's time, which the tests of a process share, past a slot of `every` P31D that would come within a test."""
    left = RARELY - (azure.clock.now() - _FIRST_SLOT) % RARELY
    if left < _LONGEST:
        azure.clock.move(left + timedelta(hours=1))


def machine_id(name: str) -> str:
    """Return the id of a VM of contoso's."""
    return f"/subscriptions/{CONTOSO}/resourceGroups/contoso-production/providers/Microsoft.Compute/virtualMachines/{name}"


def _add_machine(estate: Json, name: str, tags: dict[str, str]) -> None:
    disk = machine_id(name).replace("virtualMachines", "disks") + "-os"
    estate["disks"].append({"id": disk, "location": LOCATIONS[0], "sizeGB": 64, "copyMinutes": 25, "coarse": False})
    estate["virtualMachines"].append({"id": machine_id(name), "location": LOCATIONS[0], "disks": [disk], "osType": "Windows", "tags": tags})


RARELY = timedelta(days=31)
"""How far apart the slots are of policies that are run by hand."""
_FIRST_SLOT = datetime(2000, 1, 1, tzinfo=UTC)
_LONGEST = timedelta(days=12)
"""How long a test of such a policy takes, of Azure's time."""
TWO_TARGETS = [{"region": region, "resourceGroup": "contoso-recovery"} for region in ("northeurope", "uksouth")]


def policy(**changes: Any) -> JsonObject:
    """Return a document for the further machines, every six hours to North Europe, with members replaced; None takes one out."""
    body: JsonObject = {
        "selector": {"tags": {"all": {"env": "prod"}}},
        "schedule": {"every": "PT6H"},
        "targets": [{"region": "northeurope", "resourceGroup": "contoso-recovery"}],
        "retention": {"keepLast": 3},
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


async def first_slot(world: World, name: str = "daily", **changes: object) -> Json:
    """Write a policy, let its next slot come, and return its run."""
    written = await world.put(name, policy(**changes))
    await world.advance_to(from_text(written["nextSlot"]))
    (run,) = await world.runs(name)
    return run


async def ended(world: World, run: Json, minutes: float = 30) -> Json:
    """Return a run once it has ended."""
    return await world.until_ended(f"/copy-policies/{run['policy']}/runs/{run['id']}", minutes=minutes)


async def by_hand(world: World, name: str = "daily", body: object = None) -> Json:
    """Run a policy now."""
    answer = await world.call("POST", f"/copy-policies/{name}/run", body)
    assert answer.status == 202, answer
    run: Json = answer.body
    return run
