"""Capture with `reprovision`: the machine is made anew from its image, under its name, with what it had."""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.virtual_machines.reprovisioning.losses import is_whole, lost
from tests.support.secrets import OWN
from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_creation import LINUX, SAMPLE, ids, networks
from tests.virtual_machines.test_power_actions import with_power

VMS = "/virtual-machines"
ANEW: Json = {"adminUsername": "newuser", "adminPassword": {"value": "anOther-Pwd2"}, "computerName": "again"}
CAPTURE: Json = {
    "imageName": "golden", "after": "reprovision", "prepared": True, "confirm": "sampleRole", "reprovision": ANEW,
}  # fmt: skip


async def prepared(azure: Machines, body: Json = SAMPLE) -> Json:
    """Make a machine, stop it, and return what it was."""
    made = await azure.done("POST", VMS, body)
    assert made["status"] == "Succeeded", made
    name = body["name"]
    await azure.done("POST", f"{VMS}/{name}/shut-down", {"state": "stopped"})
    found: Json = (await azure.of(f"{VMS}/{name}")).body
    return found


def shared(shown: Json) -> Json:
    """Return of a machine what stays as it was."""
    names = ("name", "service", "deployment", "slot", "size", "zone", "tags", "dataDisks", "ports", "publicIp", "subnetId", "region")
    return {name: shown[name] for name in names}


def test_CaptureRoleInstance_with_Reprovision(tmp_path: Path) -> None:  # noqa: N802  # the operation's name
    async def test(azure: Machines) -> None:
        start = ids(azure)
        before = await prepared(azure)
        made = ids(azure)
        ended = await azure.done("POST", f"{VMS}/sampleRole/capture", CAPTURE)
        assert ended["status"] == "Succeeded", ended
        after = (await azure.of(f"{VMS}/sampleRole")).body
        assert shared(after) == shared(before)
        assert (after["powerState"], after["computerName"], after["adminUsername"]) == ("running", "again", "newuser")
        assert after["image"] == ended["result"]["imageId"]
        assert [disk["lun"] for disk in after["dataDisks"]] == [0]
        assert ended["result"]["kept"] == [before["osDisk"]["id"]]
        assert after["osDisk"]["id"] != before["osDisk"]["id"]
        assert len(ids(azure)) == len(made) + 1  # the old OS disk, which is kept
        assert azure.app.vaults.names() == []
        await azure.done("DELETE", f"/disks/{before['osDisk']['name']}", {"confirm": before["osDisk"]["name"]})
        gone = await azure.done("DELETE", f"{VMS}/sampleRole?confirm=sampleRole&deleteDisks=all")
        assert gone["status"] == "Succeeded", gone
        assert ids(azure) == start

    run(test, tmp_path / "log", networks)


def test_a_machine_of_its_own_by_message_and_its_old_disk_deleted(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = await prepared(azure, {**LINUX, "ports": SAMPLE["ports"], "dataDisks": [{"lun": 3, "sizeGB": 4}, {"lun": 7, "sizeGB": 4}]})
        made = ids(azure)
        azure.app.vaults.add(f"{OWN}/secrets/incoming-one", "anOther-Pwd2", {"tenant": "contoso"})
        anew = {"adminUsername": "newuser", "adminPassword": {"keyVaultSecretId": f"{OWN}/secrets/incoming-one"}}
        body = {key: value for key, value in CAPTURE.items() if key != "confirm"} | {"reprovision": anew, "deleteDisks": "os"}
        await azure.send({"id": "m1", "tenant": "contoso", "operation": "virtualMachine.capture", "target": "lin01", **body})
        (operation,) = [
            one["id"] for one in (await azure.call("GET", "/operations?kind=virtualMachine")).body["value"] if one["action"] == "capture"
        ]
        ended = await azure.ended(operation)
        assert ended["status"] == "Succeeded", ended
        after = (await azure.of(f"{VMS}/lin01")).body
        assert shared(after) == shared(before)
        assert [disk["lun"] for disk in after["dataDisks"]] == [3, 7]
        assert ended["result"]["kept"] == []
        assert len(ids(azure)) == len(made)
        await azure.send({"id": "m2", "tenant": "contoso", "operation": "virtualMachine.capture", "target": "lin01", **CAPTURE})
        rejected = (await azure.call("GET", "/rejected-messages", tenant="provider", roles=("Admin",))).body["value"]
        assert [one["reason"]["code"] for one in rejected] == ["SecretInMessage"]

    run(test, tmp_path / "log", networks)


@pytest.mark.parametrize(("changed", "code", "target"), [
    ({"reprovision": None}, "InvalidRequest", "reprovision"),
    ({"after": "delete"}, "InvalidRequest", "reprovision"),
    ({"deleteDisks": "all"}, "InvalidRequest", "deleteDisks"),
    ({"reprovision": {**ANEW, "adminUsername": "administrator"}}, "InvalidRequest", "reprovision.adminUsername"),
    ({"reprovision": {**ANEW, "adminPassword": {"value": "short"}}}, "InvalidRequest", "reprovision.adminPassword"),
    ({"reprovision": {**ANEW, "computerName": "1234567"}}, "InvalidRequest", "reprovision.computerName"),
    ({"reprovision": {**ANEW, "adminPassword": {"keyVaultSecretId": "https://foreign.vault.azure.net/secrets/a"}}}, "NotFound",
     "reprovision.adminPassword"),
])  # fmt: skip
def test_what_cannot_be_made_anew_is_refused(tmp_path: Path, changed: Json, code: str, target: str) -> None:
    async def test(azure: Machines) -> None:
        body = {**CAPTURE, "confirm": "contoso-web01", **changed}
        answer = await azure.call("POST", f"/tenants/contoso{VMS}/contoso-web01/capture", body)
        assert (answer.code, answer.target) == (code, target), answer
        assert azure.effects() == []
        assert azure.app.vaults.names() == []

    run(test, tmp_path / "log", with_power(powerState="stopped"))


MODEL: Json = {
    "properties": {
        "hardwareProfile": {"vmSize": "Standard_D2s_v3"}, "provisioningState": "Succeeded", "priority": "Regular",
        "storageProfile": {"osDisk": {"managedDisk": {"id": "a"}}, "dataDisks": [{"lun": 0, "managedDisk": {"id": "b"}}]},
        "osProfile": {"computerName": "a", "secrets": [], "windowsConfiguration": {"provisionVMAgent": True}},
        "networkProfile": {"networkInterfaces": [{"id": "n"}]}, "securityProfile": {"securityType": "Standard"},
        "additionalCapabilities": {"hibernationEnabled": False},
    },
}  # fmt: skip
ADAPTER: Json = {
    "properties": {
        "ipConfigurations": [{"properties": {"subnet": {"id": "s"}, "loadBalancerBackendAddressPools": [{"id": "p"}]}}],
        "dnsSettings": {"dnsServers": []}, "enableAcceleratedNetworking": False,
    },
}  # fmt: skip


def within(*path: str | int, value: Any) -> Callable[[Json], None]:
    """Return a change of one member of a document."""

    def change(body: Json) -> None:
        at: Any = body
        for part in path[:-1]:
            at = at[part]
        at[path[-1]] = value

    return change


@pytest.mark.parametrize(("machine", "adapter"), [
    (within("properties", value=None), None),
    (within("properties", "storageProfile", value=None), None),
    (None, within("properties", value=None)),
    (None, within("properties", "ipConfigurations", value=[])),
    (None, within("properties", "ipConfigurations", 0, "properties", "subnet", value=None)),
])  # fmt: skip
def test_a_machine_is_not_made_anew_from_half_of_what_it_is(
    machine: Callable[[Json], None] | None, adapter: Callable[[Json], None] | None
) -> None:
    model, card = deepcopy(MODEL), deepcopy(ADAPTER)
    assert is_whole(model, card)
    if machine is not None:
        machine(model)
    if adapter is not None:
        adapter(card)
    assert not is_whole(model, card)
    assert not is_whole(None, card)
    assert not is_whole(model, None)


@pytest.mark.parametrize(("machine", "adapter", "what"), [
    (None, None, None),
    (within("identity", value={"type": "SystemAssigned"}), None, "identity"),
    (within("plan", value={"name": "p"}), None, "plan"),
    (within("resources", value=[{"name": "agent"}]), None, "an extension"),
    (within("properties", "licenseType", value="Windows_Server"), None, "licenseType"),
    (within("properties", "priority", value="Spot"), None, "priority Spot"),
    (within("properties", "additionalCapabilities", value={"ultraSSDEnabled": True}), None, "additionalCapabilities"),
    (within("properties", "securityProfile", value={"encryptionAtHost": True}), None, "securityProfile"),
    (within("properties", "networkProfile", "networkInterfaces", value=[{"id": "n"}, {"id": "m"}]), None, "a second adapter"),
    (within("properties", "storageProfile", "osDisk", "managedDisk", "diskEncryptionSet", value={"id": "e"}), None,
     "osDisk.diskEncryptionSet"),
    (None, within("properties", "enableAcceleratedNetworking", value=True), "enableAcceleratedNetworking"),
    (None, within("properties", "dnsSettings", "dnsServers", value=["10.0.0.4"]), "dnsSettings"),
    (None, within("properties", "ipConfigurations", 0, "properties", "publicIPAddress", value={"id": "i"}), "publicIPAddress"),
])  # fmt: skip
def test_what_would_be_lost_is_named(
    machine: Callable[[Json], None] | None, adapter: Callable[[Json], None] | None, what: str | None
) -> None:
    model, card = deepcopy(MODEL), deepcopy(ADAPTER)
    if machine is not None:
        machine(model)
    if adapter is not None:
        adapter(card)
    assert lost(model, card) == what


POINTS = ("step.claimed", "step.intended", "step.sent", "step.ended", "check.read", "finish.written")


@pytest.mark.parametrize("seed", range(3))
def test_it_survives_deaths_and_lost_answers(tmp_path: Path, seed: int) -> None:
    async def test(azure: Machines) -> None:
        before = await prepared(azure)
        made, chance = ids(azure), azure.app.chance
        for fault, options in (("lostResponse", {}), ("errorAfterEffect", {"status": 500})):
            path = chance.choice(["virtualMachines/", "images/", "networkInterfaces/"])
            azure.fault(fault, method=chance.choice(["PUT", "POST", "DELETE"]), path=path, times=chance.randint(1, 2), **options)
        operation = await azure.start("POST", f"{VMS}/sampleRole/capture", CAPTURE)
        for _ in range(12):
            azure.app.points.arm(chance.choice(POINTS))
            await azure.pass_time(timedelta(seconds=20))
        azure.app.points.disarm()
        ended = await azure.ended(operation, most=timedelta(hours=6))
        assert ended["status"] == "Succeeded", ended
        after = (await azure.of(f"{VMS}/sampleRole")).body
        assert shared(after) == shared(before)
        assert len(ids(azure)) == len(made) + 1

    run(test, tmp_path / "log", networks, seed=seed)


def test_a_machine_that_cannot_be_made_anew_leaves_what_there_was(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = await prepared(azure)
        made = ids(azure)
        azure.fault("failMachine", at="create", code="AllocationFailed")
        ended = await azure.done("POST", f"{VMS}/sampleRole/capture", CAPTURE)
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "CapacityUnavailable"), ended
        assert (await azure.of(f"{VMS}/sampleRole")).code == "NotFound"
        stays = {disk["id"] for disk in before["dataDisks"]} | {before["osDisk"]["id"], ended["result"]["imageId"]}
        assert stays <= set(ended["result"]["kept"])
        missing = {one for one in made - ids(azure) if "/networkinterfaces/" not in one and "/virtualmachines/" not in one}
        assert missing == set()
        assert ids(azure) - made == set()
        again = {**SAMPLE, "image": "golden", "dataDisks": [], "ports": []}
        assert (await azure.done("POST", VMS, again))["status"] == "Succeeded"

    run(test, tmp_path / "log", networks)


def test_disks_that_azure_would_delete_with_the_machine_are_kept(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        shown = (await azure.of(f"{VMS}/contoso-web01")).body
        disks = {shown["osDisk"]["id"].lower(), *(disk["id"].lower() for disk in shown["dataDisks"])}
        ended = await azure.done("DELETE", f"{VMS}/contoso-web01?confirm=contoso-web01")
        assert ended["status"] == "Succeeded", ended
        assert disks <= {one["id"].lower() for one in azure.estate()["disks"]}
        assert disks <= {one.lower() for one in ended["result"]["kept"]}
        assert len(azure.effects("contoso-web01", "PATCH")) == 1

    def goes(estate: Json) -> None:
        machine = next(one for one in estate["virtualMachines"] if one["id"].endswith("/contoso-web01"))
        machine["disks"] = [{"id": disk, "deleteOption": "Delete"} for disk in machine["disks"]]

    run(test, tmp_path / "log", goes)
