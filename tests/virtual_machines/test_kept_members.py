"""What an update of a machine or an adapter leaves out, Azure resets: everything that others have set is sent again as it is."""

from typing import Any

import pytest

from shared.errors import CallFailure, FailureKind
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.reading.ports import pools_of, with_pools
from shared.virtual_machines.resource_manager.catalogue import managed

_GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/g/providers"
_DISK = f"{_GROUP}/Microsoft.Compute/disks"
_BALANCER = f"{_GROUP}/Microsoft.Network/loadBalancers/lb/backendAddressPools"
_OURS, _OTHERS = f"{_BALANCER}/ours", f"{_BALANCER}/others"


def adapter(*configurations: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{_GROUP}/Microsoft.Network/networkInterfaces/nic",
        "location": "westeurope",
        "tags": {"farshore-tenant": "contoso", "costCentre": "4711"},
        "extendedLocation": {"name": "edge", "type": "EdgeZone"},
        "properties": {
            "provisioningState": "Succeeded",
            "macAddress": "00-0D-3A",
            "virtualMachine": {"id": "vm"},
            "enableAcceleratedNetworking": True,
            "enableIPForwarding": True,
            "disableTcpStateTracking": True,
            "auxiliaryMode": "MaxConnections",
            "dnsSettings": {"dnsServers": ["10.0.0.4"]},
            "networkSecurityGroup": {"id": "nsg"},
            "ipConfigurations": list(configurations),
        },
    }


def configuration(name: str, *pools: str, primary: bool = False) -> dict[str, Any]:
    properties = {
        "primary": primary,
        "provisioningState": "Succeeded",
        "privateIPAddress": "10.0.0.7",
        "privateIPAllocationMethod": "Static",
        "applicationSecurityGroups": [{"id": "asg"}],
        "loadBalancerBackendAddressPools": [{"id": pool} for pool in pools],
    }
    return {"name": name, "id": name, "etag": "e", "properties": properties}


def test_an_adapter_that_joins_a_pool_keeps_everything_else() -> None:
    shown = adapter(configuration("second", _OTHERS), configuration("first", primary=True))
    body = with_pools(shown, (*pools_of(shown), _OURS))
    properties = body["properties"]
    kept = ("enableAcceleratedNetworking", "enableIPForwarding", "disableTcpStateTracking", "auxiliaryMode", "dnsSettings")
    assert {name: properties[name] for name in kept} == {name: shown["properties"][name] for name in kept}
    assert (body["tags"], body["extendedLocation"], body["location"]) == (shown["tags"], shown["extendedLocation"], "westeurope")
    assert not {"provisioningState", "macAddress", "virtualMachine"} & properties.keys()
    second, first = properties["ipConfigurations"]
    assert (second["name"], pools_of({"properties": {"ipConfigurations": [second]}})) == ("second", (_OTHERS,))
    assert (first["name"], pools_of({"properties": {"ipConfigurations": [first]}})) == ("first", (_OURS,))
    for one in (first, second):
        assert one["properties"]["applicationSecurityGroups"] == [{"id": "asg"}]
        assert (one["properties"]["privateIPAddress"], one["properties"]["privateIPAllocationMethod"]) == ("10.0.0.7", "Static")


def test_an_adapter_leaves_one_pool_and_stays_in_the_others() -> None:
    shown = adapter(configuration("first", _OURS.upper(), primary=True), configuration("second", _OTHERS, _OURS))
    body = with_pools(shown, tuple(pool for pool in pools_of(shown) if pool.lower() != _OURS.lower()))
    assert pools_of(body) == (_OTHERS,)


@pytest.mark.parametrize("properties", [None, {}, {"ipConfigurations": None}, {"ipConfigurations": []}])
def test_an_adapter_without_its_configurations_is_not_written(properties: dict[str, Any] | None) -> None:
    with pytest.raises(CallFailure) as unread:
        with_pools({**adapter(), "properties": properties}, (_OURS,))
    assert unread.value.kind is FailureKind.IN_DOUBT


def machine(*adapters: dict[str, Any]) -> MachineFacts:
    disk = {
        "lun": 3,
        "name": "data",
        "createOption": "Empty",
        "caching": "ReadOnly",
        "writeAcceleratorEnabled": True,
        "deleteOption": "Delete",
        "detachOption": None,
        "diskSizeGB": 64,
        "diskIOPSReadWrite": 500,
        "managedDisk": {"id": f"{_DISK}/data", "storageAccountType": "Premium_LRS", "diskEncryptionSet": {"id": "keys"}},
    }
    system = {"name": "os", "createOption": "Attach", "managedDisk": {"id": f"{_DISK}/os"}}
    properties = {"storageProfile": {"osDisk": system, "dataDisks": [disk]}, "networkProfile": {"networkInterfaces": list(adapters)}}
    return MachineFacts.from_arm({"id": f"{_GROUP}/Microsoft.Compute/virtualMachines/vm", "properties": properties})


def test_a_disk_keeps_what_a_change_of_its_caching_does_not_name() -> None:
    (disk,) = machine().data_disks
    assert disk.changed(caching="None") == {
        "lun": 3,
        "name": "data",
        "createOption": "Empty",
        "caching": "None",
        "writeAcceleratorEnabled": True,
        "deleteOption": "Delete",
        "managedDisk": {"id": f"{_DISK}/data", "storageAccountType": "Premium_LRS", "diskEncryptionSet": {"id": "keys"}},
    }


def test_the_way_in_which_a_system_disk_came_to_its_machine_is_not_changed() -> None:
    system = machine().os_disk
    assert system is not None
    assert system.create_option == "Attach"


def test_words_are_read_in_any_case() -> None:
    """A caching that is spelled otherwise is not another one: a change to it would be sent again and again."""
    disk = {"lun": 0, "caching": "READONLY", "managedDisk": {"id": f"{_DISK}/data"}}
    storage = {"osDisk": {"osType": "LINUX", "caching": "readwrite"}, "dataDisks": [disk]}
    shown = {"storageProfile": storage, "securityProfile": {"securityType": "trustedlaunch"}}
    facts = MachineFacts.from_arm({"id": f"{_GROUP}/Microsoft.Compute/virtualMachines/vm", "properties": shown})
    assert facts.os_disk is not None
    assert (facts.os_type, facts.security_type, facts.os_disk.caching) == ("Linux", "TrustedLaunch", "ReadWrite")
    assert facts.data_disks[0].caching == "ReadOnly"
    properties = {"osType": "windows", "hyperVGeneration": "v2", "securityProfile": {"securityType": "TRUSTEDLAUNCH"}}
    of_disk = DiskFacts.from_arm({"id": f"{_DISK}/data", "properties": properties})
    assert (of_disk.os_type, of_disk.generation, of_disk.security_type) == ("Windows", "V2", "TrustedLaunch")
    image = managed({"id": f"{_GROUP}/Microsoft.Compute/images/i", "properties": {
        "hyperVGeneration": "v2", "storageProfile": {"osDisk": {"osType": "linux"}}}})  # fmt: skip
    assert (image.os_type, image.generation) == ("Linux", "V2")


def test_the_primary_adapter_is_found_by_its_mark_and_not_by_its_place() -> None:
    first, second = (f"{_GROUP}/Microsoft.Network/networkInterfaces/{name}" for name in ("a", "b"))
    marked = machine({"id": first, "properties": {"primary": False}}, {"id": second, "properties": {"primary": "True"}})
    assert marked.adapters == (second, first)
    assert machine({"id": first}, {"id": second, "properties": None}).adapters == (first, second)
