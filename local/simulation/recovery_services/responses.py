"""Reads of vaults and of Site Recovery: vaults, items and their points, plans, fabrics and everything in them."""

from collections.abc import Sequence
from datetime import timedelta

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Json
from local.simulation.ids import key, name, resource_group, type_of
from local.simulation.recovery_services import filters
from local.simulation.recovery_services.items import bodies as item_bodies
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.items.points import points
from local.simulation.recovery_services.names import (
    CONTAINER,
    FABRIC,
    ITEM,
    JOB,
    MAPPING,
    PLAN,
    POINT,
    POLICY,
    PROTECTABLE,
    PROVIDER,
    VAULT,
    container_of,
    fabric_of,
    vault_of,
    within,
)
from local.simulation.recovery_services.plans import failovers as plan_failovers
from local.simulation.recovery_services.plans.plan import Group, Plan
from local.simulation.recovery_services.state import RecoveryServicesState
from local.simulation.recovery_services.vaults import health as vault_health
from local.simulation.recovery_services.vaults.models import Thing, Vault
from local.simulation.recovery_services.vaults.shapes import FABRIC_PARTS
from local.simulation.times import moment, text_or_none, to_text

_KINDS = {name(kind).lower(): kind for kind in (FABRIC, POLICY, *FABRIC_PARTS.values())}


# vaults


def get_vault(call: Call) -> Answer:
    """`Vaults_Get`."""
    return Answer(200, _vault(vault_of_call(call)))


def list_vaults(call: Call) -> Answer:
    """`Vaults_ListByResourceGroup` and `Vaults_ListBySubscriptionId`."""
    scope = f"/subscriptions/{call.names[0].lower()}"
    if len(call.names) > 1:
        scope += f"/resourcegroups/{call.names[1].lower()}"
    return page(call, [row for row in call.world.of(RecoveryServicesState).vaults.values() if within(row.id, scope)], _vault)


def vault_of_call(call: Call) -> Vault:
    """Return the vault that a path lies in; raises `ArmError` 404."""
    found = call.world.of(RecoveryServicesState).vault(call.path)
    if found is None:
        raise not_found(VAULT, call.names[2], resource_group(call.path))
    return found


def _vault(row: Vault) -> Json:
    return {
        "id": row.id,
        "name": name(row.id),
        "type": VAULT,
        "location": row.location,
        "tags": dict(row.tags),
        "sku": {"name": "RS0", "tier": "Standard"},
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpointStateForBackup": "None",
            "privateEndpointStateForSiteRecovery": "None",
        },
    }


def get_vault_health(call: Call) -> Answer:
    """`ReplicationVaultHealth_Get`."""
    vault, state = vault_of_call(call), call.world.of(RecoveryServicesState)
    return Answer(200, vault_health.body(vault.id, state, call.faults, call.now))


# protected items


def get_item(call: Call) -> Answer:
    """`ReplicationProtectedItems_Get`."""
    return Answer(200, _existing(call, call.path, ITEM))


def list_items(call: Call) -> Answer:
    """`ReplicationProtectedItems_List`, and those of a protection container."""
    vault, state = vault_of_call(call), call.world.of(RecoveryServicesState)
    wanted = filters.items(call, state.plans_of(vault.id, call.now))
    rows = [row for row in state.items_of(vault.id, call.now) if within(row.id, _parent(call)) and wanted(row)]
    return page(call, rows, lambda row: item_bodies.item(row, state, call.faults, call.now))


def get_point(call: Call) -> Answer:
    """`RecoveryPoints_Get`."""
    return Answer(200, _existing(call, call.path, POINT))


def list_points(call: Call) -> Answer:
    """`RecoveryPoints_ListByReplicationProtectedItems`, the newest first."""
    item = _item(call, _parent(call))
    policy = call.world.of(RecoveryServicesState).thing(item.policy, call.now)
    return page(call, points(item, policy, call.now), lambda each: item_bodies.point(item, each))


_SIZES = (
    ("Standard_B2s", 2, 4.0),
    ("Standard_D2s_v3", 2, 8.0),
    ("Standard_D4s_v3", 4, 16.0),
    ("Standard_D8s_v3", 8, 32.0),
    ("Standard_E4s_v5", 4, 32.0),
)


def list_sizes(call: Call) -> Answer:
    """`TargetComputeSizes_ListByReplicationProtectedItems`."""
    item = _item(call, _parent(call))

    def body(size: tuple[str, int, float]) -> Json:
        properties = {
            "name": size[0],
            "friendlyName": size[0],
            "cpuCoresCount": size[1],
            "memoryInGB": size[2],
            "maxDataDiskCount": 16,
            "maxNicsCount": 4,
        }
        return {
            "id": f"{item.id}/targetComputeSizes/{size[0]}",
            "name": size[0],
            "type": f"{ITEM}/targetComputeSizes",
            "properties": properties,
        }

    return page(call, _SIZES, body)


def _item(call: Call, item_id: str) -> Item:
    found = call.world.of(RecoveryServicesState).item(item_id, call.now)
    if found is None:
        vault_of_call(call)
        raise not_found(ITEM, "/".join(call.names[2:6]), resource_group(call.path))
    return found


# recovery plans


def get_plan(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_Get`."""
    return Answer(200, _existing(call, call.path, PLAN))


def list_plans(call: Call) -> Answer:
    """`ReplicationRecoveryPlans_List`."""
    vault = vault_of_call(call)
    return page(call, call.world.of(RecoveryServicesState).plans_of(vault.id, call.now), lambda row: _plan(call, row))


def _plan(call: Call, row: Plan) -> Json:
    state = call.world.of(RecoveryServicesState)
    members = plan_failovers.members_of(call, row)
    properties: Json = {
        "friendlyName": row.friendly_name,
        "primaryFabricId": row.primary,
        "primaryFabricFriendlyName": _fabric_name(state.thing(row.primary, call.now), row.primary),
        "recoveryFabricId": row.recovery,
        "recoveryFabricFriendlyName": _fabric_name(state.thing(row.recovery, call.now), row.recovery),
        "failoverDeploymentModel": row.deployment_model,
        "replicationProviders": sorted({item.provider.value for item in members}),
        "allowedOperations": [each.value for each in plan_failovers.allowed_of(call, row)],
        "lastPlannedFailoverTime": text_or_none(row.last_planned),
        "lastUnplannedFailoverTime": text_or_none(row.last_unplanned),
        "lastTestFailoverTime": text_or_none(row.last_test),
        **_scenario(call, row),
        "groups": [_group(group, members) for group in row.groups],
        "providerSpecificDetails": [],
    }
    given = {member: value for member, value in properties.items() if value is not None}
    return {"id": row.id, "name": name(row.id), "type": PLAN, "properties": given}


def _scenario(call: Call, row: Plan) -> Json:
    """Return the scenario that runs on a plan, or the last one that ran, with the state of its job; `None` where none ever did."""
    last = row.last or {}
    name_ = row.job or last.get("job")
    since = row.scenario_start if row.job else moment(last, "scenarioStart")
    body = {"currentScenario": item_bodies.scenario(row.id, name_, row.scenario or last.get("scenario"), since)}
    job = call.world.of(RecoveryServicesState).job(f"{vault_of(row.id)}/{name(JOB)}/{name_}") if name_ else None
    status, description = ("None", "None") if name_ is None else ("Succeeded", "Completed")
    if row.job is not None and job is not None and job.placeholder(call.now):
        status, description = "InProgress", "InProgress"
    elif job is not None:
        status, description = job.state(call.now), job.state_description(call.now)
    return body | {"currentScenarioStatus": status, "currentScenarioStatusDescription": description}


def _group(group: Group, members: Sequence[Item]) -> Json:
    there = {key(item.id): item for item in members}
    return {
        "groupType": group.type,
        "replicationProtectedItems": [
            {"id": there[key(member)].id, "virtualMachineId": str(there[key(member)].source.get("vmId") or "")}
            for member in group.members
            if key(member) in there
        ],
        "startGroupActions": [dict(each) for each in group.start_actions],
        "endGroupActions": [dict(each) for each in group.end_actions],
    }


def _fabric_name(fabric: Thing | None, fallback: str) -> str:
    return str(fabric.properties.get("friendlyName") or name(fabric.id)) if fabric else fallback


# fabrics and what is in them, policies


def get_thing(call: Call) -> Answer:
    """Read a fabric, container, mapping, network, provider, protectable item, policy …"""
    return Answer(200, _existing(call, call.path, type_of(call.path)))


def list_things(call: Call) -> Answer:
    """List things of a kind in a vault, a fabric, or what else the path names."""
    vault, kind = vault_of_call(call), _KINDS[name(call.path).lower()]
    parent = _parent(call)
    if key(parent) != key(vault.id) and type_of(parent):
        _existing(call, parent, type_of(parent))
    rows = [row for row in call.world.of(RecoveryServicesState).things_of(vault.id, kind, call.now) if within(row.id, parent)]
    return page(call, rows, lambda row: _thing(call, row), ends_empty=kind == PROTECTABLE)


def _thing(call: Call, row: Thing) -> Json:
    state, kind, now = call.world.of(RecoveryServicesState), type_of(row.id), call.now
    properties: Json = dict(row.properties) if kind.lower().endswith("mappings") else {"friendlyName": name(row.id), **row.properties}
    if kind.lower() == CONTAINER.lower():
        items = state.items_of(vault_of(row.id), now)
        properties |= {"protectedItemCount": sum(1 for item in items if key(container_of(item.id)) == key(row.id))}
    elif kind.lower() == MAPPING.lower() and (properties.get("providerSpecificDetails") or {}).get("instanceType") != "A2A":
        properties.pop("providerSpecificDetails", None)  # recorded of Azure to Azure only
    elif kind.lower() == PROTECTABLE.lower():
        properties = _with_protection(row.id, properties, state.items_of(vault_of(row.id), now))
    elif kind.lower() == PROVIDER.lower():
        items = state.items_of(vault_of(row.id), now)
        properties |= {
            "protectedItemCount": sum(1 for item in items if key(fabric_of(item.id)) == key(fabric_of(row.id))),
            "lastHeartBeat": to_text(now - timedelta(seconds=30)),
        }
    return {"id": row.id, "name": name(row.id), "type": kind, "properties": properties}


def _with_protection(machine: str, properties: Json, items: Sequence[Item]) -> Json:
    """Return a machine's properties with what its item, if it has one, means for it."""
    rest = {member: value for member, value in properties.items() if member != "replicationProtectedItemId"}
    own = next((item for item in items if item.protectable and key(item.protectable) == key(machine)), None)
    if own is None:
        return rest | {"protectionStatus": "Unprotected"}
    return rest | {"protectionStatus": "Protected", "replicationProtectedItemId": own.id}


def read(call: Call, resource_id: str) -> Json | None:
    """Return the body of any resource of a vault, or None where it does not exist."""
    state, now = call.world.of(RecoveryServicesState), call.now
    kind = type_of(resource_id).lower()
    if kind == ITEM.lower():
        item = state.item(resource_id, now)
        return None if item is None else item_bodies.item(item, state, call.faults, now)
    if kind == PLAN.lower():
        plan = state.plan(resource_id, now)
        return None if plan is None else _plan(call, plan)
    if kind == POINT.lower():
        owner = state.item(resource_id.rsplit("/", 2)[0], now)
        found = points(owner, state.thing(owner.policy, now), now) if owner else []
        return next((item_bodies.point(owner, each) for each in found if owner and each.name.lower() == name(resource_id).lower()), None)
    thing = state.thing(resource_id, now)
    return None if thing is None else _thing(call, thing)


def _existing(call: Call, resource_id: str, kind: str) -> Json:
    body = read(call, resource_id)
    if body is None:
        vault_of_call(call)
        names = resource_id.strip("/").split("/")[7::2]
        raise not_found(kind, "/".join(names), resource_group(call.path))
    return body


def _parent(call: Call) -> str:
    return call.path.rsplit("/", 1)[0]


# types without resources


def nothing(call: Call) -> Answer:
    """An empty list: of events, alert settings, migration items and other types that are never created."""
    vault_of_call(call)
    return page(call, [], dict)
