"""A machine's size, OS disk and tags changed."""

from pathlib import Path

import pytest

from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_power_actions import with_power

VM = "/virtual-machines/contoso-web01"


@pytest.mark.parametrize(("body", "status", "code", "target"), [
    ({"size": "Standard_Nope"}, 400, "InvalidRequest", "size"),
    ({"size": "Standard_M64s"}, 400, "InvalidRequest", "size"),
    ({"size": "Standard_D2s_v3"}, 409, "NeedsInterruption", "size"),
    ({"size": "Standard_D4s_v5"}, 409, "NeedsDeallocation", "size"),
    ({"osDisk": {"sizeGB": 10}}, 400, "InvalidRequest", "osDisk.sizeGB"),
    ({"osDisk": {"sizeGB": 256}}, 409, "NeedsDeallocation", "osDisk.sizeGB"),
    ({"osDisk": {"caching": "None"}}, 409, "NeedsInterruption", "osDisk.caching"),
    ({"zone": "1"}, 400, "InvalidRequest", "zone"),
])  # fmt: skip
def test_what_needs_consent_or_cannot_be_changed_is_refused(tmp_path: Path, body: Json, status: int, code: str, target: str) -> None:
    async def test(azure: Machines) -> None:
        answer = await azure.call("PATCH", f"/tenants/contoso{VM}", body)
        assert (answer.status, answer.code, answer.target) == (status, code, target), answer
        assert azure.effects("contoso-web01") == []

    run(test, tmp_path / "log", with_power(powerState="running"))


def test_ModifyRole(tmp_path: Path) -> None:  # noqa: N802  # the operation's name
    async def test(azure: Machines) -> None:
        standing = (await azure.of(VM)).body["tags"]
        tagged = await azure.done("PATCH", VM, {"tags": {"cost": "42"}})
        assert (tagged["status"], tagged["result"]["changed"]) == ("Succeeded", True), tagged
        more = await azure.done("PATCH", VM, {"tags": {"owner": "ops", "COST": None}})
        assert (await azure.of(VM)).body["tags"] == {**standing, "owner": "ops"}, more
        await azure.done("PATCH", VM, {"tags": {"owner": None, "cost": "42"}})
        resized = await azure.done("PATCH", VM, {"size": "Standard_D2s_v3", "acceptInterruption": True})
        assert resized["status"] == "Succeeded", resized
        larger = await azure.done("PATCH", VM, {"osDisk": {"sizeGB": 256, "caching": "ReadOnly"}, "acceptDeallocation": True})
        assert (larger["status"], larger["result"]["powerState"]) == ("Succeeded", "running"), larger
        shown = (await azure.of(VM)).body
        assert (shown["tags"], shown["size"], shown["osDisk"]["sizeGB"], shown["osDisk"]["caching"], shown["powerState"]) == (
            {**standing, "cost": "42"}, "Standard_D2s_v3", 256, "ReadOnly", "running",
        )  # fmt: skip
        same = await azure.done("PATCH", VM, {"size": "Standard_D2s_v3", "tags": {"cost": "42"}})
        assert (same["status"], same["result"]["changed"]) == ("Succeeded", False), same

    run(test, tmp_path / "log", with_power(powerState="running"))


def test_a_start_that_azure_refuses_leaves_the_machine_deallocated(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("error", method="POST", path="/start", status=409, code="AllocationFailed", times=1)
        ended = await azure.done("PATCH", VM, {"size": "Standard_F2s_v2", "acceptDeallocation": True})
        assert (ended["status"], ended["error"]["code"], ended["result"]["powerState"]) == ("Failed", "CapacityUnavailable", "deallocated")

    run(test, tmp_path / "log", with_power(powerState="running"))
