"""Mappings of networks: of a VMM server's to Azure or to another VMM server's, and of virtual networks between regions."""

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Json
from local.simulation.ids import is_type, key, name, parent, resource_group
from local.simulation.network.models import NetworkState, VirtualNetwork
from local.simulation.network.responses import NETWORK as VIRTUAL_NETWORK
from local.simulation.recovery_services import responses
from local.simulation.recovery_services.inputs import details, one_of, properties, wrong
from local.simulation.recovery_services.names import AZURE, AZURE_NETWORK, FABRIC, NETWORK, NETWORK_MAPPING, azure_fabric, fabric_of
from local.simulation.recovery_services.set_up.changes import friendly_name, kind_of, put_thing
from local.simulation.recovery_services.state import RecoveryServicesState
from local.simulation.recovery_services.vaults.models import Thing, Vault


def put(call: Call) -> Answer:
    """`ReplicationNetworkMappings_Create` and `_Update`: of a network of a VMM server, or below a fabric of Azure of a virtual network."""
    state, vault = call.world.of(RecoveryServicesState), responses.vault_of_call(call)
    fabric = state.thing(fabric_of(call.path), call.now)
    there = state.thing(call.path, call.now)
    if there is None and call.method == "PATCH":
        raise not_found(NETWORK_MAPPING, "/".join(call.names[2:]), resource_group(call.path))
    if fabric is not None and kind_of(fabric) == "Azure":
        return put_thing(call, _azure_mapping(call, fabric, there), "Map network")
    return put_thing(call, _vmm_mapping(call, vault, fabric, there), "Map network")


def _vmm_mapping(call: Call, vault: Vault, fabric: Thing | None, there: Thing | None) -> Json:
    state, wanted = call.world.of(RecoveryServicesState), properties(call.body)
    network = state.thing(parent(call.path), call.now)
    if network is None:
        raise not_found(NETWORK, "/".join(call.names[2:5]), resource_group(call.path))
    target_id = str(wanted.get("recoveryNetworkId") or (there.properties.get("recoveryNetworkId") if there else "") or "")
    virtual = _virtual(call, target_id)
    other = state.thing(target_id, call.now) if is_type(target_id, NETWORK) else None
    far = state.thing(fabric_of(other.id), call.now) if other else None
    if virtual is None and other is None:
        raise wrong("recoveryNetworkId", f"The network '{target_id}' was not found.")
    if virtual is not None and virtual.location != vault.location:
        raise wrong("recoveryNetworkId", f"The virtual network is in '{virtual.location}', the vault in '{vault.location}'.")
    made: Json = {
        "state": "Paired",
        "primaryNetworkFriendlyName": friendly_name(network),
        "primaryNetworkId": network.id,
        "primaryFabricFriendlyName": friendly_name(fabric),
        "recoveryNetworkFriendlyName": name(target_id),
        "recoveryNetworkId": virtual.id if virtual else target_id,
        "recoveryFabricArmId": far.id if far else azure_fabric(vault.id),
        "recoveryFabricFriendlyName": friendly_name(far) or AZURE,
        "fabricSpecificSettings": {"instanceType": "VmmToAzure" if virtual else "VmmToVmm"},
    }
    return {member: value for member, value in made.items() if value is not None}


def _azure_mapping(call: Call, fabric: Thing, there: Thing | None) -> Json:
    """Map a virtual network of a fabric's region to one of another's (spec, AzureToAzureCreateNetworkMappingInput)."""
    if name(parent(call.path)).lower() != AZURE_NETWORK.lower():
        raise not_found(NETWORK, "/".join(call.names[2:5]), resource_group(call.path))
    wanted = properties(call.body)
    given = details(wanted, "fabricSpecificDetails")
    one_of(given, "instanceType", ("AzureToAzure",), None)
    old = there.properties if there else {}
    primary = given.get("primaryNetworkId") or old.get("primaryNetworkId")
    source = _network_of(call, fabric, primary, "fabricSpecificDetails.primaryNetworkId")
    fabrics = call.world.of(RecoveryServicesState).things_of(responses.vault_of_call(call).id, FABRIC, call.now)
    named = str(wanted.get("recoveryFabricName") or name(str(old.get("recoveryFabricArmId") or "")))
    far = next((each for each in fabrics if name(each.id).lower() == named.lower() and kind_of(each) == "Azure"), None)
    if far is None or key(far.id) == key(fabric.id):
        raise wrong("recoveryFabricName", f"The vault has no other fabric of Azure of the name '{named}'.")
    target = _network_of(call, far, wanted.get("recoveryNetworkId") or old.get("recoveryNetworkId"), "recoveryNetworkId")
    return {
        "state": "Paired",
        "primaryNetworkFriendlyName": name(source.id),
        "primaryNetworkId": source.id,
        "primaryFabricFriendlyName": friendly_name(fabric),
        "recoveryNetworkFriendlyName": name(target.id),
        "recoveryNetworkId": target.id,
        "recoveryFabricArmId": far.id,
        "recoveryFabricFriendlyName": friendly_name(far),
        "fabricSpecificSettings": {
            "instanceType": "AzureToAzure",
            "primaryFabricLocation": source.location,
            "recoveryFabricLocation": target.location,
        },
    }


def _network_of(call: Call, fabric: Thing, network_id: object, member: str) -> VirtualNetwork:
    """Return a virtual network that lies in the region of a fabric of Azure."""
    found, region = _virtual(call, str(network_id or "")), (fabric.properties.get("customDetails") or {}).get("location")
    if found is None:
        raise wrong(member, f"The virtual network '{network_id}' was not found.")
    if found.location != region:
        raise wrong(member, f"The virtual network is in '{found.location}', the fabric in '{region}'.")
    return found


def _virtual(call: Call, network_id: str) -> VirtualNetwork | None:
    return call.world.of(NetworkState).networks.get(key(network_id)) if is_type(network_id, VIRTUAL_NETWORK) else None
