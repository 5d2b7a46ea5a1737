"""Machines of one deployment share set, balancer and address, however many workers make and delete them at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.virtual_machines.histories import settle
from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.test_azure_failures import outside
from tests.virtual_machines.test_creation import GROUP, LINUX, ids, networks

VMS = "/virtual-machines"
MINUTE = timedelta(minutes=1)
FRONT: Json = {**LINUX, "deployment": {"name": "front"}}


def port(number: int, name: str = "ssh") -> Json:
    return {"name": name, "protocol": "tcp", "port": number, "localPort": 22}


def test_twenty_machines_at_once_with_workers_that_die(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before, names, chance = ids(azure), [f"role{number}" for number in range(20)], azure.app.chance
        bodies = [{**FRONT, "name": name, "ports": [port(50_000 + number)]} for number, name in enumerate(names)]
        ends = await settle(azure, [await azure.start("POST", VMS, body) for body in bodies], chance, step=MINUTE)
        assert [end["status"] for end in ends] == ["Succeeded"] * 20, ends
        for kind in ("availabilitySets", "loadBalancers", "publicIPAddresses"):
            assert len(in_group(azure.estate(), kind, GROUP)) == 1, kind
        more = [
            await azure.start("POST", f"{VMS}/{name}/ports", {**port(60_000 + n, "web"), "localPort": 443})
            for n, name in enumerate(names[:4])
        ]
        ends = await settle(azure, more, chance, step=MINUTE)
        assert [end["status"] for end in ends] == ["Succeeded"] * 4, ends
        found = (await azure.of(f"/services/{GROUP}/deployments/front")).body
        assert {(one["virtualMachine"], one["port"]) for one in found["inputPorts"]} == {
            *((name, 50_000 + number) for number, name in enumerate(names)),
            *((name, 60_000 + number) for number, name in enumerate(names[:4])),
        }
        deletions = [await azure.start("DELETE", f"{VMS}/{name}?confirm={name}&deleteDisks=all") for name in names]
        ends = await settle(azure, deletions, chance, step=MINUTE)
        assert [end["status"] for end in ends] == ["Succeeded"] * 20, ends
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


@pytest.mark.parametrize("method", ["GET", "PUT"], ids=["hidden from reads and lists", "hidden from lists"])
def test_a_set_and_balancer_that_reads_do_not_show_are_not_made_again(tmp_path: Path, method: str) -> None:
    """Creation of a second machine, a port of a third, and the end of all: each meets the fault for six minutes."""

    async def test(azure: Machines) -> None:
        def hide() -> None:
            azure.fault("hide", method=method, path="(loadBalancers|publicIPAddresses)/[^/]+$", lists=True, duration="PT6M")
            azure.fault("hide", method="PUT", path="availabilitySets/[^/]+$", lists=True, duration="PT6M")

        before = ids(azure)
        for number, name in enumerate(("one", "two", "three")):
            ended = await azure.done("POST", VMS, {**FRONT, "name": name, "ports": [port(50_000 + number)][: 2 - number]})
            assert ended["status"] == "Succeeded", ended
            hide()
        ended = await azure.done("POST", f"{VMS}/three/ports", port(52_000))
        assert ended["status"] == "Succeeded", ended
        for kind in ("availabilitySets", "loadBalancers", "publicIPAddresses"):
            assert len(in_group(azure.estate(), kind, GROUP)) == 1, kind
        for name in ("one", "two", "three"):
            hide()
            ended = await azure.done("DELETE", f"{VMS}/{name}?confirm={name}&deleteDisks=all")
            assert (ended["status"], ended["result"]["left"]) == ("Succeeded", []), ended
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


def test_two_that_ask_for_the_same_port_at_once(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        for name in ("one", "two"):
            assert (await azure.done("POST", VMS, {**FRONT, "name": name}))["status"] == "Succeeded"
        operations = [await azure.start("POST", f"{VMS}/{name}/ports", port(50_000)) for name in ("one", "two")]
        ends = [await azure.ended(operation) for operation in operations]
        assert sorted(end["status"] for end in ends) == ["Failed", "Succeeded"], ends
        (failed,) = [end for end in ends if end["status"] == "Failed"]
        assert (failed["error"]["code"], failed["error"]["target"], failed["result"]["left"]) == ("PortTaken", "port", []), failed
        loser = ("one", "two")[ends.index(failed)]
        assert (await azure.of(f"{VMS}/{loser}/ports")).body["value"] == []
        late = await azure.call("POST", f"/tenants/contoso{VMS}/{loser}/ports", port(50_000))
        assert (late.status, late.code, late.target) == (409, "PortTaken", "port")
        operations = [await azure.start("POST", VMS, {**FRONT, "name": name, "ports": [port(51_000)]}) for name in ("three", "four")]
        ends = [await azure.ended(operation) for operation in operations]
        assert sorted(end["status"] for end in ends) == ["Failed", "Succeeded"], ends
        assert {end["error"]["code"] for end in ends if end["error"]} == {"PortTaken"}, ends

    run(test, tmp_path / "log", networks)


def test_a_set_behind_anothers_balancer_is_not_changed(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        assert (await azure.done("POST", VMS, {**FRONT, "name": "one"}))["status"] == "Succeeded"
        theirs = another_balancer(azure)
        refused = await azure.call("POST", f"/tenants/contoso{VMS}/one/ports", port(50_000))
        assert (refused.status, refused.code) == (409, "NotOurs")
        (standing,) = in_group(azure.estate(), "loadBalancers", GROUP)
        assert standing == theirs

    run(test, tmp_path / "log", networks)


def another_balancer(azure: Machines) -> Json:
    """Put the machine's adapter behind a public balancer that Farshore did not make, and return that."""
    (adapter,) = in_group(azure.estate(), "networkInterfaces", GROUP)[-1:]
    network = adapter["id"].rpartition("/networkInterfaces/")[0]
    sku, where = {"name": "Standard"}, {"location": "westeurope"}
    address, balancer = f"{network}/publicIPAddresses/theirs", f"{network}/loadBalancers/theirs"
    static = {"publicIPAllocationMethod": "Static"}
    assert outside(azure, "PUT", address, {**where, "sku": sku, "properties": static}) == 201
    front = {"name": "front", "properties": {"publicIPAddress": {"id": address}}}
    pools = [{"name": "pool"}]
    properties = {"frontendIPConfigurations": [front], "backendAddressPools": pools}
    assert outside(azure, "PUT", balancer, {**where, "sku": sku, "properties": properties}) == 201
    azure.app.platform.clock.move(MINUTE)
    estate = azure.estate()
    found = next(one for one in estate["networkInterfaces"] if one["id"] == adapter["id"])
    inner = found.get("properties", found)
    inner["ipConfigurations"][0].setdefault("properties", {})["loadBalancerBackendAddressPools"] = [
        {"id": f"{balancer}/backendAddressPools/pool"}
    ]
    status = outside(azure, "PUT", adapter["id"], {**where, "tags": found.get("tags", {}), "properties": inner})
    assert status in {200, 201}, status
    azure.app.platform.clock.move(MINUTE)
    (theirs,) = in_group(azure.estate(), "loadBalancers", GROUP)
    return theirs
