"""Each mishap at each write and each crash point of each action on machines: a matrix, whose cells are compared with a model of the estate.

A cell prepares a machine, meets one action with one mishap at one place, and compares what Azure and the vault hold at the end with what
the end of the action allows. A row of the matrix goes on to the next place until its mishap meets nothing any more.

python3 -m tests.virtual_machines.crash_matrix [ACTION [MISHAP]]
"""

import asyncio
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from local.simulation.arm.outcome import Outcome, Received
from local.simulation.faults.fault import Fault
from shared.operations.crash_points import ACCESS_POINTS, SECRET_POINTS
from tests.histories.workers import WorkerLostError
from tests.virtual_machines.histories import KINDS, POINTS, networks, resolve
from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.test_creation import GROUP, LINUX, SAMPLE

VMS, ROLE = "/virtual-machines", "/virtual-machines/sampleRole"
WEB: Json = {"name": "web", "protocol": "tcp", "port": 443, "localPort": 8443}
CAPTURE: Json = {"imageName": "golden", "after": "delete", "prepared": True, "confirm": "sampleRole", "deleteDisks": "os"}
ANEW: Json = {
    "after": "reprovision",
    "deleteDisks": "none",
    "reprovision": {"adminUsername": "newuser", "adminPassword": {"value": "anOther-Pwd2"}},
}
OF_A_MACHINE = Counter({
    "virtualMachines": 1, "disks": 2, "availabilitySets": 1, "networkInterfaces": 1, "networkSecurityGroups": 1, "publicIPAddresses": 1,
    "loadBalancers": 1, "backendAddressPools": 1, "inboundNatRules": 1, "securityRules": 1,
})  # fmt: skip
_PARTS = {"loadBalancers": ("backendAddressPools", "inboundNatRules"), "networkSecurityGroups": ("securityRules",)}
_ENDED = {"Succeeded", "Failed", "Canceled"}
_LATE = timedelta(minutes=12)
"""How long what is late may take, the pause of a process included."""
_MOST = timedelta(hours=10)


@dataclass(frozen=True)
class Action:
    """An action: its request, what the machine must be before, and what Azure gains and loses where it succeeds."""

    method: str
    path: str
    body: Json | None
    gains: Counter[str]
    loses: Counter[str] = field(default_factory=Counter)
    before: tuple[tuple[str, str, Json | None], ...] = (("POST", VMS, SAMPLE),)
    secrets: int = 0
    disks: tuple[int, ...] = (0,)
    ports: tuple[str, ...] = ("rdp",)
    is_repeatable: bool = True


_STOPPED = ("POST", f"{ROLE}/shut-down", {"state": "stopped"})
_OFF = ("POST", f"{ROLE}/shut-down", {"state": "deallocated"})
_MADE = ("POST", VMS, SAMPLE)
_PORT = Counter({"inboundNatRules": 1, "securityRules": 1, "backendAddressPools": 1})
ACTIONS: dict[str, Action] = {
    "create": Action("POST", VMS, SAMPLE, OF_A_MACHINE, before=()),
    "delete": Action("DELETE", f"{ROLE}?confirm=sampleRole&deleteDisks=all", None, Counter(), OF_A_MACHINE),
    "capture": Action(
        "POST", f"{ROLE}/capture", CAPTURE, Counter({"images": 1}), OF_A_MACHINE - Counter({"disks": 1}), (_MADE, _STOPPED),
    ),
    "reprovision": Action(
        *("POST", f"{ROLE}/capture", CAPTURE | ANEW, Counter({"images": 1, "disks": 1, "networkInterfaces": 1})),
        Counter({"networkInterfaces": 1}), (_MADE, _OFF),
    ),
    "addDataDisk": Action("POST", f"{ROLE}/data-disks", {"sizeGB": 8, "lun": 3}, Counter({"disks": 1}), disks=(0, 3)),
    "removeDataDisk": Action(
        "DELETE", f"{ROLE}/data-disks/0", {"deleteDisk": True, "confirm": "data"}, Counter(), Counter({"disks": 1}),
        (("POST", VMS, {**SAMPLE, "dataDisks": [{"lun": 0, "sizeGB": 10, "name": "data"}]}),), disks=(),
    ),
    "addPort": Action(
        "POST", f"{ROLE}/ports", WEB, _PORT + Counter({"publicIPAddresses": 1, "loadBalancers": 1}),
        before=(("POST", VMS, {**SAMPLE, "ports": []}),), ports=("web",),
    ),
    "removePort": Action("DELETE", f"{ROLE}/ports/rdp", None, Counter(), _PORT, ports=()),
    "grantAccess": Action("POST", "/disks/data/access", {}, Counter(), before=(
        ("POST", VMS, {**LINUX, "name": "sampleRole", "dataDisks": [{"lun": 0, "sizeGB": 10, "name": "data"}]}), _OFF,
    ), secrets=1, ports=()),
    "restart": Action("POST", f"{ROLE}/restart", {}, Counter(), is_repeatable=False),
}  # fmt: skip
OF_WRITES = ("lost", "late", "doubled", "errorAfterEffect", "cancel")
OF_POINTS = (
    *(f"kill {point}" for point in (*POINTS, *SECRET_POINTS, *ACCESS_POINTS)),
    "pause step.claimed",
    "pause step.intended",
    "pause step.sent",
)
MISHAPS = (*OF_WRITES, *OF_POINTS, "two workers")
_FAULTS: dict[str, Json] = {
    "lost": {"fault": "lostResponse"},
    "late": {"fault": "lateEffect", "delay": "PT2M"},
    "errorAfterEffect": {"fault": "errorAfterEffect", "status": 500},
}


class Twice(random.Random):
    """Chance with which every message comes twice, at once."""

    def random(self) -> float:
        """Return a number for which a message is doubled."""
        return 0.97


@dataclass
class Place:
    """The place of a mishap: the number of a write to Azure, or of the passes of a crash point; `met` once it has come to be."""

    azure: Machines
    mishap: str
    number: int
    cancel: Callable[[], None]
    met: bool = False
    writes: int = 0

    def begin(self, stack: ExitStack) -> None:
        """Have the mishap wait for its place."""
        what, _, point = self.mishap.partition(" ")
        app = self.azure.app
        if what in {"kill", "pause"}:
            app.workers.may_stop = what == "pause"
            app.points.arm(point, after=self.number, stops=what == "pause")
        elif self.mishap == "two workers":
            self.met, app.chance = self.number == 0, Twice(1)
        else:
            receive = app.gate.receive
            stack.enter_context(patch.object(app.gate, "receive", lambda request: self._receive(receive, request)))

    def end(self) -> None:
        """Note whether the crash point was reached."""
        what, _, point = self.mishap.partition(" ")
        if what in {"kill", "pause"}:
            self.met = self.azure.app.points.reached(point)
            self.azure.app.points.disarm()
        self.azure.app.chance = random.Random(1)  # noqa: S311  # chance that can be repeated, not a secret

    def _receive(self, receive: Callable[[Received], Outcome], request: Received) -> Outcome:
        if request.method == "GET":
            return receive(request)
        self.writes += 1
        if self.writes != self.number + 1:
            return receive(request)
        self.met = True
        if self.mishap == "doubled":
            receive(request)
        elif self.mishap == "cancel":
            self.cancel()
        else:
            fault = _FAULTS[self.mishap]
            self.azure.app.platform.add_faults([Fault.read({"match": {"method": request.method, "path": "."}, **fault})])
        return receive(request)


def holdings(azure: Machines) -> dict[str, str]:
    """Return everything of the service by its id: its kind; parts of balancers and of security groups have ids of their own."""
    estate, found = azure.estate(), dict[str, str]()
    for kind in (*KINDS, "images"):
        for one in in_group(estate, kind, GROUP):
            found[one["id"].lower()] = kind
            for part in _PARTS.get(kind, ()):
                for child in one.get("properties", one).get(part, []):
                    found[f"{one['id']}/{part}/{child['name']}".lower()] = part
    return found


async def cell(azure: Machines, name: str, mishap: str, number: int) -> bool:
    """Meet an action with a mishap at a place, and compare the end with the model; return whether the mishap met anything."""
    action = ACTIONS[name]
    for method, path, body in action.before:
        ended = await azure.done(method, path, body)
        assert ended["status"] == "Succeeded", ended
    before, restarts = holdings(azure), len(azure.effects("sampleRole/restart"))
    azure.restarts = {"sampleRole": restarts}
    key, asked, canceled = str(uuid.UUID(int=number + 1)), list[str](), list[asyncio.Task[object]]()

    def cancel() -> None:
        if asked:
            canceled.append(asyncio.ensure_future(azure.call("POST", f"/operations/{asked[0]}/cancel")))

    place = Place(azure, mishap, number, cancel)
    with ExitStack() as stack:
        place.begin(stack)
        asked.append(await _ask(azure, action, key))
        end = await _until_ended(azure, asked[0])
        place.end()
    await asyncio.gather(*canceled)
    await azure.app.workers.let_go_on()
    azure.app.platform.clear_faults()
    await azure.pass_time(_LATE)
    if mishap.endswith("accept.stored"):
        azure.app.vaults.age(timedelta(hours=2))
        await azure.pass_time(timedelta(days=1))
    await _compare(azure, action, end, before, mishap)
    assert len(azure.effects("sampleRole/restart")) - restarts <= 1, "a machine is restarted once"
    return place.met


async def _ask(azure: Machines, action: Action, key: str) -> str:
    """Send the request until it is answered, under one key."""
    for _ in range(3):
        try:
            reply = await azure.call(action.method, f"/tenants/contoso{action.path}", action.body, key=key)
        except WorkerLostError:
            await azure.pass_time(timedelta(minutes=3))  # the locks of what was not accepted are free again
            continue
        assert reply.status in {200, 202}, reply
        return reply.operation
    raise AssertionError("it was not answered")


async def _until_ended(azure: Machines, operation: str) -> Json:
    """Move Azure's time until an operation has ended; a stopped process goes on once its lease is over and another has had its time."""
    passed, stopped_for = timedelta(), timedelta()
    while passed < _MOST:
        reply: Json = (await azure.call("GET", f"/operations/{operation}")).body
        if reply["status"] in _ENDED:
            return reply
        if (reply["attention"] or {}).get("code") == "OutcomeUnknown" and reply["action"] == "restart":
            await resolve(azure, reply)
        step = timedelta(seconds=5) if passed < timedelta(minutes=5) else timedelta(minutes=1)
        await azure.pass_time(step)
        passed += step
        if azure.app.workers.stopped:
            stopped_for += step
            if stopped_for >= timedelta(minutes=8):
                await azure.app.workers.let_go_on()
    raise AssertionError(f"it did not end: {reply}")


async def _compare(azure: Machines, action: Action, end: Json, before: dict[str, str], mishap: str) -> None:
    """Compare what there is with what the end of the action allows."""
    after, result = holdings(azure), end["result"] or {}
    gained = {one: kind for one, kind in after.items() if one not in before}
    lost = {one: kind for one, kind in before.items() if one not in after}
    secrets = azure.app.vaults.names()
    if end["status"] == "Succeeded":
        assert result["left"] == [], end
        assert (Counter(gained.values()), Counter(lost.values())) == (action.gains, action.loses), (gained, lost)
        assert len(secrets) == len(azure.app.storage.table("diskAccesses").rows) == action.secrets, secrets
        if "virtualMachines" not in action.loses:
            shown = (await azure.of(ROLE)).body
            assert tuple(disk["lun"] for disk in shown["dataDisks"]) == action.disks, shown
            assert tuple(port["name"] for port in shown["ports"]) == action.ports, shown
    else:
        assert mishap == "cancel" or not action.is_repeatable, end
        named = str([*result.get("kept", []), *result.get("left", []), result.get("imageId")]).lower()
        assert all(one in named for one in (*gained, *lost)), (end, gained, lost)
        assert secrets == [], secrets
    assert all("sample" in one or one.endswith("/disks/data") for one in lost), "nothing of others is gone"


def meet(name: str, mishap: str, number: int) -> bool:
    """Run a cell in an app of its own; return whether its mishap met anything."""
    met: list[bool] = []

    async def test(azure: Machines) -> None:
        met.append(await cell(azure, name, mishap, number))

    with tempfile.TemporaryDirectory() as folder:
        run(test, Path(folder) / "log", networks)
    return met[0]


def row(name: str, mishap: str) -> tuple[int, list[str]]:
    """Run the cells of an action and a mishap, place after place; return how many there were, and what failed."""
    failed: list[str] = []
    for number in range(60):
        try:
            if not meet(name, mishap, number):
                return number, failed
        except Exception as error:  # each cell is reported
            failed.append(f"{name}, {mishap}, {number}: {type(error).__name__}: {str(error)[:900]}")
            print(failed[-1], flush=True)
            if len(failed) > 5:
                break
    return number, failed


def main(actions: tuple[str, ...], mishaps: tuple[str, ...]) -> int:
    """Run rows of the matrix, and return how many cells failed."""
    cells, failed, began = 0, 0, time.monotonic()
    for name in actions:
        counts = []
        for mishap in mishaps:
            count, wrong = row(name, mishap)
            cells, failed = cells + count, failed + len(wrong)
            counts.append(f"{mishap} {count}")
        print(f"{name}: {', '.join(counts)} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{cells} cells, {failed} failed")
    return failed


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(1 if main((given[0],) if given else tuple(ACTIONS), (" ".join(given[1:]),) if given[1:] else MISHAPS) else 0)
