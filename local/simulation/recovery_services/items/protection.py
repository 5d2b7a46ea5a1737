"""Enabling, changing and disabling the protection of a machine."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import ArmError, not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.compute.state import ComputeState
from local.simulation.ids import is_type, key, name, resource_group
from local.simulation.recovery_services import inputs
from local.simulation.recovery_services.inputs import check_network, one_of, properties, wrong
from local.simulation.recovery_services.items.failovers import check, item_of
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.jobs.job import Effect
from local.simulation.recovery_services.jobs.scenarios import Scenario, tasks_for
from local.simulation.recovery_services.jobs.starting import answered, item_job, on_items
from local.simulation.recovery_services.jobs.tasks import Task
from local.simulation.recovery_services.names import (
    AZURE,
    CONTAINER,
    MAPPING,
    PROTECTABLE,
    Operation,
    Phase,
    Provider,
    container_of,
    vault_of,
)
from local.simulation.recovery_services.state import RecoveryServicesState
from local.simulation.recovery_services.vaults.models import Thing
from local.simulation.recovery_services.vaults.staged import IDLE, started
from local.simulation.times import to_text

#: Azure's time that the first copy of a machine takes.
INITIAL_REPLICATION = timedelta(minutes=40)

#: Letters, digits and hyphens, at most 63 (docs/azure/site-recovery.md, "Limits").
_VM_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)

#: What an update names (spec, UpdateReplicationProtectedItemInputProperties, InMageRcmUpdateReplicationProtectedItemInput).
_UPDATED = ("recoveryAzureVMName", "recoveryAzureVMSize", "selectedRecoveryAzureNetworkId", "selectedTfoAzureNetworkId")
_UPDATED_RCM = ("targetVmName", "targetVmSize", "targetNetworkId", "testNetworkId")


def enable(call: Call) -> Answer:
    """`ReplicationProtectedItems_Create`: the job prepares; the first copy then takes its time."""
    state, wanted = call.world.of(RecoveryServicesState), properties(call.body)
    container = state.thing(container_of(call.path), call.now)
    if container is None:
        raise not_found(CONTAINER, "/".join(call.names[2:5]), resource_group(call.path))
    if state.item(call.path, call.now) is not None:
        raise ArmError(409, "ProtectedItemAlreadyExists", f"The protected item '{name(call.path)}' already exists.")
    given = inputs.details(wanted, "providerSpecificDetails")
    provider = _provider(given)
    policy = state.thing(str(wanted.get("policyId") or ""), call.now)
    if policy is None:
        raise wrong("policyId", f"The policy '{wanted.get('policyId')}' was not found in the vault.")
    _check_policy(call, policy, provider, container)
    make = _from_azure if provider is Provider.A2A else _from_hyper_v
    item, errors = make(call, wanted, given, policy)
    tasks = tasks_for(Scenario.ENABLE, item)
    if errors:
        tasks = (replace(tasks[0], error=_not_ready(item, errors)), *tasks[1:])
    job = item_job(call, Scenario.ENABLE, tasks, Effect(item.id, {}, {}, {}), item)
    begun = item.becoming(**started(job.name, job.scenario, call.now))
    end = job.ends_at or call.now
    row = begun.then(end, IDLE | {"deletedAt": to_text(end)}) if job.failed() else _replicating(begun.then(end, IDLE), end)
    return answered(call, job, [Change(state.items, key(item.id), row)])


def _replicating(item: Item, since: datetime) -> Item:
    done = since + INITIAL_REPLICATION
    known = replace(item, replication_from=since, replicated_at=done)
    return known.then(done, {"phase": Phase.PROTECTED.value, "pointsFrom": to_text(done)})


def _provider(given: Mapping[str, Any]) -> Provider:
    kind = one_of(given, "instanceType", tuple(Provider), None)
    if kind in (Provider.RCM, Provider.IN_MAGE_V2):
        raise wrong("providerSpecificDetails.instanceType", f"The set-up of '{kind}' is not simulated.")
    return Provider(kind)


def _check_policy(call: Call, policy: Thing, provider: Provider, container: Thing) -> None:
    kind = str((policy.properties.get("providerSpecificDetails") or {}).get("instanceType"))
    if kind != provider:
        raise wrong("policyId", f"The policy is for '{kind}', not for '{provider}'.")
    mappings = call.world.of(RecoveryServicesState).things_of(vault_of(container.id), MAPPING, call.now)
    if not any(
        key(container_of(each.id)) == key(container.id) and key(str(each.properties.get("policyId"))) == key(policy.id) for each in mappings
    ):
        raise ArmError(
            409,
            "PolicyNotAssociated",
            f"The policy '{name(policy.id)}' is not associated with the protection container '{name(container.id)}'.",
        )


def _from_hyper_v(call: Call, wanted: Json, given: Json, policy: Thing) -> tuple[Item, list[str]]:
    state = call.world.of(RecoveryServicesState)
    machine_id = str(wanted.get("protectableItemId") or "")
    machine = state.thing(machine_id, call.now) if is_type(machine_id, PROTECTABLE) else None
    if machine is None or key(container_of(machine.id)) != key(container_of(call.path)):
        raise wrong("protectableItemId", f"The machine '{machine_id}' was not found in the protection container.")
    custom = dict(machine.properties.get("customDetails") or {})
    friendly = str(machine.properties.get("friendlyName") or name(machine.id))
    if any(each.protectable and key(each.protectable) == key(machine.id) for each in state.items_of(vault_of(call.path), call.now)):
        raise ArmError(409, "VirtualMachineAlreadyProtected", f"The machine '{friendly}' is protected already.")
    target = {
        "vmName": _vm_name(given.get("targetAzureVmName") or friendly, "providerSpecificDetails.targetAzureVmName"),
        "vmSize": given.get("targetVmSize"),
        "network": given.get("targetAzureNetworkId"),
        "resourceGroup": given.get("targetAzureV2ResourceGroupId"),
        "storageAccount": given.get("targetStorageAccountId"),
        "logStorageAccount": given.get("logStorageAccountId"),
        "managedDisks": given.get("useManagedDisks"),
    }
    disks = [
        {"id": disk.get("vhdId"), "name": disk.get("vhdName"), "sizeMB": disk.get("maxSizeMB")} for disk in custom.get("diskDetails") or []
    ]
    item = _item(call, Provider(str(given["instanceType"])), friendly, policy, target, {"disks": disks})
    item = replace(item, protectable=machine.id)
    if given.get("targetAzureNetworkId"):
        check_network(call, item, str(given["targetAzureNetworkId"]), "providerSpecificDetails.targetAzureNetworkId")
    return item, [str(each) for each in machine.properties.get("protectionReadinessErrors") or []]


def _from_azure(call: Call, _wanted: Json, given: Json, policy: Thing) -> tuple[Item, list[str]]:
    state, machine_id = call.world.of(RecoveryServicesState), str(given.get("fabricObjectId") or "")
    machine = call.world.of(ComputeState).machines.get(key(machine_id))
    if machine is None:
        raise wrong("providerSpecificDetails.fabricObjectId", f"The virtual machine '{machine_id}' was not found.")
    there = state.thing(str(given.get("recoveryContainerId") or ""), call.now)
    if there is None:
        raise wrong("providerSpecificDetails.recoveryContainerId", f"The container '{given.get('recoveryContainerId')}' was not found.")
    vault = state.vault(call.path)
    if vault is not None and vault.location == machine.location:
        raise ArmError(409, "VaultInSourceRegion", f"The vault must not be in the region of the machine, '{machine.location}'.")
    disks = [
        {"id": disk.id, "name": name(disk.id), "sizeGB": disk.size_gb, "sku": disk.sku}
        for _, disk in call.world.of(ComputeState).attached(machine)
    ]
    target = {
        "vmName": name(machine.id),
        "network": given.get("recoveryAzureNetworkId"),
        "resourceGroup": given.get("recoveryResourceGroupId"),
    }
    item = _item(call, Provider.A2A, name(machine.id), policy, target, {"vmId": machine.id, "location": machine.location, "disks": disks})
    item = replace(item, recovery_container=there.id)
    if given.get("recoveryAzureNetworkId"):
        check_network(call, item, str(given["recoveryAzureNetworkId"]), "providerSpecificDetails.recoveryAzureNetworkId")
    location = inputs.recovery_location(call, item)
    return replace(item, target={**item.target, **({"location": location} if location else {})}), []


def _item(call: Call, provider: Provider, friendly: str, policy: Thing, target: Json, source: Json) -> Item:
    return Item(
        id=call.path,
        provider=provider,
        friendly_name=friendly,
        phase=Phase.ENABLING,
        policy=policy.id,
        recovery_container=None if provider is Provider.A2A else AZURE,
        target={member: value for member, value in target.items() if value is not None},
        source={"osType": "Windows", **source},
    )


def _not_ready(item: Item, errors: list[str]) -> Json:
    return {
        "code": "28012",
        "message": f"The machine '{item.friendly_name}' cannot be protected: {'; '.join(errors)}",
        "possibleCauses": "The machine does not meet the requirements for protection to Azure.",
        "recommendedAction": "Change the machine as described, and enable the protection again.",
        "providerErrorCode": 31310,
    }


def update(call: Call) -> Answer:
    """`ReplicationProtectedItems_Update`: name, size, network of the machine in Azure."""
    item, wanted = item_of(call), properties(call.body)
    if item.job is not None:
        check(call, item, Operation.DISABLE_PROTECTION)
    given, members = wanted, _UPDATED
    if item.provider is Provider.RCM:
        given, members = inputs.details(wanted, "providerSpecificDetails"), _UPDATED_RCM
    vm_name, vm_size, *networks = members
    target = dict(item.target)
    if given.get(vm_name) is not None:
        target["vmName"] = _vm_name(given[vm_name], vm_name)
    if given.get(vm_size) is not None:
        target["vmSize"] = str(given[vm_size])
    for member, key_ in zip(networks, ("network", "testNetwork"), strict=True):
        if given.get(member) is not None:
            target[key_] = check_network(call, item, str(given[member]), member)
    effect = Effect(item.id, {"target": target}, {}, {})
    job = item_job(call, Scenario.UPDATE, tasks_for(Scenario.UPDATE, item), effect, item)
    return answered(call, job, on_items(call.world.of(RecoveryServicesState), job, call.now))


def disable(call: Call) -> Answer:
    """`ReplicationProtectedItems_Delete` (asked for with `remove`) and `_Purge` (`DELETE`, also where nothing else is allowed)."""
    item_id = "/" + "/".join(call.path.strip("/").split("/")[:14])
    item = call.world.of(RecoveryServicesState).item(item_id, call.now)
    if item is None:
        return Answer(204)
    if call.method == "POST":
        one_of(properties(call.body), "disableProtectionReason", ("NotSpecified", "MigrationComplete"), "NotSpecified")
        given = inputs.details(properties(call.body), "replicationProviderInput")
        inputs.check_base_type(given, item.provider, "DisableProtectionProviderSpecificInput", ("InMage",))
    if call.method == "POST" or item.job is not None:
        check(call, item, Operation.DISABLE_PROTECTION)
    effect = Effect(item.id, {"deletedAt": "$end"}, {}, {})
    tasks: tuple[Task, ...] = tasks_for(Scenario.DISABLE, item)
    job = item_job(call, Scenario.DISABLE, tasks, effect, item)
    return answered(call, job, on_items(call.world.of(RecoveryServicesState), job, call.now))


def _vm_name(value: object, member: str) -> str:
    if not isinstance(value, str) or not _VM_NAME.fullmatch(value):
        raise wrong(
            member, "The name of a machine in Azure has 1 to 63 letters, digits and hyphens, and begins and ends with none of the last."
        )
    return value
