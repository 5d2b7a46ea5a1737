"""Data disks added, changed and removed; services, deployments, sizes, networks, images and disks read."""

from pathlib import Path

import pytest

from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.test_creation import LINUX, networks
from tests.virtual_machines.test_power_actions import with_power

VM = "/virtual-machines/contoso-web01"
GROUP = "contoso-production"


async def luns(azure: Machines) -> dict[int, Json]:
    """Return the machine's data disks by LUN."""
    return {disk["lun"]: disk for disk in (await azure.of(f"{VM}/data-disks")).body["value"]}


@pytest.mark.parametrize("power", ["running", "deallocated"])
def test_AddDataDisk_and_RemoveDataDisk(tmp_path: Path, power: str) -> None:  # noqa: N802  # the operations' names
    async def test(azure: Machines) -> None:
        before = await luns(azure)
        by_size = await azure.done("POST", f"{VM}/data-disks", {"sizeGB": 10, "caching": "ReadOnly"})
        assert by_size["status"] == "Succeeded", by_size
        assert by_size["result"]["lun"] == 2
        source = before[0]["id"]
        copied = await azure.done("POST", f"{VM}/data-disks", {"lun": 5, "source": {"id": source}, "name": "copied"})
        assert copied["status"] == "Succeeded", copied
        now = await luns(azure)
        assert (now[2]["sizeGB"], now[2]["caching"], now[5]["name"]) == (10, "ReadOnly", "copied")
        removed = await azure.done("DELETE", f"{VM}/data-disks/5")
        assert (removed["status"], removed["result"]["changed"]) == ("Succeeded", True), removed
        again = await azure.done("POST", f"{VM}/data-disks", {"existing": "copied", "sizeGB": 200, "lun": 7})
        assert again["status"] == "Succeeded", again
        assert (await luns(azure))[7]["sizeGB"] == 200
        refused = await azure.call("DELETE", f"/tenants/contoso{VM}/data-disks/7", {"deleteDisk": True, "confirm": "another"})
        assert (refused.status, refused.target) == (400, "confirm")
        for lun, name in ((7, "copied"), (2, now[2]["name"])):
            gone = await azure.done("DELETE", f"{VM}/data-disks/{lun}", {"deleteDisk": True, "confirm": name})
            assert gone["status"] == "Succeeded", gone
        assert await luns(azure) == before
        assert "copied" not in {one["id"].rpartition("/")[2] for one in in_group(azure.estate(), "disks", GROUP)}

    run(test, tmp_path / "log", with_power(powerState=power))


def test_ModifyDataDisk(tmp_path: Path) -> None:  # noqa: N802  # the operation's name
    async def test(azure: Machines) -> None:
        refused = await azure.call("PATCH", f"/tenants/contoso{VM}/data-disks/0", {"caching": "ReadOnly"})
        assert (refused.status, refused.code, refused.target) == (409, "NeedsInterruption", "caching")
        changed = await azure.done("PATCH", f"{VM}/data-disks/0", {"caching": "ReadOnly", "sizeGB": 100, "acceptInterruption": True})
        assert (changed["status"], changed["result"]["changed"]) == ("Succeeded", True), changed
        disk = (await luns(azure))[0]
        assert (disk["caching"], disk["sizeGB"]) == ("ReadOnly", 100)
        same = await azure.done("PATCH", f"{VM}/data-disks/0", {"caching": "ReadOnly", "sizeGB": 100})
        assert (same["status"], same["result"]["changed"]) == ("Succeeded", False), same
        smaller = await azure.call("PATCH", f"/tenants/contoso{VM}/data-disks/0", {"sizeGB": 1})
        assert (smaller.status, smaller.target) == (400, "sizeGB")
        larger = await azure.call("PATCH", f"/tenants/contoso{VM}/data-disks/0", {"sizeGB": 5000})
        assert (larger.status, larger.code, larger.target) == (409, "NeedsDetach", "sizeGB")

    run(test, tmp_path / "log")


@pytest.mark.parametrize(("body", "status", "code", "target"), [
    ({"sizeGB": 1, "lun": 0}, 409, "LunTaken", "lun"),
    ({"sizeGB": 1, "lun": 64}, 400, "InvalidRequest", "lun"),
    ({"existing": "contoso-vault01-os"}, 409, "DiskInUse", "existing"),
    ({"existing": "contoso-app01-os"}, 400, "InvalidRequest", "existing"),
    ({"existing": "never-was"}, 404, "NotFound", "existing"),
    ({}, 400, "InvalidRequest", None),
])  # fmt: skip
def test_a_disk_that_cannot_be_added_is_refused(tmp_path: Path, body: Json, status: int, code: str, target: str | None) -> None:
    async def test(azure: Machines) -> None:
        answer = await azure.call("POST", f"/tenants/contoso{VM}/data-disks", body)
        assert (answer.status, answer.code, answer.target) == (status, code, target)
        assert (await azure.call("DELETE", f"/tenants/contoso{VM}/data-disks/9")).status == 404
        assert (await azure.call("DELETE", f"/tenants/contoso{VM}/data-disks/x")).status == 404

    run(test, tmp_path / "log")


def test_a_disk_that_cannot_be_attached_is_removed_again(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = {one["id"] for one in in_group(azure.estate(), "disks", GROUP)}
        azure.fault("error", method="POST", path="attachDetachDataDisks", status=409, code="OperationNotAllowed", times=1)
        ended = await azure.done("POST", f"{VM}/data-disks", {"sizeGB": 10})
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "AzureRefused"), ended
        assert {one["id"] for one in in_group(azure.estate(), "disks", GROUP)} == before

    run(test, tmp_path / "log")


def test_GetHostedService_GetDeployment_and_what_a_tenant_can_choose(tmp_path: Path) -> None:  # noqa: N802  # the operations' names
    async def test(azure: Machines) -> None:
        port = {"name": "ssh", "protocol": "tcp", "port": 50_000, "localPort": 22}
        deployment = {"name": "front", "slot": "Staging", "label": "The front"}
        await azure.done("POST", "/virtual-machines", {**LINUX, "deployment": deployment, "ports": [port]})
        services = (await azure.of("/services")).body["value"]
        assert [one["name"] for one in services] == ["contoso-production", "contoso-recovery"]
        assert (await azure.of(f"/services/{GROUP}")).body == services[0]
        for name in ("fabrikam-production", "%2E%2E", "%2E", "a%2Fb", "%FF"):
            for path in (f"/services/{name}", f"/services/{name}/deployments"):
                assert (await azure.of(path)).code == "NotFound", path
        unknown = [await azure.of(path) for path in ("/sizes?region=atlantis", "/disks?state=Lost")]
        assert [(one.status, one.code, one.target) for one in unknown] == [
            (400, "UnknownRegion", "region"), (400, "InvalidRequest", "state"),
        ]  # fmt: skip
        found = (await azure.of(f"/services/{GROUP}/deployments?slot=Staging")).body["value"]
        assert (await azure.of(f"/services/{GROUP}/deployments/front")).body == found[0]
        assert (found[0]["label"], found[0]["slot"], found[0]["status"]) == ("The front", "Staging", "Running")
        assert [one["name"] for one in found[0]["virtualMachines"]] == ["lin01"]
        assert found[0]["inputPorts"][0]["publicIp"] == found[0]["publicIp"]
        assert (await azure.of(f"/services/{GROUP}/deployments?slot=Production")).body["value"] == []
        assert (await azure.of(f"/services/{GROUP}/deployments?slot=Staged")).status == 400
        sizes = {one["name"]: one for one in (await azure.of("/sizes?region=West%20Europe")).body["value"]}
        assert (sizes["Standard_D2s_v3"]["cores"], sizes["Standard_M64s"]["available"]) == (2, False)
        networks_of = (await azure.of("/networks?region=westeurope")).body["value"]
        assert [one["region"] for one in networks_of] == ["westeurope"]
        await azure.done("POST", "/virtual-machines", {**LINUX, "name": "lin02"})
        again = (await azure.of("/networks?region=westeurope")).body["value"]
        assert again[0]["freeAddresses"] == networks_of[0]["freeAddresses"] - 1
        assert (await azure.of("/images")).body["value"] == []
        assert (await azure.of("/disks?state=Attached&region=westeurope")).body["value"][0]["name"] == "contoso-vault01-data1"
        assert (await azure.of("/disks/contoso-web01-os")).body["osType"] == "Windows"
        assert (await azure.of("/disks/never-was")).code == "NotFound"

    run(test, tmp_path / "log", networks)
