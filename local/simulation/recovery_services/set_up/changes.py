"""Changes of the configuration: policies, container mappings, fabrics, containers. Each is a short job."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import ArmError, not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.ids import key, name, parent, resource_group, type_of
from local.simulation.recovery_services import responses
from local.simulation.recovery_services.inputs import check_base_type, details, properties, wrong
from local.simulation.recovery_services.jobs.scenarios import Scenario, set_up_task
from local.simulation.recovery_services.jobs.starting import answered, new_job
from local.simulation.recovery_services.names import (
    AZURE,
    CONTAINER,
    FABRIC,
    MAPPING,
    POLICY,
    container_of,
    fabric_of,
    within,
)
from local.simulation.recovery_services.set_up import policies
from local.simulation.recovery_services.state import RecoveryServicesState
from local.simulation.recovery_services.vaults.models import Thing

_SECONDS = 20.0


def put_policy(call: Call) -> Answer:
    """`ReplicationPolicies_Create`."""
    responses.vault_of_call(call)
    made = policies.details(details(properties(call.body), "providerSpecificInput"))
    return put_thing(call, {"friendlyName": name(call.path), "providerSpecificDetails": made}, "Create replication policy")


def patch_policy(call: Call) -> Answer:
    """`ReplicationPolicies_Update`: of the same kind as before."""
    there = _there(call, POLICY)
    old = dict(there.properties.get("providerSpecificDetails") or {})
    given = details(properties(call.body), "replicationProviderSettings")
    if str(given.get("instanceType", old.get("instanceType"))).lower() != str(old.get("instanceType")).lower():
        raise wrong("replicationProviderSettings.instanceType", f"The policy is of the kind '{old.get('instanceType')}'.")
    renamed = {"recoveryPointHistoryDuration": old.get("recoveryPointHistoryDurationInHours")}
    made = policies.details({**{member: value for member, value in (old | renamed).items() if value is not None}, **given})
    return put_thing(call, {**there.properties, "providerSpecificDetails": made}, "Update replication policy")


def delete_policy(call: Call) -> Answer:
    """`ReplicationPolicies_Delete`: not while a cloud is mapped with it, or an item uses it."""
    there, state = _there_or_none(call), call.world.of(RecoveryServicesState)
    if there is None:
        return Answer(204)
    vault = responses.vault_of_call(call)
    mapped = [each for each in state.things_of(vault.id, MAPPING, call.now) if _same(each.properties.get("policyId"), there.id)]
    used = [each for each in state.items_of(vault.id, call.now) if _same(each.policy, there.id)]
    if mapped or used:
        raise ArmError(
            409, "PolicyInUse", f"The policy '{name(there.id)}' is used by {len(mapped)} mappings and {len(used)} protected items."
        )
    return _removed(call, there, "Delete replication policy")


def put_mapping(call: Call) -> Answer:
    """`ReplicationProtectionContainerMappings_Create`: a policy for a cloud."""
    state, wanted = call.world.of(RecoveryServicesState), properties(call.body)
    source = state.thing(container_of(call.path), call.now)
    if source is None:
        raise not_found(CONTAINER, "/".join(call.names[2:5]), resource_group(call.path))
    policy = state.thing(str(wanted.get("policyId") or ""), call.now)
    if policy is None:
        raise wrong("policyId", f"The policy '{wanted.get('policyId')}' was not found in the vault.")
    target_id = str(wanted.get("targetProtectionContainerId") or AZURE)
    target = state.thing(target_id, call.now)
    if target is None and target_id.lower() != AZURE.lower():
        raise wrong("targetProtectionContainerId", f"The protection container '{target_id}' was not found in the vault.")
    kind = str((policy.properties.get("providerSpecificDetails") or {}).get("instanceType"))
    check_base_type(details(wanted, "providerSpecificInput"), kind, "ReplicationProviderSpecificContainerMappingInput", ("A2A",))
    fabric = state.thing(fabric_of(source.id), call.now)
    far = state.thing(fabric_of(target.id), call.now) if target else None
    made: Json = {
        "targetProtectionContainerId": target.id if target else AZURE,
        "targetProtectionContainerFriendlyName": friendly_name(target) or AZURE,
        "sourceProtectionContainerFriendlyName": friendly_name(source),
        "sourceFabricFriendlyName": friendly_name(fabric),
        "targetFabricFriendlyName": friendly_name(far) or AZURE,
        "policyId": policy.id,
        "policyFriendlyName": friendly_name(policy),
        "state": "Paired",
        "health": "Normal",
        "healthErrorDetails": [],
        "providerSpecificDetails": {"instanceType": kind},
    }
    return put_thing(
        call, {member: value for member, value in made.items() if value is not None}, "Associate replication policy", seconds=90
    )


def remove_mapping(call: Call) -> Answer:
    """`ReplicationProtectionContainerMappings_Delete` and `_Purge`: not while the cloud has protected items with its policy."""
    mapping_id = call.path.rsplit("/", 1)[0] if call.method == "POST" else call.path
    state = call.world.of(RecoveryServicesState)
    there = state.thing(mapping_id, call.now)
    if there is None:
        return Answer(204)
    items = [
        each for each in state.items_of(responses.vault_of_call(call).id, call.now) if key(each.container) == key(container_of(there.id))
    ]
    used = [each for each in items if _same(each.policy, there.properties.get("policyId"))]
    if used and call.method == "POST":
        raise ArmError(409, "ProtectionContainerInUse", f"The protection container has {len(used)} protected items with this policy.")
    return _removed(call, there, "Dissociate replication policy")


def put_fabric(call: Call) -> Answer:
    """`ReplicationFabrics_Create`."""
    responses.vault_of_call(call)
    given = details(properties(call.body), "customDetails")
    kind = str(given.get("instanceType") or "HyperVSite")
    custom = {"instanceType": kind} | ({"location": given["location"]} if kind == "Azure" and "location" in given else {})
    made = {"friendlyName": name(call.path), "customDetails": custom, "bcdrState": "Valid", "health": "Normal", "healthErrorDetails": []}
    return put_thing(call, made, "Create a site")


def put_container(call: Call) -> Answer:
    """`ReplicationProtectionContainers_Create`: in a fabric of Azure."""
    fabric = call.world.of(RecoveryServicesState).thing(fabric_of(call.path), call.now)
    if fabric is None:
        raise not_found(FABRIC, "/".join(call.names[2:4]), resource_group(call.path))
    made = {
        "friendlyName": name(call.path),
        "fabricFriendlyName": friendly_name(fabric),
        "fabricType": kind_of(fabric),
        "role": "Primary",
        "pairingStatus": "NotPaired",
    }
    return put_thing(call, made, "Create protection container")


def put_classification_mapping(call: Call) -> Answer:
    """`ReplicationStorageClassificationMappings_Create`."""
    if call.world.of(RecoveryServicesState).thing(parent(call.path), call.now) is None:
        raise not_found(type_of(parent(call.path)), "/".join(call.names[2:5]), resource_group(call.path))
    target = properties(call.body).get("targetStorageClassificationId")
    if not target or call.world.of(RecoveryServicesState).thing(str(target), call.now) is None:
        raise wrong("targetStorageClassificationId", f"The storage classification '{target}' was not found.")
    return put_thing(call, {"targetStorageClassificationId": str(target)}, "Map storage classification")


def remove(call: Call) -> Answer:
    """Remove a network mapping, a provider, a fabric, a container: not while something is in it."""
    thing_id = call.path.rsplit("/", 1)[0] if call.method == "POST" else call.path
    state = call.world.of(RecoveryServicesState)
    there = state.thing(thing_id, call.now)
    if there is None:
        return Answer(204)
    inside = [each for each in state.items_of(responses.vault_of_call(call).id, call.now) if within(each.id, there.id)]
    if inside:
        raise ArmError(409, "ResourceInUse", f"'{name(there.id)}' has {len(inside)} protected items.")
    return _removed(call, there, "Remove")


def refresh(call: Call) -> Answer:
    """Refresh a provider, discover machines: a job that changes nothing."""
    thing_id = call.path.rsplit("/", 1)[0]
    there = call.world.of(RecoveryServicesState).thing(thing_id, call.now)
    if there is None:
        responses.vault_of_call(call)
        raise not_found(type_of(thing_id), name(thing_id), resource_group(call.path))
    job = new_job(
        call, Scenario.SET_UP, (set_up_task("Refresh", _SECONDS),), (), target=there.id, target_name=name(there.id), target_type="Fabric"
    )
    return answered(call, job, (), set_up=True)


def put_thing(call: Call, made: Mapping[str, Any], friendly: str, seconds: float = _SECONDS) -> Answer:
    """Make or change the thing that a call names, with a job of so many seconds."""
    state = call.world.of(RecoveryServicesState)
    job = new_job(
        call,
        Scenario.SET_UP,
        (set_up_task(friendly, seconds),),
        (),
        target=call.path,
        target_name=name(call.path),
        target_type=type_of(call.path).rsplit("/", 1)[-1],
        friendly_name=friendly,
    )
    there = state.thing(call.path, call.now)
    row = Thing(there.id, dict(made)) if there else Thing(call.path, dict(made), appears_at=job.ends_at)
    changes = () if job.failed() else (Change(state.things, key(row.id), row),)
    return answered(call, job, changes, set_up=True)


def _removed(call: Call, there: Thing, friendly: str) -> Answer:
    state = call.world.of(RecoveryServicesState)
    job = new_job(
        call,
        Scenario.SET_UP,
        (set_up_task(friendly, _SECONDS),),
        (),
        target=there.id,
        target_name=name(there.id),
        target_type="",
        friendly_name=friendly,
    )
    changes = () if job.failed() else (Change(state.things, key(there.id), replace(there, deleted_at=job.ends_at)),)
    return answered(call, job, changes, set_up=True)


def _there(call: Call, kind: str) -> Thing:
    found = _there_or_none(call)
    if found is None:
        responses.vault_of_call(call)
        raise not_found(kind, "/".join(call.names[2:]), resource_group(call.path))
    return found


def _there_or_none(call: Call) -> Thing | None:
    return call.world.of(RecoveryServicesState).thing(call.path, call.now)


def friendly_name(thing: Thing | None) -> str | None:
    """Return the name for people of a thing."""
    return str(thing.properties.get("friendlyName") or name(thing.id)) if thing else None


def kind_of(fabric: Thing | None) -> str:
    """Return the kind of a fabric."""
    return str(((fabric.properties.get("customDetails") or {}) if fabric else {}).get("instanceType") or "")


def _same(one: object, other: object) -> bool:
    return bool(one) and bool(other) and key(str(one)) == key(str(other))
