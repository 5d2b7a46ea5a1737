"""Histories of machines with faults, deaths of workers and cancellations, each drawn from a seed and compared with the estate before.

python3 -m tests.virtual_machines.histories COUNT [FIRST]
"""

import random
import sys
import tempfile
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from tests.virtual_machines.kit import Json, Machines, in_group, run

GROUP = "contoso-production"
VMS = "/virtual-machines"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPRn1rZmXeEhhDsqxbGXyX3dYpKHaItq4Z4e8Yw0ZQ5v"
UBUNTU = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
KINDS = (
    "virtualMachines", "disks", "availabilitySets", "networkInterfaces", "networkSecurityGroups", "publicIPAddresses", "loadBalancers",
)  # fmt: skip
POINTS = (
    "step.claimed", "step.intended", "step.sent", "step.ended", "check.read", "check.written", "check.queued", "finish.written",
    "announce.released", "announce.sent", "announce.removed",
)  # fmt: skip
FAULTS: tuple[Json, ...] = (
    {"fault": "lostResponse"},
    {"fault": "errorAfterEffect", "status": 500},
    {"fault": "lateEffect", "delay": "PT2M"},
    {"fault": "timeout"},
    {"fault": "error", "status": 500},
    {"fault": "error", "status": 429, "code": "TooManyRequests", "retryAfter": 20},
    {"fault": "error", "status": 409, "code": "AnotherOperationInProgress"},
    {"fault": "error", "status": 409, "code": "OperationPreempted"},
    {"fault": "error", "status": 412, "code": "PreconditionFailed"},
    {"fault": "error", "status": 503, "retryAfter": 30},
    {"fault": "error", "status": 404, "code": "ParentResourceNotFound"},
)
OF_READS: tuple[Json, ...] = (
    {"fault": "hide", "rate": 0.1, "duration": "PT40M"},
    {"fault": "hide"},
    {"fault": "expireToken"},
    {"fault": "odd", "rate": 0.5, "duration": "PT2H"},
    {"fault": "error", "status": 503},
    {"fault": "throttle", "retryAfter": 30},
)
"""Faults of reads, on which nothing may be concluded."""
ENDINGS: tuple[Json | None, ...] = (
    None, None, None,
    {"fault": "failMachine", "at": "create", "code": "AllocationFailed"},
    {"fault": "failMachine", "at": "create", "code": "OSProvisioningTimedOut"},
)  # fmt: skip
STEP = timedelta(seconds=20)
DYING = 30
"""In how many of the first steps a worker may die.

A point stays armed until a worker reaches it. While an operation waits between attempts all points come to be armed, so without a limit
every attempt ends at `step.claimed`, the delay doubles, and the operation does not end within `MOST`.
"""
MOST = timedelta(hours=8)


def networks(estate: Json) -> None:
    """Register contoso's networks."""
    known = {one["id"].rpartition("/")[2]: one for one in estate["virtualNetworks"]}
    tenant = next(one for one in estate["tenants"] if one["name"] == "contoso")
    tenant["networks"] = [{"region": "westeurope", "subnetId": f"{known['contoso-westeurope']['id']}/subnets/default"}]


def things(azure: Machines) -> set[str]:
    """Return everything that machines of the service have, parts of balancers included."""
    estate = azure.estate()
    return {one["id"].lower() for kind in KINDS for one in in_group(estate, kind, GROUP)}


def machine(name: str, number: int, chance: random.Random) -> Json:
    """Return a request for a machine, in a deployment or on its own."""
    body: Json = {
        "name": name, "service": GROUP, "size": "Standard_D2s_v3", "image": UBUNTU, "adminUsername": "azureuser", "sshPublicKeys": [KEY],
    }  # fmt: skip
    if chance.random() < 0.6:
        body["deployment"] = {"name": "front"}
    if chance.random() < 0.7:
        body["ports"] = [{"name": "ssh", "protocol": "tcp", "port": 50_000 + number, "localPort": 22}]
    body["dataDisks"] = [{"sizeGB": 4}] * chance.randint(0, 2)
    return body


def draw_faults(chance: random.Random) -> Iterator[Json]:
    """Yield the faults of a history."""
    for _ in range(chance.randint(0, 4)):
        path = chance.choice(("virtualMachines/", "networkInterfaces/", "loadBalancers/", "disks/", "SecurityGroups/", "IPAddresses/", "."))
        if chance.random() < 0.5:
            fault: Json = {**chance.choice(OF_READS), "path": path, "seed": str(chance.random())}
            yield fault if "rate" in fault else {**fault, "times": chance.randint(1, 3)}
        else:
            method = chance.choice(("PUT", "DELETE", "POST"))
            yield {**chance.choice(FAULTS), "method": method, "path": path, "times": chance.randint(1, 3)}


def history(seed: int, log: Path) -> list[Json]:
    """Run one history: machines are made, some canceled, and deleted again; nothing is left that no result names.

    Returns Azure's writes in their order.
    """
    writes: list[Json] = []
    chance = random.Random(seed)  # noqa: S311  # chance that can be repeated, not a secret

    async def test(azure: Machines) -> None:
        before = things(azure)
        faults = list(draw_faults(chance))
        for fault in faults:
            azure.fault(str(fault["fault"]), **{name: value for name, value in fault.items() if name != "fault"})
        ending = chance.choice(ENDINGS)
        if ending is not None:
            azure.fault(
                str(ending["fault"]), path="virtualMachines/vm0$", **{name: value for name, value in ending.items() if name != "fault"}
            )
        names = [f"vm{number}" for number in range(chance.randint(1, 3))]
        operations = [await accepted(azure, "POST", VMS, machine(name, number, chance)) for number, name in enumerate(names)]
        canceled = chance.random() < 0.3
        if canceled:
            await azure.pass_time(timedelta(seconds=chance.randint(1, 40)))
            await azure.call("POST", f"/operations/{operations[0]}/cancel")
        ends = await settle(azure, operations, chance)
        made = [name for name, end in zip(names, ends, strict=True) if end["status"] == "Succeeded"]
        running = {one["id"].rpartition("/")[2] for one in in_group(azure.estate(), "virtualMachines", GROUP)}
        assert {name for name in names if name in running} == set(made), (ends, running)
        if not canceled and ending is None:
            assert made == names, ends  # no fault of Azure's is a reason to fail
        assert all(not end["result"]["left"] for end in ends), ends
        await changes(azure, made, chance)
        azure.app.platform.clear_faults()
        deletions = [await azure.start("DELETE", f"{VMS}/{name}?confirm={name}&deleteDisks=all&service={GROUP}") for name in made]
        gone = await settle(azure, deletions, chance)
        assert [end["status"] for end in gone] == ["Succeeded"] * len(gone), gone
        assert things(azure) == before, things(azure) ^ before
        writes.extend({**one, "sequence": None} for one in azure.effects())

    run(test, log, networks, seed=seed)
    return writes


async def accepted(azure: Machines, method: str, path: str, body: Json) -> str:
    """Send a request under one key until it is accepted, as a careful sender does whose request met a fault."""
    for _ in range(60):
        answer = await azure.call(method, f"/tenants/contoso{path}", body, key=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{path} {body}")))
        if answer.status in {200, 202}:
            return answer.operation
        await azure.pass_time(timedelta(minutes=1))
    raise AssertionError(answer)


async def changes(azure: Machines, made: list[str], chance: random.Random) -> None:
    """Add disks and ports to the machines that were made, some at once, with the faults that are left."""
    if not made:
        return
    for fault in draw_faults(chance):
        azure.fault(str(fault["fault"]), **{name: value for name, value in fault.items() if name != "fault"})
    started = []
    for number, name in enumerate(made):
        place = f"{VMS}/{name}"
        if chance.random() < 0.6:
            started.append(await accepted(azure, "POST", f"{place}/data-disks?service={GROUP}", {"sizeGB": 8}))
        else:
            port = {"name": "web", "protocol": "tcp", "port": 60_000 + number, "localPort": 443}
            started.append(await accepted(azure, "POST", f"{place}/ports?service={GROUP}", port))
    for end in await settle(azure, started, chance):
        assert end["status"] == "Succeeded", end


async def settle(azure: Machines, operations: list[str], chance: random.Random) -> list[Json]:
    """Move Azure's time until operations have ended; workers die on the way."""
    for number in range(int(MOST / STEP)):
        if number < DYING and chance.random() < 0.3:
            azure.app.points.arm(chance.choice(POINTS))
        replies = [(await azure.call("GET", f"/operations/{operation}")).body for operation in operations]
        if all(reply["status"] in {"Succeeded", "Failed", "Canceled"} for reply in replies):
            azure.app.points.disarm()
            return replies
        await azure.pass_time(STEP)
    raise AssertionError(f"they did not end: {replies}")


def main(count: int, first: int = 0) -> int:
    """Run histories of `count` seeds from `first` on, and return how many failed."""
    failed: list[int] = []
    for seed in range(first, first + count):
        try:
            history(seed, Path(tempfile.mkdtemp()) / "log")
        except Exception as error:  # each history is reported
            failed.append(seed)
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:600]}", flush=True)
    print(f"{count} histories, {len(failed)} failed{': seeds ' * bool(failed)}{', '.join(map(str, failed))}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(1 if main(*map(int, sys.argv[1:3])) else 0)
