"""What bad input gets, row by row: the refusal over HTTP, and the rejected message with the same code and target."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.simulation.sample_estate import subscription_id
from shared.operations.outside.receiving import Delivery
from tests.copies.deletions.kit import TARGET, VM, copy_of
from tests.copies.policies.kit import CONTOSO, Json, World, machine_id, policy, run_story
from tests.copies.restores.kit import RECOVERY, SUBNET, WEB, drill, of_disks, request

pytestmark = pytest.mark.process
FABRIKAM = subscription_id("fabrikam")
THEIRS = machine_id("contoso-web01").replace(CONTOSO, FABRIKAM)
WEST = SUBNET.replace("northeurope", "westeurope")
ISOLATED = f"{RECOVERY}/providers/Microsoft.Network/virtualNetworks/drill-contoso-northeurope/subnets/default"
KEY, FIRST = "11111111-0000-4000-8000-00000000000a", "first"
MAX_DELIVERIES = 5


Refusal = tuple[int, str, str | None]
"""Status, code and target."""


class Row(NamedTuple):
    """One wrong request: the call, the message with the same content, and the refusal of both; `event` is the message's id."""

    method: str
    path: str
    body: Json | None
    type: str
    data: Json
    refusal: Refusal
    headers: dict[str, str] = {}
    event: str | None = None


def put(refusal: Refusal, name: str = "new", **changes: Any) -> Row:
    """Return a row of a policy's document."""
    body = {name: value for name, value in {**policy(), **changes}.items() if value is not ...}
    return Row("PUT", f"/copy-policies/{name}", body, "copyPolicy.create", {"name": name, **body}, refusal)


def restore(refusal: Refusal, body: Json) -> Row:
    """Return a row of a restore."""
    return Row("POST", "/restores", body, "restore.create", body, refusal)


def delete(refusal: Refusal, copy: Json, **query: bool) -> Row:
    """Return a row of the deletion of a copy."""
    text = "&".join(f"{name}={str(value).lower()}" for name, value in query.items())
    path = f"/restore-point-copies/{copy['id']}{'?' if text else ''}{text}"
    return Row("DELETE", path, None, "restorePointCopy.delete", {"target": copy["id"], **query}, refusal)


def run(refusal: Refusal, name: str = "daily", **body: Any) -> Row:
    """Return a row of a run by hand."""
    return Row("POST", f"/copy-policies/{name}/run", body, "copyPolicy.run", {"target": name, **body}, refusal)


def wrong(path: str) -> Refusal:
    return 400, "InvalidRequest", path


def documents() -> Iterator[Row]:
    """Rows of documents, of what Azure need not be asked for."""
    one = {"region": "northeurope", "resourceGroup": "contoso-recovery"}
    cron = {"cron": "0 0 2 * * *"}
    yield put(wrong("colour"), colour="red")
    yield put(wrong("enabled"), enabled="yes")
    yield put(wrong("priority"), priority=1001)
    yield put(wrong("name"), name=".hidden")
    yield put(wrong("targets[1].region"), targets=[one, {**one, "region": "North Europe"}])
    yield put(wrong("selector"), selector={})
    yield put(wrong("selector"), selector={"everything": True, "regions": ["westeurope"]})
    yield put(wrong("schedule.cron"), schedule={"cron": "0 2 * * *"})
    yield put(wrong("schedule.cron"), schedule={"cron": "0 0 2 30 2 *"})
    yield put(wrong("schedule.window"), schedule={**cron, "window": {"from": "03:00", "to": "04:00"}})
    yield put(wrong("schedule.every"), schedule={"every": "PT2H"})
    yield put(wrong("schedule.every"), schedule={"every": "PT59M"}, consistency={"mode": "CrashConsistent"})
    yield put(wrong("schedule.timeZone"), schedule={**cron, "timeZone": "Romance Standard Time"})
    yield put(wrong("objective"), objective="PT6H19M")
    yield put(wrong("retention"), retention={"keepLast": 100, "daily": 301})
    yield put(wrong("retention.keepLast"), retention={"keepLast": 0})
    yield put((404, "NotFound", "selector.subscriptions[0]"), selector={"subscriptions": [FABRIKAM]})
    yield put((404, "NotFound", "selector.virtualMachineIds[0]"), selector={"virtualMachineIds": [THEIRS]})
    yield put((404, "NotFound", "selector.resourceGroups[0]"), selector={"resourceGroups": [THEIRS.partition("/providers/")[0]]})
    place = {"resourceGroup": "drills", "subnetId": SUBNET.replace(CONTOSO, FABRIKAM)}
    yield put((404, "NotFound", "targets[0].drillIn.subnetId"), targets=[{**one, "drillIn": place}])
    yield put((428, "PreconditionRequired", "If-Match"), name="daily", priority=3)
    body = policy(priority=3)
    old = (412, "PreconditionFailed", "If-Match")
    of_old, header = {"target": "daily", "ifMatch": '"old"'}, {"If_Match": '"old"'}
    yield Row("PUT", "/copy-policies/daily", body, "copyPolicy.update", {**of_old, **body}, old, header)
    yield Row("DELETE", "/copy-policies/daily", None, "copyPolicy.delete", of_old, old, header)
    yield run(wrong("prune"), prune="no")
    yield run(wrong("limits.minimumVirtualMachines"), limits={"minimumVirtualMachines": 501})
    yield run((404, "NotFound", None), name="never")
    yield run((409, "NotCovered", "virtualMachineIds"), virtualMachineIds=[WEB])


async def story_of_bad_input(world: World) -> None:
    found = [*documents(), *await things(world)]
    for number, row in enumerate(found):
        await both(world, row, number)
    only_messages = {
        "name": ("copyPolicy.create", policy()),
        "ifMatch": ("copyPolicy.update", {"target": "daily", **policy()}),
        "machines": ("restore.create", of_disks([])),
        "acceptLast": ("restorePointCopy.delete", {"target": "o" + "a" * 25, "acceptLast": "yes"}),
    }
    for field, (type_, data) in only_messages.items():
        await send(world, type_, data, f"only {field}", f"only {field}")
    listed = await world.get("/rejected-messages?top=1000", tenant="provider", roles="Admin")
    rejected = {one["messageId"]: one["reason"] for one in listed["value"]}
    assert len(rejected) == len(found) + len(only_messages)
    for field in only_messages:
        reason = rejected[f"only {field}"]
        assert (reason["code"], reason["target"]) == ("InvalidRequest", field)
    for number, row in enumerate(found):
        _, code, target = row.refusal
        reason = rejected[f"m{number}"]
        assert (reason["code"], reason["target"]) == (code, target if row.event is None else "id"), row


async def things(world: World) -> list[Row]:
    """Return the rows about copies and restores, of copies that are made for them."""
    await world.put("daily", policy(enabled=False))
    await world.put("other", policy(enabled=False))
    await world.put("third", policy(enabled=False))
    without = {"virtualMachineId": WEB, "consistencyMode": "CrashConsistent", "excludeDisks": [os_disk_of(world)]}
    of_data = (await world.call("POST", "/restore-point-copies", {"source": without, "target": TARGET})).body
    older, newer = await copy_of(world), await copy_of(world)
    last = await copy_of(world, machine_id("fleet001"))
    of_data = await world.until_ended(f"/restore-point-copies/{of_data['id']}")
    body = {"source": {"virtualMachineId": VM, "consistencyMode": "CrashConsistent"}, "target": TARGET}
    half = (await world.call("POST", "/restore-point-copies", body)).body
    while half["step"] != "copying":
        await world.advance(minutes=1)
        half = await world.get(f"/restore-point-copies/{half['id']}")
    assert (await world.call("POST", "/restores", of_disks([older]))).status == 202
    assert (await world.call("POST", "/copy-policies/daily/run", {}, Repeatability_Request_ID=KEY)).status == 202
    busy = (await world.call("POST", "/copy-policies/daily/run")).body
    await send(world, "copyPolicy.run", {"target": "third"}, FIRST)
    again = run((409, "RepeatabilityKeyReused", "Repeatability-Request-ID"), name="other")
    peer_drills(world)
    named = [{"source": {"copyId": newer["id"]}, "name": "contoso-web01"}]
    source = "machines[0].source"
    return [
        run((409, "ScopeBusy", busy["error"]["target"])),
        again._replace(headers={"Repeatability_Request_ID": KEY}, event=FIRST),
        delete((409, "LastUsableCopy", last["id"]), last),
        delete((409, "ChainNeedsIt", newer["id"]), newer),
        delete((409, "NotFinished", half["id"]), half),
        delete((409, "ScopeBusy", f"copy|{older['id']}"), older),
        restore((409, "CopyNotUsable", source), of_disks([half])),
        restore(wrong("network.subnetId"), request([newer], network={"subnetId": WEST})),
        restore((409, "NameTaken", "machines[0].name"), request([], machines=named, resourceGroup="contoso-production")),
        restore((409, "RestoreNotSupported", source), request([of_data])),
        restore((409, "NetworkNotIsolated", "network.subnetId"), drill([newer])),
        restore((404, "NotFound", source), of_disks([{"id": "o" + "a" * 25}])),
    ]


def os_disk_of(world: World) -> str:
    """Return the id of the OS disk of contoso-web01."""
    machine = next(one for one in world.app.platform.estate()["virtualMachines"] if one["id"].endswith("/contoso-web01"))
    disk = machine["disks"][0]
    return str(disk if isinstance(disk, str) else disk["id"])


def peer_drills(world: World) -> None:
    """Connect the network of drills with another one."""
    estate = world.app.platform.estate()
    for network in estate["virtualNetworks"]:
        if "drill-" in network["id"]:
            network["peerings"] = [{"name": "p", "remote": WEST.partition("/subnets")[0]}]
    world.app.platform.replace_estate(estate)


async def send(world: World, type_: str, data: Json, event: str, message: str = "accepted") -> None:
    """Deliver a message for the last time: what Azure shows may pass, and is not refused before."""
    head = {"specversion": "1.0", "source": "tests", "id": event, "tenant": "contoso", "type": f"farshore.{type_}"}
    raw = json.dumps({**head, "data": data}).encode()
    delivery = Delivery("restore-point-copy-requests", message, raw, world.now, MAX_DELIVERIES)
    await world.app.workers.run(lambda runtime: runtime.receive(delivery))


async def both(world: World, row: Row, number: int) -> None:
    """Send a row's call, then its message."""
    answer = await world.call(row.method, row.path, row.body, **row.headers)
    status, code, target = row.refusal
    assert (answer.status, answer.code, answer.body["error"]["target"]) == (status, code, target), (row, answer)
    await send(world, row.type, row.data, row.event or f"e{number}", f"m{number}")


def test_bad_input_is_refused_over_http_and_rejected_by_queue_with_one_code(tmp_path: Path) -> None:
    run_story(story_of_bad_input, tmp_path, machines=2)
