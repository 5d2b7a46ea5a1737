"""A running app that many tests share: one clock that only `advance` moves, and machines enough for each test to take its own.

It runs in processes of its own (`running`, below), or in the test's (`in_process`, in the module of that name).
"""

import copy
import itertools
import json
import os
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local import processes
from local.azurite import Azurite
from local.calls import Reply as AzureReply
from local.calls import answers, call
from local.simulation.sample_estate import LOCATIONS, sample_estate
from local.stack import Stack, StackOptions
from tests.support.accounts import queue_of
from tests.support.api import Caller, Description, Reply
from tests.support.ports import take_ports

REQUESTS = "restore-point-copy-requests"
OUTCOMES = "outcomes"
READ_WRITE = ("Copies.Read", "Copies.Write")
_MACHINES = 90
Change = Callable[[dict[str, Any], datetime], None]
"""Adds to an estate, given Azure's time."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of the estate: `points` are the ids of its three restore points, the oldest first."""

    id: str
    tenant: str
    disks: tuple[str, ...]
    points: tuple[str, ...]

    def target(self, **more: object) -> dict[str, object]:
        """Where a copy of it can go."""
        return {"region": LOCATIONS[1], "resourceGroup": f"{self.tenant}-recovery", **more}

    def copy(self, number: int = 0, **more: object) -> dict[str, object]:
        """The request to copy a restore point of it."""
        return {"source": {"restorePointId": self.points[number]}, "target": self.target(), **more}


@dataclass
class Running:
    """The app, and what tests need of it. All tests share its clock: a test may move it, and must not depend on its time.

    `api` is the address of its API, `azure` that of its simulated Azure, `storage` its connection string. `move` moves the clock by
    an ISO 8601 duration and does what came due; `restart` replaces what runs the app's functions, abruptly. `stack` is None where all of it
    runs in this process.
    """

    api: str
    azure: str
    storage: str
    machines: Iterator[Machine]
    move: Callable[[str], None]
    restart: Callable[[], None]
    stack: Stack | None = None
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    _tokens: dict[str, str] = field(default_factory=dict)
    _description: Description | None = None

    @classmethod
    def on(cls, stack: Stack, storage: str, machines: Sequence[Machine] = ()) -> "Running":
        """Return the app of a stack."""
        places = (stack.options.api, stack.options.azure, storage)
        return cls(*places, iter(machines), lambda duration: advance(stack, duration), lambda: kill_workers(stack), stack)

    @property
    def description(self) -> Description:
        """The app's description of itself."""
        if self._description is None:
            self._description = Description(call("GET", f"{self.api}/openapi.json").body)
        return self._description

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the simulation's control surface."""
        reply = call(method, f"{self.azure}/_simulation/{path}", body, timeout=60)
        assert reply.status == 200, (path, reply.status, reply.body)
        return reply.body

    def token(self, *roles: str, tenant: str = "contoso", **options: object) -> str:
        """Return a caller's token; `options` as `POST /_simulation/tokens` takes them."""
        request = {"roles": list(roles), "tenant": tenant, **options}
        known = json.dumps(request, sort_keys=True)
        if known not in self._tokens:
            self._tokens[known] = str(self.control("POST", "tokens", request)["access_token"])
        return self._tokens[known]

    def caller(self, *roles: str, tenant: str = "contoso", **options: object) -> Caller:
        """Return a caller with these roles."""
        return Caller(self.api, self.token(*roles, tenant=tenant, **options), self.description)

    def machine(self) -> Machine:
        """Return a machine that no test has used; it is contoso's."""
        return next(self.machines)

    def advance(self, duration: str = "PT1S") -> None:
        """Move the clock; back once everything that came due was done."""
        self.move(duration)

    def until_ended(self, caller: Caller, location: str, *, step: str = "PT30M", times: int = 30) -> Reply:
        """Move the clock until an operation or a copy has ended."""
        for _ in range(times):
            reply = caller.get(location)
            assert reply.status == 200, reply
            if reply.body["status"] in {"Succeeded", "Failed", "Canceled"}:
                return reply
            self.advance(step)
        raise AssertionError(f"it did not end: {reply.body}")

    def by_hand(self, method: str, path: str, body: object = None, *, api_version: str = "2026-04-01") -> AzureReply:
        """Call the simulated Azure as a person who may do everything there."""
        identity = f"{self.azure}/_simulation/identity?resource=https://management.azure.com/&principal=operator"
        token = call("GET", identity, headers={"X-IDENTITY-HEADER": "local"}).body["access_token"]
        return call(method, f"{self.azure}{path}?api-version={api_version}", body, headers={"Authorization": f"Bearer {token}"})

    def fault(self, fault: str, **definition: object) -> None:
        """Add a fault; `method` and `path` say what it meets."""
        match = {name: definition.pop(name) for name in ("method", "path") if name in definition}
        self.control("POST", "faults", [{"match": match, "fault": fault, **definition}])

    def send(self, content: str, queue: str = REQUESTS) -> str:
        """Put a message on a queue unchanged, have it carried out, and return its id."""
        message = self.put(content, queue)
        self.advance()
        return message

    def put(self, content: str, queue: str = REQUESTS) -> str:
        """Put a message on a queue unchanged, and return its id."""
        with self.queue(queue) as client:
            return str(client.send_message(content).id)

    def queue(self, name: str) -> Any:
        """Return a client of a queue, as the SDK's."""
        return queue_of(self.storage, name)

    def events(self, *, subject: str = "", kind: str = "") -> list[dict[str, Any]]:
        """Return the events so far whose subject ends so and whose type is this."""
        with self.queue(OUTCOMES) as client:
            for message in client.receive_messages(messages_per_page=32):
                self.outcomes.append(json.loads(str(message.content)))
                client.delete_message(message)
        return [event for event in self.outcomes if event["subject"].endswith(subject) and kind in {"", event["type"]}]

    def writes(self, path: str) -> list[dict[str, Any]]:
        """Return Azure's writes so far whose path contains this."""
        return [effect for effect in self.control("GET", "effects")["value"] if path.lower() in effect["path"].lower()]


@contextmanager
def running(
    folder: Path,
    azurite: Azurite,
    *,
    workers: int = 2,
    change: Change | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """Run a stack with the sample estate and many further machines of contoso's, its clock standing still; `change` adds to the estate.

    `environment` is added to the app's.
    """
    estate, machines = make_estate(datetime.now(UTC), change)
    file = folder / "estate.json"
    file.write_text(json.dumps(estate), encoding="utf-8")
    first = take_ports(3)
    stack = Stack(
        StackOptions(
            data=folder / "stack",
            port=first,
            azure_port=first + 1,
            control_port=first + 2,
            storage_port=azurite.port,
            workers=workers,
            speed=0,
            estate=file,
            environment=environment or {},
        )
    )
    (folder / "stack").mkdir()
    try:
        simulation = stack.start_simulation()
        processes.wait_until(simulation, lambda: answers(f"{stack.options.azure}/_simulation/clock"), 30)
        stack.seed()
        stack.wait_for_api(stack.start_host())
        yield Running.on(stack, azurite.connection_string, machines)
    finally:
        stack.stop()


def host_of(stack: Stack) -> processes.Part:
    """Return the host of a stack in which it has been started."""
    return next(part for part in stack.parts if part.name == "the functions host")


def advance(stack: Stack, duration: str) -> None:
    """Move the clock of a stack; returns once everything that came due was done."""
    moved = call("POST", f"{stack.options.azure}/_simulation/clock", {"advance": duration}, timeout=60)
    assert moved.status == 200, moved
    assert moved.body["settled"], host_of(stack).last_lines()


def kill_workers(stack: Stack) -> None:
    """Kill every worker (SIGKILL), and wait until others have taken their places."""
    workers = f"http://127.0.0.1:{stack.options.control_port}/workers"
    before = {worker["pid"] for worker in call("GET", workers).body["value"]}
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def replaced() -> bool:
        ready = {worker["pid"] for worker in call("GET", workers).body["value"] if worker["ready"]}
        return len(ready - before) == len(before)

    processes.wait_until(host_of(stack), replaced, 30)


def new_key() -> str:
    """Return a key that no request has."""
    return str(uuid.uuid4())


def make_estate(now: datetime, change: Change | None = None) -> tuple[dict[str, Any], list[Machine]]:
    """Return the sample estate with many further machines of contoso's, and these; `change` adds to it."""
    estate: dict[str, Any] = copy.deepcopy(sample_estate(now))
    subscription = next(item for item in estate["tenants"] if item["name"] == "contoso")["subscriptions"][0]
    compute = f"/subscriptions/{subscription}/resourceGroups/contoso-production/providers/Microsoft.Compute"
    machines = [_machine(estate, compute, f"test{number:03}", now) for number in itertools.islice(itertools.count(1), _MACHINES)]
    for plan in estate["hostingPlans"]:
        plan["quotas"] = {"virtualMachines": 500, "cores": 2_000}  # the further machines count too
    if change is not None:
        change(estate, now)
    return estate, machines


def _machine(estate: dict[str, Any], compute: str, name: str, now: datetime) -> Machine:
    disks = [f"{compute}/disks/{name}-{part}" for part in ("os", "data1")]
    machine = f"{compute}/virtualMachines/{name}"
    collection = f"{compute}/restorePointCollections/{name}-points"
    points = [f"{collection}/restorePoints/{name}-{number}" for number in (1, 2, 3)]
    estate["disks"] += [{"id": disk, "location": LOCATIONS[0], "sizeGB": 64, "copyMinutes": 25, "coarse": False} for disk in disks]
    estate["virtualMachines"].append({"id": machine, "location": LOCATIONS[0], "disks": disks, "osType": "Windows"})
    taken = [(now - timedelta(days=days)).replace(microsecond=0).isoformat() for days in (3, 2, 1)]
    estate["restorePointCollections"].append(
        {
            "id": collection,
            "location": LOCATIONS[0],
            "source": machine,
            "restorePoints": [{"id": point, "timeCreated": when} for point, when in zip(points, taken, strict=True)],
        }
    )
    return Machine(machine, "contoso", tuple(disks), tuple(points))
