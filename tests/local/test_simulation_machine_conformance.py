"""Answers of the simulated Azure about machines, disks, images and networks fit the specification that is kept with the tests."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.local.conformance import problems, specification
from tests.local.machines import GROUP, LINUX, SUBSCRIPTION, Cloud, estate, interface_body, machine_body
from tests.local.simulated import Azure, azure_running

COMPUTE = "/compute/resource-manager/Microsoft.Compute/ComputeRP/stable/2024-07-01"
NETWORK = "/network/resource-manager/Microsoft.Network/stable/2024-01-01"
DISK = "/compute/resource-manager/Microsoft.Compute/DiskRP/stable/2024-03-02/disk.json#/definitions/Disk"
ERROR = "/compute/resource-manager/Microsoft.Compute/common-types/v1/common.json#/definitions/CloudError"
SKUS = "/compute/resource-manager/Microsoft.Compute/Skus/stable/2021-07-01/skus.json#/definitions/ResourceSkusResult"
MACHINE = f"{COMPUTE}/virtualMachine.json#/definitions/VirtualMachine"
VM = "Microsoft.Compute/virtualMachines/vm"


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running(estate=estate()) as running:
        yield running


def assert_fits(body: Any, reference: str) -> None:
    assert problems(specification(), reference, body) == []


def test_a_wrong_body_is_noticed() -> None:
    body = {"location": "x", "properties": {"hardwareProfile": {"vmSize": 3}, "storageProfil": {}}}
    assert len(problems(specification(), MACHINE, body)) == 2


async def test_machines(azure: Azure) -> None:
    cloud = Cloud(azure)
    availability_set = {"location": "westeurope", "sku": {"name": "Aligned"}, "properties": {}}
    await cloud.send("PUT", "Microsoft.Compute/availabilitySets/s", availability_set)
    nic = await cloud.interface()
    disks = [{"lun": 2, "createOption": "Empty", "diskSizeGB": 4}]
    profile = {"linuxConfiguration": {"ssh": {"publicKeys": [{"path": "/home/o/.ssh/authorized_keys", "keyData": "ssh-rsa AAAA"}]}}}
    body = machine_body(nic, image=LINUX, profile=profile, disks=disks, tags=None)
    body["properties"]["availabilitySet"] = {"id": f"{GROUP}/providers/Microsoft.Compute/availabilitySets/s"}
    body["tags"] = {"a": "b"}
    assert_fits((await cloud.send("PUT", VM, body)).body, MACHINE)
    for wait, action in (
        ("PT5S", None),
        ("PT1M", None),
        ("PT2M", "restart"),
        ("PT5S", None),
        ("PT2M", "deallocate"),
        ("PT2M", "generalize"),
    ):
        await azure.control.advance(wait)
        assert_fits((await cloud.send("GET", VM, _expand="instanceView")).body, MACHINE)
        assert_fits((await cloud.send("GET", f"{VM}/instanceView")).body, f"{MACHINE}InstanceView")
        if action:
            assert (await cloud.act(action)).status in (200, 202)
    assert_fits((await cloud.send("GET", VM.rsplit("/", 1)[0], statusOnly="true")).body, f"{MACHINE}ListResult")
    sets = f"{COMPUTE}/availabilitySet.json#/definitions/AvailabilitySet"
    assert_fits((await cloud.send("GET", "Microsoft.Compute/availabilitySets/s")).body, sets)
    assert_fits((await cloud.send("GET", "Microsoft.Compute/availabilitySets")).body, f"{sets}ListResult")
    for disk in (await cloud.send("GET", "Microsoft.Compute/disks")).body["value"]:
        assert_fits(disk, DISK)
    image = {"location": "westeurope", "properties": {"sourceVirtualMachine": {"id": f"{GROUP}/providers/{VM}"}}}
    assert_fits((await cloud.send("PUT", "Microsoft.Compute/images/i", image)).body, f"{COMPUTE}/image.json#/definitions/Image")
    assert_fits((await cloud.send("GET", "Microsoft.Compute/images")).body, f"{COMPUTE}/image.json#/definitions/ImageListResult")


async def test_a_machine_that_failed(azure: Azure) -> None:
    cloud = Cloud(azure)
    await azure.control.add_fault("failMachine")
    await cloud.send("PUT", VM, machine_body(await cloud.interface()))
    await azure.control.advance("PT5M")
    assert_fits((await cloud.send("GET", VM, _expand="instanceView")).body, MACHINE)


async def test_what_there_is_to_choose_from(azure: Azure) -> None:
    subscription = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute"
    skus = (await azure.call("GET", f"{subscription}/skus", version="2021-07-01", _filter="location eq 'westeurope'")).body
    assert_fits(skus, SKUS)
    sizes = {each["name"]: each for each in skus["value"] if each["resourceType"] == "virtualMachines"}
    assert len(sizes) == 12
    assert [name for name, each in sizes.items() if each["restrictions"]] == ["Standard_M64s"]
    location = f"{subscription}/locations/westeurope"
    offer = f"{location}/publishers/Canonical/artifacttypes/vmimage/offers/ubuntu-24_04-lts/skus/server/versions"
    for each in (await azure.call("GET", offer)).body:
        assert_fits(each, f"{COMPUTE}/virtualMachineImage.json#/definitions/VirtualMachineImageResource")
    newest = await azure.call("GET", offer, _top="1", _orderby="name desc")
    assert [each["name"] for each in newest.body] == ["24.04.202410170"]
    assert (await azure.call("GET", f"{offer}/24.04.202410170")).body["properties"]["osDiskImage"] == {"operatingSystem": "Linux"}
    assert (await azure.call("GET", f"{offer}/1.2.3")).status == 404


async def test_networks(azure: Azure) -> None:
    cloud = Cloud(azure)
    rules = {
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": "22",
        "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "*",
    }
    rule = {"name": "ssh", "properties": {**rules, "access": "Allow", "priority": 100, "direction": "Inbound"}}
    standard = {"location": "westeurope", "sku": {"name": "Standard"}}
    group = await cloud.made("Microsoft.Network/networkSecurityGroups/g", standard | {"properties": {"securityRules": [rule]}})
    address = await cloud.made("Microsoft.Network/publicIPAddresses/a", standard | {"properties": {"publicIPAllocationMethod": "Static"}})
    front = {"name": "front", "properties": {"publicIPAddress": {"id": address["id"]}}}
    lb = f"{GROUP}/providers/Microsoft.Network/loadBalancers/lb"
    nat = {
        "protocol": "Tcp",
        "backendPort": 22,
        "frontendPortRangeStart": 5,
        "frontendPortRangeEnd": 5,
        "backendAddressPool": {"id": f"{lb}/backendAddressPools/p"},
        "frontendIPConfiguration": {"id": f"{lb}/frontendIPConfigurations/front"},
    }
    parts = {
        "frontendIPConfigurations": [front],
        "backendAddressPools": [{"name": "p"}],
        "inboundNatRules": [{"name": "n", "properties": nat}],
    }
    await cloud.made("Microsoft.Network/loadBalancers/lb", standard | {"properties": parts})
    pools = [{"id": f"{lb}/backendAddressPools/p"}]
    await cloud.made("Microsoft.Network/networkInterfaces/nic", interface_body(group=group["id"], loadBalancerBackendAddressPools=pools))
    await cloud.machine()
    for path, definition in (
        ("networkSecurityGroups/g", "networkSecurityGroup.json#/definitions/NetworkSecurityGroup"),
        ("networkSecurityGroups/g/securityRules/ssh", "networkSecurityGroup.json#/definitions/SecurityRule"),
        ("publicIPAddresses/a", "publicIpAddress.json#/definitions/PublicIPAddress"),
        ("loadBalancers/lb", "loadBalancer.json#/definitions/LoadBalancer"),
        ("loadBalancers/lb/inboundNatRules/n", "loadBalancer.json#/definitions/InboundNatRule"),
        ("loadBalancers/lb/backendAddressPools/p", "loadBalancer.json#/definitions/BackendAddressPool"),
        ("networkInterfaces/nic", "networkInterface.json#/definitions/NetworkInterface"),
        ("networkInterfaces/vm-nic", "networkInterface.json#/definitions/NetworkInterface"),
        ("virtualNetworks/net", "virtualNetwork.json#/definitions/VirtualNetwork"),
        ("virtualNetworks/net/subnets/default", "virtualNetwork.json#/definitions/Subnet"),
    ):
        assert_fits((await cloud.send("GET", f"Microsoft.Network/{path}")).body, f"{NETWORK}/{definition}")


async def test_refusals(azure: Azure) -> None:
    cloud = Cloud(azure)
    for answer in (
        await cloud.send("PUT", VM, machine_body("/x")),
        await cloud.send("PUT", "Microsoft.Network/networkInterfaces/nic", interface_body(f"{GROUP}/x")),
        await cloud.send("DELETE", "Microsoft.Compute/galleries/x"),
    ):
        assert answer.status >= 400
        assert_fits(answer.body, ERROR)
