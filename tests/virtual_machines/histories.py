"""Histories of machines with faults, deaths of workers and cancellations, each drawn from a seed.

Machines are made, changed and deleted; after each round they are compared with a model, at the end the estate with the one before.

python3 -m tests.virtual_machines.histories COUNT [FIRST]
"""

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.model import Model

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
    {"fault": "error", "status": 409, "code": "Conflicting", "retryAfter": 40},
    {"fault": "error", "status": 404, "code": "ResourceNotFound"},
    {"fault": "error", "status": 404, "code": "ParentResourceNotFound"},
)
"""Faults of writes, each some times: nothing of them is a reason to fail."""
WHILE: Json = {"rate": 0.1, "times": None, "duration": "PT40M"}
OF_READS: tuple[Json, ...] = (
    {"fault": "hide", "method": "GET", **WHILE},
    {"fault": "hide", "method": "GET", "code": "ParentResourceNotFound"},
    {"fault": "hide", "method": "GET", "times": None, "duration": "PT6M"},
    *(
        {"fault": "hide", "method": "PUT", "times": None, "duration": "PT6M", "lists": True, "path": f"{kind}/[^/]+$"}
        for kind in ("loadBalancers", "availabilitySets", "images")
    ),
    {"fault": "error", "method": "GET", "status": 404, "code": "ResourceNotFound"},
    {"fault": "error", "method": "GET", "status": 504},
    {"fault": "lostResponse", "method": "GET"},
    {"fault": "throttle", "method": "GET", "retryAfter": 30},
    {"fault": "expireToken", "method": None},
    {"fault": "odd", "method": None, "kinds": ["idCase", "times", "enumCase"], **WHILE, "rate": 0.5},
)
"""Faults of reads, and of both: what exists is not shown, or is written otherwise than before."""
ENDINGS: tuple[Json | None, ...] = (
    None, None, None,
    {"fault": "failMachine", "at": "create", "code": "AllocationFailed"},
    {"fault": "failMachine", "at": "create", "code": "OSProvisioningTimedOut"},
)  # fmt: skip
PATHS = ("virtualMachines/", "networkInterfaces/", "loadBalancers/", "disks/", "SecurityGroups/", "IPAddresses/", "images/", ".")
STEP = timedelta(seconds=20)
ROUNDS = 2
"""How often a campaign changes each machine that was made."""
DYING = 30
"""In how many of the first steps a worker may die.

A point stays armed until a worker reaches it. While an operation waits between attempts all points come to be armed, so without a limit
every attempt ends at `step.claimed`, the delay doubles, and the operation does not end within `MOST`.
"""
MOST = timedelta(hours=8)
TALLY: Counter[tuple[str, str]] = Counter()
"""How the operations of all histories ended, by action."""


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
        some: Json = {"path": chance.choice(PATHS), "times": chance.randint(1, 3)}
        if chance.random() < 0.5:
            yield {**some, "method": chance.choice(("PUT", "DELETE", "POST", "PATCH")), **chance.choice(FAULTS)}
        else:
            yield {**some, **chance.choice(OF_READS), "seed": str(chance.random())}


def history(seed: int, log: Path, rounds: int = 1) -> list[Json]:
    """Run one history: machines are made, some canceled, changed `rounds` times, and deleted; nothing is left that no result names.

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
        operations = [await asked(azure, "POST", VMS, machine(name, number, chance)) for number, name in enumerate(names)]
        canceled = chance.random() < 0.3
        if canceled:
            await azure.pass_time(timedelta(seconds=chance.randint(1, 40)))
            await azure.call("POST", f"/operations/{operations[0]}/cancel")
        ends = await settle(azure, operations, chance)
        made = [name for name, end in zip(names, ends, strict=True) if end["status"] == "Succeeded"]
        running = {one["id"].rpartition("/")[2] for one in in_group(azure.estate(), "virtualMachines", GROUP)}
        assert {name for name in names if name in running} == set(made), (ends, running)
        for number, end in enumerate(ends):
            reason = number == 0 and (canceled or ending is not None)
            assert end["status"] == "Succeeded" or reason, (faults, end)
        assert all(not end["result"]["left"] for end in ends), ends
        azure.app.platform.clear_faults()
        model = Model()
        for name in made:
            found = await model.read(azure, name)
            assert found is not None
            model.machines[name] = found
        for round_ in range(rounds):
            await changes(azure, model, chance, round_)
            azure.app.platform.clear_faults()
            await azure.pass_time(timedelta(minutes=3))  # what is late has come by then
            await model.compare(azure)
        made = sorted(model.machines)
        deletions = [await azure.start("DELETE", f"{VMS}/{name}?confirm={name}&deleteDisks=all&service={GROUP}") for name in made]
        gone = await settle(azure, deletions, chance)
        assert [end["status"] for end in gone] == ["Succeeded"] * len(gone), gone
        await remove_rest(azure, model, chance)
        assert things(azure) == before, things(azure) ^ before
        assert azure.app.vaults.names() == []
        assert azure.app.storage.table("diskAccesses").rows == {}
        writes.extend({**one, "sequence": None} for one in azure.effects())

    run(test, log, networks, seed=seed)
    return writes


async def asked(azure: Machines, method: str, path: str, body: Json | None) -> str:
    """Send a request until it is accepted, under the same key, as a careful sender does whose request met a fault."""
    key = azure.new_key()
    for _ in range(90):
        reply = await azure.call(method, f"/tenants/contoso{path}", body, key=key)
        if reply.status in {200, 202}:
            return reply.operation
        await azure.pass_time(timedelta(minutes=1))
    raise AssertionError((method, path, body, reply))


async def changes(azure: Machines, model: Model, chance: random.Random, round_: int) -> None:
    """Change each machine by what is drawn for it, all at once, with further faults; what succeeded changes the model."""
    faults = list(draw_faults(chance))
    for fault in faults:
        azure.fault(str(fault["fault"]), **{name: value for name, value in fault.items() if name != "fault"})
    azure.restarts = {name: expected.restarts for name, expected in model.machines.items()}
    plans = {name: list(model.requests(name, 10 * round_ + place, chance)) for place, name in enumerate(sorted(model.machines))}
    while any(plans.values()):
        begun = {name: (plan.pop(0), "") for name, plan in plans.items() if plan}
        for name, (request, _) in begun.items():
            begun[name] = (request, await asked(azure, request.method, f"{request.path}?service={GROUP}", request.body))
        canceled = chance.choice([*begun, None]) if chance.random() < 0.3 else None
        if canceled is not None:
            await azure.pass_time(timedelta(seconds=chance.randint(1, 20)))
            await azure.call("POST", f"/operations/{begun[canceled][1]}/cancel")
        ends = await settle(azure, [operation for _, operation in begun.values()], chance)
        by_id = {end["id"]: end for end in ends}
        for name, (request, operation) in begun.items():
            end = by_id[operation]
            if end["status"] == "Succeeded":
                request.applies(end)
                continue
            assert name == canceled, (faults, request, end)
            assert not end["result"] or not end["result"]["left"], end
            plans[name] = []
            await adopt(azure, model, name, end)


async def adopt(azure: Machines, model: Model, name: str, end: Json) -> None:
    """Take over what a refused or canceled operation left of a machine: what it was asked for, or what there was."""
    azure.app.platform.clear_faults()
    await azure.pass_time(timedelta(minutes=3))
    before, found = model.machines[name], await model.read(azure, name)
    image = (end["result"] or {}).get("imageId")
    if image is not None and (await azure.of(f"/images/{image.rpartition('/')[2]}")).status == 200:
        model.images.add(image.rpartition("/")[2])
    existing = {one["id"].lower() for one in in_group(azure.estate(), "disks", GROUP)}
    model.loose |= {disk for disk in (before.system, *before.disks.values()) if disk in existing}
    if found is None:
        assert end["action"] in {"capture", "delete"}, end
        del model.machines[name]
        return
    if end["action"] == "capture" and (end["result"] or {}).get("powerState") != "running":
        # a capture that was canceled leaves the machine deallocated; later changes are drawn for one that runs
        assert (await azure.done("POST", f"{VMS}/{name}/start?service={GROUP}"))["status"] == "Succeeded"
    model.loose -= {found.system, *found.disks.values()}
    if end["action"] in {"addDataDisk", "addPort", "restart"} and end["status"] == "Canceled":
        assert (found.disks, found.ports) == (before.disks, before.ports), (end, found, before)
    found.restarts = len(azure.effects(f"virtualMachines/{name}/restart"))
    assert found.restarts <= before.restarts + 1
    model.machines[name] = found


async def remove_rest(azure: Machines, model: Model, chance: random.Random) -> None:
    """End each access, and delete the disks and images that belong to no machine."""
    states = {one["id"].lower(): one for one in in_group(azure.estate(), "disks", GROUP)}
    opened = [one["name"] for one in (await azure.of("/disks")).body["value"] if one["access"] is not None or one["state"] == "ActiveSAS"]
    await settle(azure, [await azure.start("DELETE", f"/disks/{name}/access") for name in opened], chance)
    rest = [("disks", disk.rpartition("/")[2]) for disk in model.loose if disk in states] + [("images", image) for image in model.images]
    operations = [await azure.start("DELETE", f"/{kind}/{name}?confirm={name}&service={GROUP}") for kind, name in sorted(rest)]
    ends = await settle(azure, operations, chance)
    assert [end["status"] for end in ends] == ["Succeeded"] * len(ends), ends


async def settle(azure: Machines, operations: list[str], chance: random.Random, *, step: timedelta = STEP) -> list[Json]:
    """Move Azure's time until operations have ended; workers die on the way."""
    for number in range(int(MOST / step)):
        if number < DYING and chance.random() < 0.3:
            azure.app.points.arm(chance.choice(POINTS))
        replies = [(await azure.call("GET", f"/operations/{operation}")).body for operation in operations]
        for reply in replies:
            if (reply["attention"] or {}).get("code") == "OutcomeUnknown" and reply["action"] == "restart":
                await resolve(azure, reply)
        if all(reply["status"] in {"Succeeded", "Failed", "Canceled"} for reply in replies):
            azure.app.points.disarm()
            TALLY.update((str(reply["action"]), str(reply["status"])) for reply in replies)
            return replies
        await azure.pass_time(step)
    raise AssertionError(f"they did not end: {replies}")


async def resolve(azure: Machines, operation: Json) -> None:
    """Resolve a restart whose answer was lost, by whether Azure has it."""
    name = str(operation["resourceLocation"]).rpartition("/")[2]
    began = len(azure.effects(f"{name}/restart")) > azure.restarts.get(name, 0)
    await azure.call("POST", f"/operations/{operation['id']}/resolve", {"outcome": "started" if began else "notStarted"})


def main(count: int, first: int = 0) -> int:
    """Run histories of `count` seeds from `first` on, and return how many failed."""
    failed: list[int] = []
    TALLY.clear()
    for seed in range(first, first + count):
        try:
            history(seed, Path(tempfile.mkdtemp()) / "log", ROUNDS)
        except Exception as error:  # each history is reported
            failed.append(seed)
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:600]}", flush=True)
    print(", ".join(f"{action} {status}: {number}" for (action, status), number in sorted(TALLY.items())))
    print(f"{count} histories, {len(failed)} failed{': seeds ' * bool(failed)}{', '.join(map(str, failed))}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(1 if main(*map(int, sys.argv[1:3])) else 0)
