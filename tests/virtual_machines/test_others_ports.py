"""Ports where others are at work too: their rules are listed and not touched, their balancers not shared, their security groups named."""

from datetime import timedelta
from pathlib import Path

from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.test_azure_failures import outside
from tests.virtual_machines.test_creation import GROUP, LINUX, ids, networks
from tests.virtual_machines.test_shared_balancer import FRONT, another_balancer, port

VMS = "/virtual-machines"


def test_rules_of_others_are_listed_and_a_set_behind_their_balancer_gets_no_port(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        assert (await azure.done("POST", VMS, {**FRONT, "name": "one"}))["status"] == "Succeeded"
        theirs = another_balancer(azure)
        balancer = theirs["id"]
        rule = {
            "frontendIPConfiguration": {"id": f"{balancer}/frontendIPConfigurations/front"}, "protocol": "Tcp", "backendPort": 3389,
            "backendAddressPool": {"id": f"{balancer}/backendAddressPools/pool"}, "frontendPortRangeStart": 4_000,
            "frontendPortRangeEnd": 4_000,
        }  # fmt: skip
        assert outside(azure, "PUT", f"{balancer}/inboundNatRules/rdp", {"properties": rule}) in {200, 201}
        azure.app.platform.clock.move(timedelta(minutes=1))
        (listed,) = (await azure.of(f"{VMS}/one/ports")).body["value"]
        assert (listed["name"], listed["port"], listed["localPort"], listed["ours"]) == ("rdp", 4000, 3389, False)
        assert listed["publicIp"]
        assert (await azure.of(f"{VMS}/one")).body["ports"] == [listed]
        refused = await azure.call("DELETE", f"/tenants/contoso{VMS}/one/ports/rdp")
        assert (refused.status, refused.code) == (409, "NotOurs")
        assert (await azure.done("POST", VMS, {**FRONT, "name": "two"}))["status"] == "Succeeded"
        before, standing = ids(azure), in_group(azure.estate(), "loadBalancers", GROUP)
        for path, body in ((f"{VMS}/two/ports", port(50_000)), (VMS, {**FRONT, "name": "three", "ports": [port(50_001)]})):
            refused = await azure.call("POST", f"/tenants/contoso{path}", body)
            assert (refused.status, refused.code) == (409, "NotOurs"), refused
        azure.fault("hide", method="GET", path="loadBalancers/theirs", lists=True, duration="PT1M")  # Azure finds it later
        ended = await azure.done("POST", f"{VMS}/two/ports", port(50_000))
        assert (ended["status"], ended["error"]["code"], ended["result"]["left"]) == ("Failed", "NotOurs", []), ended
        assert ids(azure) == before
        assert in_group(azure.estate(), "loadBalancers", GROUP) == standing

    run(test, tmp_path / "log", networks)


def test_what_the_subnet_keeps_from_a_machine_with_ports_is_a_warning(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        made = await azure.done("POST", VMS, {**LINUX, "ports": [port(50_000)]})
        later = await azure.done("POST", VMS, {**LINUX, "name": "lin02"})
        opened = await azure.done("POST", f"{VMS}/lin02/ports", port(50_000))
        assert (made["status"], later["status"], opened["status"]) == ("Succeeded",) * 3
        assert later["result"]["warnings"] == []
        assert made["result"]["warnings"] == opened["result"]["warnings"]
        outbound, group = opened["result"]["warnings"]
        assert "outbound" in outbound
        assert "/networkSecurityGroups/of-the-subnet" in group

    def guarded(estate: Json) -> None:
        networks(estate)
        network = next(one for one in estate["virtualNetworks"] if one["id"].endswith("/contoso-westeurope"))
        group = f"{network['id'].partition('/virtualNetworks/')[0]}/networkSecurityGroups/of-the-subnet"
        network["subnets"][0]["networkSecurityGroup"] = group
        estate["networkSecurityGroups"] = [{"id": group, "location": "westeurope", "properties": {}}]

    run(test, tmp_path / "log", guarded)
