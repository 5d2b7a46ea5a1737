"""What a vault of an estate may leave out, filled in: fabrics and containers that only items name, where replication began, policies."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.ids import key, name
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.jobs.job import Job
from local.simulation.recovery_services.names import AZURE, Phase, Provider, container_of, fabric_of
from local.simulation.recovery_services.plans.plan import Plan
from local.simulation.recovery_services.vaults.models import Thing
from local.simulation.recovery_services.vaults.shapes import FABRIC_PARTS


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a vault."""

    things: tuple[Thing, ...]
    items: tuple[Item, ...]
    plans: tuple[Plan, ...]
    jobs: tuple[Job, ...]


def completed(vault: Mapping[str, Any], now: datetime) -> Contents:
    """Return everything in a vault of an estate; raises `KeyError`, `TypeError` or `ValueError` for what cannot be read."""
    things: dict[str, Thing] = {}
    for body in vault.get("policies") or []:
        _add(things, body)
    for fabric in vault.get("fabrics") or []:
        _add(things, {member: value for member, value in fabric.items() if member not in FABRIC_PARTS})
        for part in FABRIC_PARTS:
            for body in fabric.get(part) or []:
                _add(things, body)
    items = tuple(_completed_item(Item.from_json(body), now) for body in vault.get("items") or [])
    for item in items:
        _add_places(things, item)
    plans = tuple(_completed_plan(Plan.from_json(body), items) for body in vault.get("plans") or [])
    return Contents(tuple(things.values()), items, plans, tuple(Job.from_json(body) for body in vault.get("jobs") or []))


def _add(things: dict[str, Thing], body: Mapping[str, Any]) -> None:
    thing = Thing.from_json(body)
    things[key(thing.id)] = thing


def _completed_item(item: Item, now: datetime) -> Item:
    if len(item.id.strip("/").split("/")) != 14:
        raise ValueError(f"'{item.id}' is not the id of a protected item")
    if item.points_from is None and item.phase not in (Phase.ENABLING, Phase.FAILBACK_COMMITTED):
        return replace(item, points_from=now - timedelta(days=1))
    return item


def _completed_plan(plan: Plan, items: tuple[Item, ...]) -> Plan:
    if plan.primary and plan.recovery:
        return plan
    first = next((item for item in items if plan.members and key(item.id) == key(plan.members[0])), None)
    recovery = fabric_of(first.recovery_container) if first and first.recovery_container and first.recovery_container != AZURE else AZURE
    return replace(plan, primary=plan.primary or (fabric_of(first.id) if first else ""), recovery=plan.recovery or recovery)


_FABRICS = {Provider.A2A: "Azure", Provider.RCM: "InMageRcm", Provider.IN_MAGE_V2: "VMware"}


def _add_places(things: dict[str, Thing], item: Item) -> None:
    fabric, container = fabric_of(item.id), container_of(item.id)
    kind = _FABRICS.get(item.provider, "HyperVSite")
    if key(fabric) not in things:
        _add(things, {"id": fabric, "properties": _fabric(name(fabric), kind)})
    if key(container) not in things:
        properties: Json = {"friendlyName": name(container), "fabricFriendlyName": name(fabric), "fabricType": kind, "role": "Primary"}
        _add(things, {"id": container, "properties": properties})


def _fabric(friendly_name: str, kind: str) -> Json:
    return {"friendlyName": friendly_name, "customDetails": {"instanceType": kind}, "health": "Normal"}
