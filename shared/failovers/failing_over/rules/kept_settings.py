"""The settings of a protected item that an update must repeat: Azure resets those that an update leaves out.

Names: UpdateReplicationProtectedItemInputProperties and the provider inputs of the specification of 2025-08-01; each pair is the name in
the input and the name in the item's provider-specific details.
"""

from collections.abc import Mapping
from typing import Any

from shared.failovers.vault.names import Provider
from shared.values.reading import Json, an_object, member, objects

Body = dict[str, Any]

_PROPERTIES = {
    "selectedRecoveryAzureNetworkId": "selectedRecoveryAzureNetworkId",
    "selectedTfoAzureNetworkId": "selectedTfoAzureNetworkId",
    "selectedSourceNicId": "selectedSourceNicId",
    "enableRdpOnTargetOption": "enableRdpOnTargetOption",
    "licenseType": "licenseType",
    "recoveryAvailabilitySetId": "recoveryAvailabilitySetId",
}
_A2A_PROPERTIES = {**_PROPERTIES, "recoveryAvailabilitySetId": "recoveryAvailabilitySet"}
_TO_AZURE = {
    "recoveryAzureV2ResourceGroupId": "recoveryAzureResourceGroupId",
    "useManagedDisks": "useManagedDisks",
    "targetProximityPlacementGroupId": "targetProximityPlacementGroupId",
    "targetAvailabilityZone": "targetAvailabilityZone",
    "targetVmTags": "targetVmTags",
    "targetManagedDiskTags": "targetManagedDiskTags",
    "targetNicTags": "targetNicTags",
    "sqlServerLicenseType": "sqlServerLicenseType",
}
_SPECIFIC: Mapping[Provider, Mapping[str, str]] = {
    Provider.HYPER_V_REPLICA_AZURE: {
        **_TO_AZURE,
        "linuxLicenseType": "linuxLicenseType",
        "targetCapacityReservationGroupId": "targetCapacityReservationGroupId",
    },
    Provider.IN_MAGE_AZURE_V2: _TO_AZURE,
    Provider.A2A: {
        "recoveryResourceGroupId": "recoveryAzureResourceGroupId",
        "recoveryBootDiagStorageAccountId": "recoveryBootDiagStorageAccountId",
        "tfoAzureVMName": "tfoAzureVMName",
        "recoveryProximityPlacementGroupId": "recoveryProximityPlacementGroupId",
        "recoveryVirtualMachineScaleSetId": "recoveryVirtualMachineScaleSetId",
        "recoveryCapacityReservationGroupId": "recoveryCapacityReservationGroupId",
        "recoveryAvailabilityZone": "recoveryAvailabilityZone",
        "platformFaultDomain": "platformFaultDomain",
    },
    Provider.IN_MAGE_RCM: {
        name: name
        for name in (
            "targetResourceGroupId",
            "targetAvailabilitySetId",
            "targetAvailabilityZone",
            "targetProximityPlacementGroupId",
            "targetBootDiagnosticsStorageAccountId",
            "targetNetworkId",
            "testNetworkId",
            "licenseType",
            "sqlServerLicenseType",
            "linuxLicenseType",
            "targetVmTags",
            "targetManagedDiskTags",
            "targetNicTags",
            "targetCapacityReservationGroupId",
        )
    },
}
_NIC = {
    **{
        name: name
        for name in (
            "nicId",
            "selectionType",
            "recoveryNetworkSecurityGroupId",
            "enableAcceleratedNetworkingOnRecovery",
            "tfoNetworkSecurityGroupId",
            "enableAcceleratedNetworkingOnTfo",
            "recoveryNicName",
            "recoveryNicResourceGroupName",
            "reuseExistingNic",
            "tfoReuseExistingNic",
            "targetNicName",
        )
    },
    "tfoNicName": "tfoRecoveryNicName",
    "tfoNicResourceGroupName": "tfoRecoveryNicResourceGroupName",
}
_IP_CONFIG = {
    "ipConfigName": "name",
    **{
        name: name
        for name in (
            "isPrimary",
            "isSeletedForFailover",  # Azure's spelling
            "recoverySubnetName",
            "recoveryStaticIPAddress",
            "recoveryPublicIPAddressId",
            "recoveryLBBackendAddressPoolIds",
            "tfoSubnetName",
            "tfoStaticIPAddress",
            "tfoPublicIPAddressId",
            "tfoLBBackendAddressPoolIds",
        )
    },
}
_RCM_NIC = {
    "nicId": "nicId",
    "isPrimaryNic": "isPrimaryNic",
    "isSelectedForFailover": "isSelectedForFailover",
    "targetSubnetName": "targetSubnetName",
    "targetStaticIPAddress": "targetIPAddress",
    "testSubnetName": "testSubnetName",
    "testStaticIPAddress": "testIPAddress",
    "targetNicName": "targetNicName",
}


def provider_details(item: Json | None) -> Json:
    """Return the provider-specific details of a protected item as Azure has it."""
    return an_object(an_object(item or {}, "properties"), "providerSpecificDetails")


def kept_properties(provider: Provider | None, details: Json) -> Body:
    """Return the members of an update's properties that leave an item's target as it is; `details` are the item's."""
    if provider is Provider.IN_MAGE_RCM:
        return {}
    found = _picked(details, _A2A_PROPERTIES if provider is Provider.A2A else _PROPERTIES)
    nics = [_nic(nic) for nic in objects(details, "vmNics")]
    return {**found, **({"vmNics": nics} if nics else {})}


def kept_specific(provider: Provider, details: Json) -> Body:
    """Return the members of an update's provider-specific input that leave an item's target as it is."""
    found = _picked(details, _SPECIFIC.get(provider, {}))
    nics = [_picked(nic, _RCM_NIC) for nic in objects(details, "vmNics")] if provider is Provider.IN_MAGE_RCM else []
    return {**found, **({"vmNics": nics} if nics else {})}


def _nic(nic: Json) -> Body:
    addresses = [_picked(one, _IP_CONFIG) for one in objects(nic, "ipConfigs")]
    return {**_picked(nic, _NIC), **({"ipConfigs": addresses} if addresses else {})}


def _picked(holder: Json, names: Mapping[str, str]) -> Body:
    return {given: value for given, known in names.items() if (value := member(holder, known)) not in (None, "")}
