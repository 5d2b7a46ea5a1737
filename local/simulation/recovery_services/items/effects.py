"""The effect of each kind of job on an item: on success, failure and cancellation. Pure."""

from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.ids import derived, name
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.items.points import Point
from local.simulation.recovery_services.jobs.job import Effect
from local.simulation.recovery_services.jobs.scenarios import Scenario
from local.simulation.recovery_services.names import ITEM, Phase, Provider
from local.simulation.times import to_text

_FRESH: Json = {
    "keptPoint": None,
    "chosenPoint": None,
    "pointsFrom": "$end",
    "pointsUntil": None,
    "unplanned": False,
    "replicationHealth": "Normal",
    "lagSeconds": None,
}
_OTHER = {"Primary": "Recovery", "Recovery": "Primary"}


def failed_over(item: Item, point: Point, now: datetime, *, unplanned: bool) -> Effect:
    """A failover: cancelled while it runs, it leaves a machine that does not replicate again (docs/azure/site-recovery.md)."""
    then = {
        "phase": Phase.FAILED_OVER.value,
        "activeLocation": _OTHER[item.active_location],
        "unplanned": unplanned,
        "lastFailover": "$end",
        "chosenPoint": point.as_json(),
    }
    broken = {"phase": Phase.BROKEN.value, "replicationHealth": "Critical", "pointsUntil": to_text(now)}
    return Effect(item.id, then, {"pointsUntil": None}, broken, begun={"pointsUntil": to_text(now)})


def failed_back(item: Item) -> Effect:
    """A failback: cancelled while it synchronises, it corrupts the machine on premises (docs/azure/site-recovery.md)."""
    then = {"phase": Phase.FAILED_BACK.value, "activeLocation": "Primary", "lastFailover": "$end"}
    broken = {"phase": Phase.BROKEN.value, "replicationHealth": "Critical"}
    return Effect(item.id, then, {"phase": item.phase.value}, broken, begun={"phase": Phase.FAILING_BACK.value})


def tested(item: Item) -> Effect:
    """A test failover: what it made waits to be cleaned up."""
    waiting = {"testFailoverState": "WaitingForCompletion"}
    return Effect(item.id, {**waiting, "lastTestFailover": "$end"}, {}, waiting)


def point_changed(item: Item, point: Point) -> Effect:
    """Another recovery point for what has been failed over."""
    return Effect(item.id, {"chosenPoint": point.as_json()}, {}, {})


def simple(item: Item, scenario: Scenario) -> Effect:
    """Return the effect of a job that depends on the item's state only."""
    return Effect(item.id, _THEN[scenario](item), {}, {})


def _cleaned_up(item: Item) -> Json:
    return {"testFailoverState": "MarkedForDeletion" if item.provider is Provider.HYPER_V_TO_AZURE else "None"}


def _committed(item: Item) -> Json:
    if item.phase is Phase.FAILED_BACK:
        return {"phase": Phase.FAILBACK_COMMITTED.value, "keptPoint": None, "chosenPoint": None, "pointsFrom": None}
    return {"phase": Phase.COMMITTED.value, "keptPoint": None if item.chosen is None else dict(item.chosen)}


def _cancelled(item: Item) -> Json:
    return {"phase": Phase.PROTECTED.value, "activeLocation": _OTHER[item.active_location], "pointsUntil": None, "chosenPoint": None}


def _reversed(item: Item) -> Json:
    if item.provider in (Provider.RCM, Provider.IN_MAGE_V2) and item.phase is Phase.COMMITTED:
        return {**_FRESH, "phase": Phase.REVERSED.value}
    return {**_FRESH, "phase": Phase.PROTECTED.value}


def _repaired(_: Item) -> Json:
    return {"replicationHealth": "Normal", "lagSeconds": None}


_THEN: dict[Scenario, Any] = {
    Scenario.TEST_FAILOVER_CLEANUP: _cleaned_up,
    Scenario.COMMIT: _committed,
    Scenario.CANCEL: _cancelled,
    Scenario.REVERSE: _reversed,
    Scenario.REPAIR: _repaired,
}


def switched(item: Item, policy: str, resource_group_id: str) -> Effect:
    """The reprotection of Azure to Azure: the item lives on in the other container, under another id (docs/azure/site-recovery.md)."""
    home, there = item.container, str(item.recovery_container)
    new_id = f"{there}/{name(ITEM)}/{derived('switched', item.id, to_text(item.last_failover) if item.last_failover else '')}"
    machine = str(item.source.get("vmId") or "")
    group = str(item.target.get("resourceGroup") or "")
    made = f"{group}/providers/Microsoft.Compute/virtualMachines/{item.target.get('vmName') or item.friendly_name}" if group else machine
    back = {**item.target, "resourceGroup": resource_group_id or _group_of(machine)}
    back["network"] = item.source.get("network")
    source = {**item.source, "vmId": made, "network": item.target.get("network"), "location": item.target.get("location")}
    back["location"] = item.source.get("location")
    body = item.as_json() | {
        **_FRESH,
        "id": new_id,
        "phase": Phase.PROTECTED.value,
        "activeLocation": "Primary",
        "policy": policy,
        "recoveryContainer": home,
        "source": {member: value for member, value in source.items() if value is not None},
        "target": {member: value for member, value in back.items() if value is not None},
        "lastTestFailover": None,
        "ahead": [],
        **{"job": None, "scenario": None, "scenarioStart": None},
    }
    body.pop("pointsFrom")
    return Effect(item.id, {"deletedAt": "$end"}, {}, {}, moves={member: value for member, value in body.items() if value is not None})


def _group_of(machine: str) -> str:
    return "/" + "/".join(machine.strip("/").split("/")[:4]) if machine else ""
