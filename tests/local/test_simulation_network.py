"""Network resources of the simulated Azure: interfaces, security groups, public addresses, balancers and their parts."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.local.machines import GROUP, SMALL_SUBNET, SUBNET, Cloud, estate, interface_body, machine_body
from tests.local.simulated import Reply, azure_running

NIC = "Microsoft.Network/networkInterfaces/nic"
ADDRESS = "Microsoft.Network/publicIPAddresses/ip"
BALANCER = "Microsoft.Network/loadBalancers/lb"
GROUPS = "Microsoft.Network/networkSecurityGroups/nsg"
STANDARD = {"location": "westeurope", "sku": {"name": "Standard"}}


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with azure_running(estate=estate()) as azure:
        yield Cloud(azure)


def full(path: str) -> str:
    return f"{GROUP}/providers/{path}"


async def settle(cloud: Cloud) -> None:
    await cloud.azure.control.advance("PT5S")


async def put(cloud: Cloud, path: str, properties: dict[str, Any], **options: Any) -> Reply:
    body = {"location": "westeurope", **options.pop("top", {}), "properties": properties}
    answer = await cloud.send("PUT", path, body, **options)
    await settle(cloud)
    return answer


async def balancer(cloud: Cloud, name: str = "lb", *, pools: tuple[str, ...] = ("one",)) -> str:
    """Make a public balancer with empty pools."""
    address = f"Microsoft.Network/publicIPAddresses/{name}-ip"
    await put(cloud, address, {"publicIPAllocationMethod": "Static"}, top={"sku": {"name": "Standard"}})
    front = {"name": "front", "properties": {"publicIPAddress": {"id": full(address)}}}
    made = await put(
        *(cloud, f"Microsoft.Network/loadBalancers/{name}"),
        {"frontendIPConfigurations": [front], "backendAddressPools": [{"name": each} for each in pools]},
        top={"sku": {"name": "Standard"}},
    )
    assert made.status == 201, made.body
    return full(f"Microsoft.Network/loadBalancers/{name}")


def nat(lb: str, port: int, local: int = 3389, pool: str | None = "one", protocol: str = "Tcp") -> dict[str, Any]:
    ports = {"frontendPort": port} if pool is None else {"frontendPortRangeStart": port, "frontendPortRangeEnd": port}
    of_pool = {} if pool is None else {"backendAddressPool": {"id": f"{lb}/backendAddressPools/{pool}"}}
    front = {"frontendIPConfiguration": {"id": f"{lb}/frontendIPConfigurations/front"}}
    return {"protocol": protocol, "backendPort": local, **front, **ports, **of_pool}


def rule(priority: int = 100, **members: Any) -> dict[str, Any]:
    return {
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": "3389",
        "sourceAddressPrefixes": ["203.0.113.0/24"],
        "destinationAddressPrefix": "*",
        "access": "Allow",
        "priority": priority,
        "direction": "Inbound",
        **members,
    }


async def test_an_interface_gets_an_address(cloud: Cloud) -> None:
    answer = await cloud.send("PUT", NIC, interface_body())
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (201, "Updating")
    assert answer.body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] == "10.0.0.4"
    assert (await cloud.ended(answer, "PT3S"))["status"] == "Succeeded"
    again = await cloud.send("PUT", NIC, interface_body())
    assert again.status == 200
    assert again.body["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] == "10.0.0.4"
    subnet = (await cloud.azure.call("GET", SUBNET, version="2024-05-01")).body
    assert [each["id"].split("/")[-3] for each in subnet["properties"]["ipConfigurations"]] == ["nic"]


async def test_a_subnet_is_full(cloud: Cloud) -> None:
    for number in range(3):
        assert (await put(cloud, f"{NIC}{number}", interface_body(SMALL_SUBNET)["properties"])).status == 201
    assert (await put(cloud, NIC, interface_body(SMALL_SUBNET)["properties"])).code == "SubnetIsFull"


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        ({"subnet": f"{SUBNET}-none"}, "InvalidResourceReference"),
        ({"privateIPAllocationMethod": "Static", "privateIPAddress": "10.9.9.9"}, "PrivateIPAddressNotInSubnet"),
        ({"privateIPAllocationMethod": "Static", "privateIPAddress": "10.0.0.4"}, "PrivateIPAddressInUse"),
        ({"group": f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/none"}, "InvalidResourceReference"),
        ({"publicIPAddress": {"id": f"{GROUP}/providers/Microsoft.Network/publicIPAddresses/none"}}, "InvalidResourceReference"),
        ({"loadBalancerBackendAddressPools": [{"id": f"{GROUP}/providers/{BALANCER}/backendAddressPools/x"}]}, "InvalidResourceReference"),
    ],
)
async def test_interfaces_that_are_refused(cloud: Cloud, configuration: dict[str, Any], code: str) -> None:
    await cloud.interface("first")
    assert (await cloud.send("PUT", NIC, interface_body(**configuration))).code == code


async def test_two_writes_of_one_resource(cloud: Cloud) -> None:
    lb = await balancer(cloud, pools=("one", "two"))
    assert (await cloud.send("PUT", f"{BALANCER}/inboundNatRules/a", {"properties": nat(lb, 1)})).status == 201
    second = await cloud.send("PUT", f"{BALANCER}/inboundNatRules/b", {"properties": nat(lb, 2, pool="two")})
    assert (second.status, second.code) == (409, "AnotherOperationInProgress")
    joined = interface_body(loadBalancerBackendAddressPools=[{"id": f"{lb}/backendAddressPools/one"}])
    assert (await cloud.send("PUT", NIC, joined)).code == "AnotherOperationInProgress"
    await settle(cloud)
    assert (await cloud.send("PUT", NIC, joined)).status == 201


async def test_rules_of_a_group(cloud: Cloud) -> None:
    await put(cloud, GROUPS, {})
    made = await cloud.send("PUT", f"{GROUPS}/securityRules/rdp", {"properties": rule()})
    assert (made.status, made.body["name"], made.body["properties"]["priority"]) == (201, "rdp", 100)
    await settle(cloud)
    for name, properties, code in (
        ("other", rule(), "SecurityRuleConflict"),
        ("other", rule(99), "SecurityRuleInvalidPriority"),
        ("other", rule(200, destinationPortRange="70000"), "SecurityRuleInvalidPortRange"),
        ("other", rule(200, sourceAddressPrefixes=["300.1.1.1"]), "SecurityRuleInvalidAddressPrefix"),
        ("other", rule(200, protocol="Http"), "SecurityRuleInvalidValue"),
    ):
        assert (await cloud.send("PUT", f"{GROUPS}/securityRules/{name}", {"properties": properties})).code == code
    await cloud.interface(group=full(GROUPS))
    refused = await cloud.send("DELETE", GROUPS)
    assert refused.code == "InUseNetworkSecurityGroupCannotBeDeleted"
    assert (await cloud.send("DELETE", f"{GROUPS}/securityRules/rdp")).status == 202
    await settle(cloud)
    assert (await cloud.send("GET", f"{GROUPS}/securityRules/rdp")).status == 404
    assert (await cloud.send("DELETE", f"{GROUPS}/securityRules/rdp")).status == 204


async def test_a_put_of_the_whole_removes_what_it_leaves_out(cloud: Cloud) -> None:
    lb = await balancer(cloud)
    await put(cloud, f"{BALANCER}/inboundNatRules/a", nat(lb, 1))
    read = (await cloud.send("GET", BALANCER)).body
    assert (await put(cloud, BALANCER, read["properties"], top={"sku": read["sku"]})).status == 200
    assert (await cloud.send("GET", f"{BALANCER}/inboundNatRules/a")).status == 200
    await put(cloud, BALANCER, {"frontendIPConfigurations": read["properties"]["frontendIPConfigurations"]}, top={"sku": read["sku"]})
    assert (await cloud.send("GET", f"{BALANCER}/inboundNatRules/a")).status == 404
    assert (await cloud.send("GET", f"{BALANCER}/backendAddressPools/one")).status == 404


async def test_addresses_in_use(cloud: Cloud) -> None:
    lb = await balancer(cloud)
    address = f"{full('Microsoft.Network/publicIPAddresses/lb-ip')}"
    assert (await cloud.send("DELETE", "Microsoft.Network/publicIPAddresses/lb-ip")).code == "PublicIPAddressCannotBeDeleted"
    assert (await cloud.send("PUT", NIC, interface_body(publicIPAddress={"id": address}))).code == "PublicIPAddressInUse"
    read = (await cloud.send("GET", "Microsoft.Network/publicIPAddresses/lb-ip")).body["properties"]
    assert read["ipConfiguration"]["id"] == f"{lb}/frontendIPConfigurations/front"
    assert read["ipAddress"].startswith("203.0.113.")
    assert (await put(cloud, ADDRESS, {"publicIPAllocationMethod": "Dynamic"}, top=STANDARD)).status == 400
    await cloud.send("DELETE", BALANCER)
    await settle(cloud)
    assert (await cloud.send("DELETE", "Microsoft.Network/publicIPAddresses/lb-ip")).status == 202


async def test_too_many_addresses() -> None:
    async with azure_running(estate=estate(usages=[{"name": "PublicIPAddresses", "limit": 0}])) as azure:
        answer = await put(Cloud(azure), ADDRESS, {"publicIPAllocationMethod": "Static"}, top=STANDARD)
        assert answer.code == "PublicIPCountLimitReached"


async def test_rules_of_a_balancer(cloud: Cloud) -> None:
    lb = await balancer(cloud, pools=("one", "two"))
    assert (await put(cloud, f"{BALANCER}/inboundNatRules/a", nat(lb, 59919, 3395))).status == 201
    for name, properties, code in (
        ("b", nat(lb, 59919, 1, "two"), "RulesUseSameFrontendPortProtocolAndIPConfig"),
        ("b", nat(lb, 2, 3395), "RulesUseSameBackendPortProtocolAndPool"),
        ("b", nat(lb, 0, 1, "two"), "InvalidLoadBalancerPort"),
        ("b", nat(lb, 65_535, 1, "two"), "InvalidLoadBalancerPort"),
        ("b", nat(lb, 2, 1, "none"), "InvalidResourceReference"),
    ):
        assert (await cloud.send("PUT", f"{BALANCER}/inboundNatRules/{name}", {"properties": properties})).code == code
    assert (await put(cloud, f"{BALANCER}/inboundNatRules/udp", nat(lb, 59919, 3395, protocol="Udp"))).status == 201
    assert (await put(cloud, f"{BALANCER}/inboundNatRules/old", nat(lb, 7, pool=None))).status == 201
    joined = await put(cloud, NIC, interface_body(loadBalancerBackendAddressPools=[{"id": f"{lb}/backendAddressPools/one"}])["properties"])
    assert joined.status == 201
    pool = (await cloud.send("GET", f"{BALANCER}/backendAddressPools/one")).body["properties"]
    assert [each["id"].split("/")[8] for each in pool["backendIPConfigurations"]] == ["nic"]
    assert len(pool["inboundNatRules"]) == 2
    assert (await cloud.send("DELETE", f"{BALANCER}/backendAddressPools/one")).code == "InvalidResourceReference"
    assert (await cloud.send("DELETE", f"{BALANCER}/backendAddressPools/two")).status == 202


async def test_one_public_balancer_for_an_availability_set(cloud: Cloud) -> None:
    availability_set = "Microsoft.Compute/availabilitySets/set"
    body = {"location": "westeurope", "sku": {"name": "Aligned"}, "properties": {"platformFaultDomainCount": 2}}
    assert (await cloud.send("PUT", availability_set, body)).status == 200
    for name in ("one", "two"):
        lb = await balancer(cloud, f"lb-{name}")
        nic = await cloud.interface(name)
        made = await cloud.send(
            "PUT", f"Microsoft.Compute/virtualMachines/{name}", machine_body(nic, availabilitySet={"id": full(availability_set)})
        )
        assert made.status == 201, made.body
        joined = interface_body(loadBalancerBackendAddressPools=[{"id": f"{lb}/backendAddressPools/one"}])
        answer = await put(cloud, f"Microsoft.Network/networkInterfaces/{name}", joined["properties"])
        if name == "one":
            assert answer.status == 200, answer.body
        else:
            assert answer.code == "NetworkInterfacesInAvailabilitySetUseMultipleLoadBalancersOfSameType"
    assert (await cloud.send("DELETE", availability_set)).code == "OperationNotAllowed"
    views = [(await cloud.send("GET", f"Microsoft.Compute/virtualMachines/{name}/instanceView")).body for name in ("one", "two")]
    assert [(view["platformFaultDomain"], view["platformUpdateDomain"]) for view in views] == [(0, 0), (1, 1)]


async def test_etags(cloud: Cloud) -> None:
    await put(cloud, GROUPS, {})
    first = (await cloud.send("GET", GROUPS)).body["etag"]
    assert (await cloud.send("PUT", GROUPS, {"location": "westeurope", "properties": {}}, headers={"If-None-Match": "*"})).status == 412
    assert (await cloud.send("PUT", GROUPS, {"location": "westeurope", "properties": {}}, headers={"If-Match": first})).status == 200
    await settle(cloud)
    answer = await cloud.send("PUT", f"{GROUPS}/securityRules/a", {"properties": rule()}, headers={"If-Match": first})
    assert (answer.status, answer.code) == (412, "PreconditionFailed")


async def test_a_late_write_meets_the_gate_again(cloud: Cloud) -> None:
    await cloud.azure.control.add_fault("lateEffect", method="PUT", path="networkInterfaces", delay="PT1M")
    with pytest.raises(Exception, match="disconnected"):
        await cloud.send("PUT", NIC, interface_body(), headers={"If-None-Match": "*"})
    assert (await cloud.send("PUT", NIC, interface_body(privateIPAllocationMethod="Static", privateIPAddress="10.0.0.9"))).status == 201
    await cloud.azure.control.advance("PT2M")
    shown = (await cloud.send("GET", NIC)).body["properties"]["ipConfigurations"][0]["properties"]
    assert shown["privateIPAddress"] == "10.0.0.9"
