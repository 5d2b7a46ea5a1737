"""The groups of a recovery plan as Azure takes them: each script and manual action stays with the group of its machines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.arm.reading import id_key, resource_id
from shared.failovers.set_up.requests import GroupRequest
from shared.failovers.set_up.rules import Write
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.names import GroupType
from shared.values.reading import Json, an_object, objects, text

Body = dict[str, Any]

_SINGLE = (GroupType.SHUTDOWN, GroupType.FAILOVER)
_ACTIONS = ("startGroupActions", "endGroupActions")


@dataclass(frozen=True, slots=True)
class LostAction:
    """A script or manual action of an existing plan for which the request has no group; `group` describes the one that it has now."""

    name: str
    group: str


@dataclass(slots=True)
class _Actions:
    start: list[Json] = field(default_factory=list)
    end: list[Json] = field(default_factory=list)


def plan_groups(
    groups: Sequence[GroupRequest], members: Mapping[str, ProtectedItemFacts], existing: Json | None
) -> tuple[list[Body], list[LostAction]]:
    """Return a plan's groups as Azure takes them, Shutdown and Failover first, and the actions that lose their group.

    `members` has each item by its key, `existing` is the plan as Azure has it. The actions of a group go to the requested group that has
    all of its members that are still in the plan; those of a group without members to the one without members at the same place among
    such groups, where both have as many.
    """
    given: dict[GroupType, GroupRequest] = {group.type: group for group in groups if group.type is not GroupType.BOOT}
    ordered = [
        *(given.get(single, GroupRequest(type=single)) for single in _SINGLE),
        *(group for group in groups if group.type is GroupType.BOOT),
    ]
    known = objects(an_object(existing or {}, "properties"), "groups")
    actions = [_Actions() for _ in ordered]
    lost: list[LostAction] = []
    for number, group in enumerate(known):
        place = _place(group, known, ordered)
        if place is not None:
            actions[place].start += objects(group, "startGroupActions")
            actions[place].end += objects(group, "endGroupActions")
        else:
            label = f"group {number + 1} ({text(group, 'groupType') or 'of an unknown type'})"
            lost += [
                LostAction(text(one, "actionName") or "(without a name)", label) for member in _ACTIONS for one in objects(group, member)
            ]
    made = [
        {
            "groupType": group.type.value,
            "replicationProtectedItems": [_member(members[id_key(one) or one]) for one in group.members],
            "startGroupActions": kept.start,
            "endGroupActions": kept.end,
        }
        for group, kept in zip(ordered, actions, strict=True)
    ]
    return made, lost


def put_plan(plan_id: str, primary: str, recovery: str, groups: list[Body], existing: Json | None) -> Write:
    """Return the write that makes or changes a recovery plan."""
    if existing is not None:
        return Write("PATCH", plan_id, plan_id, "recovery plan", {"properties": {"groups": groups}})
    properties = {"primaryFabricId": primary, "recoveryFabricId": recovery, "failoverDeploymentModel": "ResourceManager", "groups": groups}
    return Write("PUT", plan_id, plan_id, "recovery plan", {"properties": properties})


def _place(group: Json, known: Sequence[Json], ordered: Sequence[GroupRequest]) -> int | None:
    """Return the index of the requested group that an existing group's actions go to, None where there is none."""
    kind = (text(group, "groupType") or "").lower()
    if kind != GroupType.BOOT.lower():
        return next((number for number, one in enumerate(ordered) if one.type in _SINGLE and one.type.lower() == kind), None)
    boot = [(number, {id_key(member) for member in one.members}) for number, one in enumerate(ordered) if one.type is GroupType.BOOT]
    own = _member_keys(group)
    if own:
        holders = [number for number, held in boot if held & own]
        return holders[0] if len(holders) == 1 else None
    empty = [one for one in known if (text(one, "groupType") or "").lower() == kind and not _member_keys(one)]
    free = [number for number, held in boot if not held]
    return free[next(at for at, one in enumerate(empty) if one is group)] if len(empty) == len(free) else None


def _member_keys(group: Json) -> set[str | None]:
    return {id_key(resource_id(member, "id")) for member in objects(group, "replicationProtectedItems")} - {None}


def _member(item: ProtectedItemFacts) -> Body:
    return {"id": item.id, "virtualMachineId": item.source_vm_id or ""}
