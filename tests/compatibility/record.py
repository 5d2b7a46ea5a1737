"""Records what a version stores, for later ones to be held against: `python3 -m local test tests/compatibility --record-stored 0.1.0`.

Run it once for each version that is deployed anywhere, and commit the file; files of older versions stay for as long as their rows may
be about. It drives the real stack until an operation is in each state that matters, stops the one worker in the middle of publishing
an end, and writes down everything that is stored and the Azure beside it.
"""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local import processes
from local.azurite import Azurite
from local.calls import answers
from local.simulation.sample_estate import LOCATIONS, sample_estate
from local.stack import Stack, StackOptions
from shared.operations.outside.messages import CheckMessage, send_check, send_step
from shared.storage.tables import connect
from tests.compatibility.stored import Json, Stored, dump, write
from tests.support.api import Caller
from tests.support.ports import take_ports
from tests.support.running import REQUESTS, Running, new_key

ROLES = ("Copies.Read", "Copies.Write", "Failovers.Read", "Failovers.Execute")
COPIES, FAILOVERS = "/restore-point-copies", "/failovers"
_PAUSE = "announce.released"


def stack_of(folder: Path, azurite: Azurite, estate: Json, *, now: str | None, workers: int, environment: dict[str, str]) -> Stack:
    """Return a stack with an estate whose clock is stopped at a moment, the simulated Azure already running."""
    folder.mkdir()
    file = folder / "estate.json"
    file.write_text(json.dumps(estate), encoding="utf-8")
    first = take_ports(3)
    options = StackOptions(
        data=folder, port=first, azure_port=first + 1, control_port=first + 2, storage_port=azurite.port,
        workers=workers, speed=0, estate=file, now=now, environment=environment,
    )  # fmt: skip
    stack = Stack(options)
    simulation = stack.start_simulation()
    processes.wait_until(simulation, lambda: answers(f"{options.azure}/_simulation/clock"), 30)
    return stack


def wait_for_host(stack: Stack) -> None:
    """Start the host and wait until it accepts work."""
    stack.wait_for_api(stack.start_host())


def record(version: str, folder: Path, azurite: Azurite) -> None:
    """Drive a stack and write the file of a version."""
    points = folder / "points"
    points.mkdir()
    environment = {"FARSHORE_CRASH_POINT": str(points)}
    stack = stack_of(folder / "recorded", azurite, small_estate(), now=None, workers=1, environment=environment)
    try:
        stack.seed()
        wait_for_host(stack)
        running = Running.on(stack, azurite.connection_string)
        names = Scene(running).play(points)
        estate, now = running.control("GET", "estate"), running.control("GET", "clock")["now"]
    finally:
        stack.stop()
    tables, queues, blobs = dump(azurite.connection_string)
    write(version, Stored(now, names, estate, tables, queues, blobs))


def small_estate() -> Json:
    """Return the sample estate without what no operation here touches."""
    estate = dict(sample_estate(datetime.now(UTC)))
    for vault in estate["vaults"]:
        names = ("erp01", "erp02", "mail01")
        if vault["id"].endswith("/provider-vault"):
            vault["items"] = [item for item in vault["items"] if item["friendlyName"] in names]
            vault["plans"], vault["jobs"] = [], []
            for fabric in vault["fabrics"]:
                fabric.pop("protectableItems", None)
    return estate


class Scene:
    """The callers, and what they ask for."""

    def __init__(self, stack: Running) -> None:
        self.stack = stack
        self.callers = {name: stack.caller(*ROLES, tenant=name) for name in ("provider", "contoso", "fabrikam")}
        estate = stack.control("GET", "estate")
        self.points = {each["source"].rsplit("/", 1)[-1]: each for each in estate["restorePointCollections"]}
        self.items = {item["friendlyName"]: item["id"] for vault in estate["vaults"] for item in vault["items"]}
        networks = [network["id"] for network in estate["virtualNetworks"]]
        self.network = next(each for each in networks if each.endswith("drill-provider-northeurope"))

    def play(self, points: Path) -> dict[str, str]:
        """Bring an operation into each state, and return their ids by the state's name."""
        names = self.slow()
        names |= self.quick()
        names["announcing"] = self.copy("fabrikam-app01", 1)
        self.stack.advance()
        (points / "pausing").write_text("pause")
        (points / "pausing").rename(points / _PAUSE)
        assert self.callers["fabrikam"].post(f"{COPIES}/{names['announcing']}/cancel").status == 202
        until((points / f"{_PAUSE}.reached").exists)
        self.leave_messages(names)
        return names

    def slow(self) -> dict[str, str]:
        """What takes hours: a failback that waits, and a copy that is usable."""
        provider, contoso = self.callers["provider"], self.callers["contoso"]
        out = self.failover("provider", "erp01", "PlannedFailover", thenCommit=True)
        finished = self.copy("contoso-web01", 0)
        assert self.stack.until_ended(provider, f"{FAILOVERS}/{out}").body["status"] == "Succeeded"
        assert self.stack.until_ended(contoso, f"{COPIES}/{finished}").body["usable"]
        back = self.failover("provider", "erp01", "Failback")
        for _ in range(40):
            if provider.get(f"{FAILOVERS}/{back}").body["step"] == "suspended":
                return {"finishedFailover": out, "finished": finished, "suspended": back}
            self.stack.advance("PT10M")
        raise AssertionError("the failback was never suspended")

    def quick(self) -> dict[str, str]:
        """What is recorded in the first minute of its life."""
        provider = self.callers["provider"]
        first = (datetime.fromisoformat(self.stack.control("GET", "clock")["now"]) + timedelta(days=20)).isoformat()
        policy = {"protectedItemIds": [self.items["erp02"]], "every": "P30D", "network": self.network, "firstAt": first}
        content = json.dumps(policy).encode()
        made = provider.call("PUT", "/drill-policies/monthly", content, {"Content-Type": "application/json"})
        assert made.status in {200, 201}, made
        begun = provider.post("/drill-policies/monthly/run")
        assert begun.status == 202, begun
        names = {
            "drill": str(begun.body["value"][0]["failoverId"]),
            "following": self.copy("contoso-web01", 1),
            "waiting": self.copy("contoso-web01", 2),
            "occupying": self.copy("fabrikam-app01", 0),
            "awaitingApproval": self.failover("fabrikam", "fabrikam-web01", "UnplannedFailover"),
        }
        self.stack.send("this is no request")
        self.stack.advance("PT1M")
        self.stack.fault("lostResponse", method="PUT", path="/restorePoints/")
        self.stack.fault("lostResponse", method="POST", path="/unplannedFailover$")
        names["copyInDoubt"] = self.copy("fabrikam-web01", 0)
        names["failoverInDoubt"] = self.failover("contoso", "contoso-erp01", "UnplannedFailover")
        self.stack.advance()
        names["making"] = self.start(
            "contoso", COPIES, {"source": {"virtualMachineId": self.points["contoso-app01"]["source"]}, **self.to("contoso-app01")}
        )
        self.stack.advance()
        return names

    def leave_messages(self, names: dict[str, str]) -> None:
        """Leave a message of each kind in its queue, as the app and another system write them, while no worker takes any."""
        with self.stack.queue(REQUESTS) as client:
            client.send_message(json.dumps({"id": "left behind", **self.of_point("provider-web01", 0)}))
        asyncio.run(self._hints(names))

    async def _hints(self, names: dict[str, str]) -> None:
        storage = connect(self.stack.storage)
        try:
            await send_step(storage.queues, "restore-point-copy-steps", [names["waiting"]])
            group = f"{self.points['contoso-web01']['id'].split('/')[2]}/read"
            await send_check(storage.queues, "replication-checks", CheckMessage("restorePointCopy", (group,), (names["following"],)))
        finally:
            await storage.close()

    def copy(self, machine: str, number: int) -> str:
        return self.start(machine.partition("-")[0], COPIES, self.of_point(machine, number))

    def of_point(self, machine: str, number: int) -> Json:
        return {"source": {"restorePointId": self.points[machine]["restorePoints"][number]["id"]}, **self.to(machine)}

    def to(self, machine: str) -> Json:
        (region,) = {*LOCATIONS} - {self.points[machine]["location"]}
        return {"target": {"region": region, "resourceGroup": f"{machine.partition('-')[0]}-recovery"}}

    def failover(self, tenant: str, item: str, action: str, **more: Any) -> str:
        words = {"acceptUntested": True, "acceptWarnings": True} if action in {"PlannedFailover", "UnplannedFailover"} else {}
        body = {"scope": {"protectedItemId": self.items[item]}, "action": action, "reason": "a record", **words, **more}
        return self.start(tenant, FAILOVERS, body)

    def start(self, tenant: str, path: str, body: Json) -> str:
        caller: Caller = self.callers[tenant]
        reply = caller.post(path, body, key=new_key())
        assert reply.status == 202, (body, reply)
        return str(reply.body["id"])


def until(done: Any, seconds: float = 20) -> None:
    """Wait for a real process."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
