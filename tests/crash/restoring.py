"""A real restore and a drill under way on a real stack whose processes die: followed to their end, and compared with Azure."""

import asyncio
import uuid
from collections import Counter
from dataclasses import dataclass

import aiohttp

from local.simulation.sample_estate import sample_estate
from tests.copies.restores.kit import ISOLATED, KINDS, plant_copies_in
from tests.crash.fleet import Fleet
from tests.crash.world import Json, World

TENANT = "contoso"
_ACTIVE = "RowKey ge 'a|' and RowKey lt 'e'"


@dataclass(slots=True)
class Restoring:
    """A drill of a machine and a real restore of disks, of copies that another program has made; `before` are the resources of Azure."""

    fleet: Fleet
    copies: list[str]
    before: set[str]
    operations: tuple[str, ...] = ()

    @staticmethod
    async def of(fleet: Fleet) -> "Restoring":
        """Let the simulation hold the sample with finished copies of a machine."""
        estate: Json = sample_estate((await fleet.simulation.clock()).now)
        copies = plant_copies_in(estate)
        await fleet.hold(World(estate, (), ()))
        return Restoring(fleet, copies, await _resources(fleet))

    async def ask_all(self) -> None:
        """Ask for both, as a careful sender does: with the same key again where no answer comes."""
        sources: list[Json] = [{"source": {"restorePointId": copy}} for copy in self.copies]
        drill: Json = {"kind": "virtualMachine", "machines": sources[:1], "network": {"subnetId": ISOLATED}, "drill": True}
        disks: Json = {"kind": "disks", "machines": sources[1:2], "reason": "a test"}
        self.operations = tuple([await self._start({**body, "resourceGroup": "contoso-recovery"}) for body in (drill, disks)])

    async def _start(self, body: Json) -> str:
        token, key = await self.fleet.token(TENANT), str(uuid.uuid4())
        headers = {"Authorization": f"Bearer {token}", "Repeatability-Request-ID": key}
        headers["Repeatability-First-Sent"] = "Mon, 01 Jan 2024 00:00:00 GMT"
        for attempt in range(12):
            try:
                async with self.fleet.http.post(f"{self.fleet.running.api}/restores", json=body, headers=headers) as answer:
                    found = await answer.json(content_type=None)
                    if answer.status == 202:
                        return str(found["id"])
                    assert answer.status >= 500, f"{answer.status}: {found}"
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.2 * attempt)  # real processes come back in real time
        raise AssertionError(f"the request was never answered: {self.fleet.running.host.last_lines()}")

    async def compare(self) -> None:
        """Fail unless both succeeded, no write took effect twice, the drill has left nothing, and the real restore only its disks."""
        drill, real = [await self.fleet.get(f"/restores/{one}", TENANT) for one in self.operations]
        for one in (drill, real):
            assert (one["status"], one["error"], one["leftBehind"]) == ("Succeeded", None, []), one
        assert (drill["cleanedUp"], drill["verified"]) == (True, "agent"), drill
        made = {resource["id"].lower() for resource in real["machines"][0]["resources"]}
        assert await _resources(self.fleet) - self.before == made
        assert self.before <= await _resources(self.fleet)
        effects = Counter((one["method"], one["path"].lower()) for one in await self.fleet.simulation.effects())
        planned = {resource["id"].lower() for one in (drill, real) for resource in one["machines"][0]["resources"]}
        assert {path for method, path in effects if method == "PUT"} == planned
        deleted = {path for method, path in effects if method == "DELETE"}  # Azure deletes a drill's disks and interface with its VM
        assert deleted <= planned - made
        assert any("/virtualmachines/" in path for path in deleted), deleted
        assert set(effects.values()) == {1}, effects
        terminal = [event["id"] for event in self.fleet.take_events() if event["id"].endswith("/terminal")]
        assert set(terminal) == {f"{one}/terminal" for one in self.operations}
        assert await self.fleet.rows("operations", _ACTIVE) == [], "active rows or details are left"
        assert await self.fleet.locks() == [], f"locks are left: {await self.fleet.locks()}"


async def _resources(fleet: Fleet) -> set[str]:
    """Return the ids of all machines, disks and interfaces of Azure, in lower case."""
    estate = await fleet.simulation.estate()
    return {str(one["id"]).lower() for kind in KINDS for one in estate.get(kind, [])}
