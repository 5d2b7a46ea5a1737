"""What operations on machines cost: status reads of 200 starts, the time of a creation, and the acceptance of a start.

`python -m benchmarks.machines [--machines N] [--subscriptions N] [--rounds N]`. Everything runs in this process on the simulated Azure,
whose time is moved by hand: counts and simulated times are exact and the same on each machine. Only the CPU of an acceptance is measured,
with the simulated Azure's in it, for a start as for a copy.
"""

import argparse
import json
import random
import re
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.core.utils import CaseInsensitiveDict

from benchmarks.report import Cell, report, verdict
from local.simulation.compute.state import ComputeState
from tests.histories.in_memory import AZURE, GateTransport
from tests.support.memory import MemoryQueues, MemoryTable
from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_creation import SAMPLE, networks

_STEP = timedelta(seconds=1)
_TABLE_CALLS = ("get", "insert", "merge", "upsert", "delete", "transact")
_READ = re.compile(r"/virtualMachines|/operations/", re.IGNORECASE)
_MACHINE = re.compile(r"/virtualMachines/(\w+)", re.IGNORECASE)


def fleet(machines: int, subscriptions: int) -> Any:
    """Return what fills the estate: deallocated machines of contoso's, spread over subscriptions, each with a restore point."""

    def change(estate: Json) -> None:
        networks(estate)
        contoso = next(one for one in estate["tenants"] if one["name"] == "contoso")
        first = contoso["subscriptions"][0]
        machine = next(one for one in estate["virtualMachines"] if one["id"].endswith("/contoso-web01"))
        points = next(one for one in estate["restorePointCollections"] if one["id"].endswith("/contoso-web01-points"))
        known = next(one for one in estate["subscriptions"] if one["id"] == first)
        groups = [one for one in estate["resourceGroups"] if first in one["id"]]
        disks = [one for one in estate["disks"] if one["id"] in machine["disks"]]
        ids = [str(uuid.UUID(int=(7 << 96) + number)) for number in range(subscriptions)]
        contoso["subscriptions"] += ids
        estate["subscriptions"] += [{**known, "id": one} for one in ids]
        estate["resourceGroups"] += [{**group, "id": group["id"].replace(first, one)} for group in groups for one in ids]
        for principal in estate["principals"]:
            if principal["name"] == "farshore":
                principal["roleAssignments"] += [{"scope": f"/subscriptions/{one}", "actions": ["*"]} for one in ids]
        for number in range(machines):

            def renamed(thing: Json, number: int = number) -> Json:
                text = json.dumps(thing).replace("contoso-web01", f"vm{number:03}").replace(first, ids[number % subscriptions])
                found: Json = json.loads(text)
                return found

            estate["virtualMachines"].append({**renamed(machine), "powerState": "deallocated", "networkInterfaces": []})
            estate["disks"] += [renamed(disk) for disk in disks]
            estate["restorePointCollections"].append(renamed(points))

    return change


def path_of(number: int, subscriptions: int) -> str:
    """Return the path of a machine, with the query that makes reading it one call."""
    subscription = uuid.UUID(int=(7 << 96) + number % subscriptions)
    return f"/tenants/contoso/virtual-machines/vm{number:03}/start?service=contoso-production&subscriptionId={subscription}"


class _NothingLost(random.Random):
    """Lets the app in memory lose and double no message, as it does for histories."""

    def random(self) -> float:
        """Return 0.5, which neither loses nor doubles a message."""
        return 0.5


def in_kit(test: Any, change: Any) -> None:
    """Run a coroutine function on an app of its own."""

    async def undisturbed(azure: Machines) -> None:
        azure.app.chance = _NothingLost(1)
        await test(azure)

    with tempfile.TemporaryDirectory(prefix="farshore-machines-") as folder:
        run(undisturbed, Path(folder) / "log", change)


@dataclass
class Followed:
    """The status reads per operation, and how many seconds after Azure's end the end was noticed on average."""

    reads: float = 0.0
    late: float = 0.0


@contextmanager
def requests_counted(azure: Machines, counts: Counter[str]) -> Iterator[None]:
    """Count what is read of Azure's operations, of all machines, and of each machine once its start was sent."""
    send = GateTransport.send

    async def counted(self: GateTransport, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        named = _MACHINE.search(request.url)
        if request.method == "GET" and _READ.search(request.url) and (named is None or named[1].lower() in ends(azure)):
            counts["reads"] += 1
        return await send(self, request, **options)

    with patch.object(GateTransport, "send", counted):
        yield


def ends(azure: Machines) -> dict[str, datetime]:
    """Return when each start ends in Azure, by the name of its machine."""
    found = azure.app.platform.world.of(ComputeState).machines.values()
    return {one.id.rpartition("/")[2].lower(): one.activity.ends_at for one in found if one.activity is not None}


def starts_by_farshore(machines: int, subscriptions: int) -> Followed:
    """Start all at once and follow them to their ends."""
    found, counts = Followed(), Counter[str]()

    async def test(azure: Machines) -> None:
        operations = {}
        for number in range(machines):
            answer = await azure.call("POST", path_of(number, subscriptions))
            assert answer.status == 202, answer
            operations[f"vm{number:03}"] = answer.operation
        with requests_counted(azure, counts):
            due, late = dict[str, datetime](), list[float]()
            while operations:
                await azure.pass_time(_STEP)
                now, due = azure.app.platform.clock.now(), {**due, **ends(azure)}
                for name in [name for name in operations if name in due and due[name] <= now]:
                    body = (await azure.call("GET", f"/operations/{operations[name]}")).body
                    if body["status"] not in {"NotStarted", "Running"}:
                        assert body["status"] == "Succeeded", body
                        late.append((now - due[name]).total_seconds())
                        del operations[name]
        found.reads, found.late = counts["reads"] / machines, sum(late) / machines

    in_kit(test, fleet(machines, subscriptions))
    return found


class _Polled(GateTransport):
    """The gate as the SDK's transport; what it waits moves the time."""

    def __init__(self, azure: Machines) -> None:
        super().__init__(azure.app.gate)
        self._clock = azure.app.platform.clock

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        """Send a request; the SDK reads headers in any case."""
        answer: Any = await super().send(request, **options)
        answer.headers = CaseInsensitiveDict(answer.headers)
        return cast("AsyncHttpResponse", answer)

    async def sleep(self, seconds: float) -> None:
        """Move the time by a wait between two reads."""
        self._clock.move(timedelta(seconds=seconds))

    async def __aenter__(self) -> "_Polled":
        return self

    async def __aexit__(self, *_: object) -> None:
        return


def starts_by_sdk(machines: int, subscriptions: int) -> Followed:
    """Start each with `begin_start().result()`, one after another: how often each is read does not depend on the others."""
    found, counts = Followed(), Counter[str]()

    async def test(azure: Machines) -> None:
        from azure.mgmt.compute.aio import ComputeManagementClient

        late = list[float]()
        with requests_counted(azure, counts):
            for number in range(machines):
                client = ComputeManagementClient(
                    cast("Any", _Bearer(azure)), str(uuid.UUID(int=(7 << 96) + number % subscriptions)), base_url=AZURE,
                    transport=cast("Any", _Polled(azure)), authentication_policy=_Bearer(azure),
                )  # fmt: skip
                poller = await client.virtual_machines.begin_start("contoso-production", f"vm{number:03}")
                due = ends(azure)[f"vm{number:03}"]
                await poller.result()
                late.append((azure.app.platform.clock.now() - due).total_seconds())
        found.reads, found.late = counts["reads"] / machines, sum(late) / machines

    in_kit(test, fleet(machines, subscriptions))
    return found


class _Bearer(SansIOHTTPPolicy[Any, Any]):
    """Adds the app's token; the SDK's own policy refuses plain HTTP."""

    def __init__(self, azure: Machines) -> None:
        self._headers = _headers(azure)

    def on_request(self, request: Any) -> None:
        request.http_request.headers.update(self._headers)


@dataclass(frozen=True, slots=True)
class Write:
    """A PUT of a creation."""

    url: str
    path: str
    body: str

    def needs(self, other: "Write") -> bool:
        """Return whether this one refers to what the other makes, or is below it."""
        name = other.path.lower()
        return self.path != other.path and (name in self.body.lower() or self.path.lower().startswith(name + "/"))


def creation_by_farshore() -> tuple[float, list[Write]]:
    """Return the simulated seconds from 202 to `Succeeded`, and the PUTs that were made for it."""
    seconds, writes = list[float](), list[Write]()

    async def test(azure: Machines) -> None:
        send = GateTransport.send

        async def recorded(self: GateTransport, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
            if request.method == "PUT":
                content = request.content or b""
                text = content.decode() if isinstance(content, bytes) else str(content)
                writes.append(Write(request.url, request.url.partition("?")[0].removeprefix(AZURE), text))
            return await send(self, request, **options)

        with patch.object(GateTransport, "send", recorded):
            began = azure.app.platform.clock.now()
            operation = await azure.start("POST", "/virtual-machines", SAMPLE)
            while (await azure.call("GET", f"/operations/{operation}")).body["status"] not in {"Succeeded", "Failed"}:
                await azure.pass_time(_STEP)
            seconds.append((azure.app.platform.clock.now() - began).total_seconds())
        assert (await azure.call("GET", f"/operations/{operation}")).body["status"] == "Succeeded"

    in_kit(test, networks)
    return seconds[0], list({one.path.lower(): one for one in writes}.values())


def creation_by_script(writes: list[Write]) -> float:
    """Return the simulated seconds in which the same PUTs are made: each as soon as what it needs is there, read by its Retry-After."""
    seconds = list[float]()

    async def test(azure: Machines) -> None:
        clock, transport, bearer = azure.app.platform.clock, GateTransport(azure.app.gate), _headers(azure)
        began, left, done, due = clock.now(), list(writes), list[Write](), dict[Write, tuple[datetime, str, float]]()

        async def ask(method: str, url: str, body: str = "") -> Any:
            return await transport.send(
                HttpRequest(method, url, headers={**bearer, "Content-Type": "application/json"}, content=body or None)
            )

        while left or due:
            for one in [one for one in left if all(other in done for other in writes if one.needs(other))]:
                answer = await ask("PUT", one.url, one.body)
                assert answer.status_code in {200, 201, 202}, (one.path, answer.text())
                left.remove(one)
                location, wait = answer.headers.get("Azure-Asyncoperation"), float(answer.headers.get("Retry-After", 10))
                if location:
                    due[one] = (clock.now() + timedelta(seconds=wait), location, wait)
                else:
                    done.append(one)
            if not due:
                continue
            one, (moment, location, wait) = min(due.items(), key=lambda item: item[1][0])
            clock.move(max(timedelta(), moment - clock.now()))
            status = (await ask("GET", location)).json()["status"]
            if status == "InProgress":
                due[one] = (clock.now() + timedelta(seconds=wait), location, wait)
            else:
                assert status == "Succeeded", (one.path, status)
                done.append(one)
                del due[one]
        seconds.append((clock.now() - began).total_seconds())

    in_kit(test, networks)
    return seconds[0]


def _headers(azure: Machines) -> dict[str, str]:
    app = azure.app.platform.world.principal("farshore")
    assert app is not None
    token = azure.app.platform.issuer.identity_token(AZURE, "t", app.id, "https://management.azure.com")["access_token"]
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def storage_counted(counts: Counter[str]) -> Iterator[None]:
    """Count the calls to tables and queues."""
    with patch.object(MemoryQueues, "send", _counted(MemoryQueues.send, counts, "message")):
        patches = [patch.object(MemoryTable, name, _counted(getattr(MemoryTable, name), counts, name)) for name in _TABLE_CALLS]
        for one in patches:
            one.start()
        try:
            yield
        finally:
            for one in patches:
                one.stop()


def _counted(call: Any, counts: Counter[str], name: str) -> Any:
    async def counted(*given: Any, **named: Any) -> Any:
        counts[name] += 1
        return await call(*given, **named)

    return counted


def acceptance(rounds: int) -> tuple[Mapping[str, float], float, float]:
    """Return the storage calls of one acceptance of a start by kind, and the least CPU seconds of one of a start and of a copy."""
    counts, cpu = Counter[str](), {"start": list[float](), "copy": list[float]()}

    async def test(azure: Machines) -> None:
        points = [one["restorePoints"][-1]["id"] for one in azure.estate()["restorePointCollections"] if "/vm" in one["id"]]
        target = {"region": "northeurope", "resourceGroup": "contoso-recovery"}
        for number in range(rounds + 5):
            with storage_counted(counts) if number >= 5 else storage_counted(Counter()):
                before = time.process_time()
                answer = await azure.call("POST", path_of(number, 10))
                cpu["start"].append(time.process_time() - before)
            assert answer.status == 202, answer
            before = time.process_time()
            copied = await azure.call(
                "POST", "/restore-point-copies", {"source": {"restorePointId": points[number]}, "target": deepcopy(target)},
                roles=("Copies.Read", "Copies.Write"),
            )  # fmt: skip
            cpu["copy"].append(time.process_time() - before)
            assert copied.status == 202, copied

    in_kit(test, fleet(rounds + 5, 10))
    least = {name: sorted(found[5:])[len(found[5:]) // 4] for name, found in cpu.items()}
    return {name: count / rounds for name, count in counts.items()}, least["start"], least["copy"]


def main() -> None:
    """Measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=200)
    parser.add_argument("--subscriptions", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    ours = starts_by_farshore(options.machines, options.subscriptions)
    sdk = starts_by_sdk(options.machines, options.subscriptions)
    made, writes = creation_by_farshore()
    script = creation_by_script(writes)
    calls, start, copied = acceptance(options.rounds)
    total = sum(calls.values())
    title = f"{options.machines} starts over {options.subscriptions} subscriptions, a creation, and the acceptance of a start"
    lines = [
        ("status reads of a start; SDK", ours.reads, sdk.reads),
        ("seconds from the end until it is noticed; SDK", ours.late, sdk.late),
        ("seconds of a creation; a script with the same PUTs", made, script),
        ("CPU ms of an acceptance; a copy's", start * 1e3, copied * 1e3),
    ]
    rows: list[Mapping[str, Cell]] = [
        {"what": what, "Farshore": one, "other": other, "ratio": round(one / other, 2)} for what, one, other in lines
    ]
    report("machines", title, rows, storage=dict(calls))
    verdict(f"status reads at least 5 times fewer: {sdk.reads / ours.reads:.1f}", holds=sdk.reads >= 5 * ours.reads)
    verdict(f"the end noticed at most 2 times as late: {ours.late / sdk.late:.2f}", holds=ours.late <= 2 * sdk.late)
    verdict(f"a creation at most 1.25 times a script's: {made / script:.2f}", holds=made <= 1.25 * script)
    verdict(f"storage calls of an acceptance at most 5: {total:.1f} ({', '.join(sorted(calls))})", holds=total <= 5)
    verdict(f"CPU of an acceptance at most 1.3 times a copy's: {start / copied:.2f}", holds=start <= 1.3 * copied)


if __name__ == "__main__":
    main()
