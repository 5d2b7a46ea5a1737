"""A machine made and deleted, from the request to Azure and back: what each refuses, makes, tidies and leaves."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.secrets import OWN
from tests.virtual_machines.kit import Json, Machines, in_group, run

GROUP = "contoso-production"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPRn1rZmXeEhhDsqxbGXyX3dYpKHaItq4Z4e8Yw0ZQ5v"
WINDOWS = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter-azure-edition", "version": "latest"}
UBUNTU = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
OLD = {"publisher": "Debian", "offer": "debian-12", "sku": "12", "version": "latest"}
PLANNED = {"publisher": "bitnami", "offer": "nginxstack", "sku": "1-10", "version": "latest"}
SAMPLE: Json = {
    "name": "sampleRole", "service": GROUP, "size": "Standard_D2s_v3", "image": WINDOWS, "computerName": "sampleMach1",
    "deployment": {"name": "sampleDeployment", "slot": "Staging"}, "adminUsername": "azureuser", "adminPassword": {"value": "myAdminPwd1"},
    "dataDisks": [{"lun": 0, "sizeGB": 10}], "ports": [{"name": "rdp", "protocol": "tcp", "port": 59919, "localPort": 3395}],
    "tags": {"cost": "42"},
}  # fmt: skip
LINUX: Json = {
    "name": "lin01", "service": GROUP, "size": "Standard_D2s_v3", "image": UBUNTU, "adminUsername": "azureuser", "sshPublicKeys": [KEY],
}  # fmt: skip
KINDS = (
    "virtualMachines", "disks", "availabilitySets", "networkInterfaces", "networkSecurityGroups", "publicIPAddresses", "loadBalancers",
)  # fmt: skip
VMS = "/virtual-machines"


def networks(estate: Json) -> None:
    """Register contoso's networks, whose subnets are big enough."""
    known = {one["id"].rpartition("/")[2]: one for one in estate["virtualNetworks"]}
    tenant = next(one for one in estate["tenants"] if one["name"] == "contoso")
    tenant["networks"] = [
        {"region": region, "subnetId": f"{known[f'contoso-{region}']['id']}/subnets/default"} for region in ("westeurope", "northeurope")
    ]


def ids(azure: Machines) -> set[str]:
    """Return the ids of everything that machines have."""
    estate = azure.estate()
    return {one["id"].lower() for kind in KINDS for one in in_group(estate, kind, GROUP)}


def test_CreateDeployment_and_DeleteRole_leave_the_estate_as_it_was(tmp_path: Path) -> None:  # noqa: N802  # the operations' names
    async def test(azure: Machines) -> None:
        before = ids(azure)
        ended = await azure.done("POST", VMS, SAMPLE)
        assert (ended["status"], ended["action"]) == ("Succeeded", "create"), ended
        shown = (await azure.of(f"{VMS}/sampleRole")).body
        assert (shown["deployment"], shown["slot"], shown["powerState"], shown["computerName"]) == (
            "sampleDeployment", "Staging", "running", "sampleMach1",
        )  # fmt: skip
        assert [(disk["lun"], disk["sizeGB"]) for disk in shown["dataDisks"]] == [(0, 10)]
        assert shown["tags"] == {"cost": "42"}
        assert [(port["name"], port["port"], port["publicIp"]) for port in shown["ports"]] == [("rdp", 59919, shown["publicIp"])]
        assert shown["privateIp"].startswith("10.10.0.")
        estate = azure.estate()
        assert len(in_group(estate, "loadBalancers", GROUP)) == len(in_group(estate, "publicIPAddresses", GROUP)) == 1
        assert azure.app.vaults.names() == [], "the password is deleted with the end of the operation"
        refused = await azure.call("DELETE", f"/tenants/contoso{VMS}/sampleRole?confirm=another")
        assert (refused.status, refused.target) == (400, "confirm")
        gone = await azure.done("DELETE", f"{VMS}/sampleRole?confirm=sampleRole&deleteDisks=all")
        assert (gone["status"], gone["result"]["left"]) == ("Succeeded", []), gone
        assert ids(azure) == before
        assert (await azure.of(f"{VMS}/sampleRole")).code == "NotFound"

    run(test, tmp_path / "log", networks)


def test_a_deletion_keeps_disks_and_what_others_made(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        await azure.done("POST", VMS, {**LINUX, "dataDisks": [{"sizeGB": 4, "name": "kept"}]})
        disks = {one["id"].lower() for one in in_group(azure.estate(), "disks", GROUP)}
        gone = await azure.done("DELETE", f"{VMS}/lin01", {"confirm": "lin01"})
        assert gone["status"] == "Succeeded", gone
        assert {one["id"].lower() for one in in_group(azure.estate(), "disks", GROUP)} == disks
        assert {one.rpartition("/")[2] for one in gone["result"]["kept"]} >= {"kept"}
        again = await azure.done("DELETE", f"{VMS}/contoso-web01", {"confirm": "contoso-web01", "deleteDisks": "os"})
        assert again["status"] == "Succeeded", again
        names = {one["id"].rpartition("/")[2] for one in in_group(azure.estate(), "disks", GROUP)}
        assert "contoso-web01-os" not in names
        assert "contoso-web01-data1" in names

    run(test, tmp_path / "log", networks)


def test_AddRole_joins_the_deployment_and_shares_its_balancer(tmp_path: Path) -> None:  # noqa: N802  # the operation's name
    async def test(azure: Machines) -> None:
        before, names = ids(azure), [f"role{number}" for number in range(4)]
        operations = []
        for number, name in enumerate(names):
            port = {"name": "ssh", "protocol": "tcp", "port": 50_000 + number, "localPort": 22}
            operations.append(await azure.start("POST", VMS, {**LINUX, "name": name, "deployment": {"name": "front"}, "ports": [port]}))
        for operation in operations:
            ended = await azure.ended(operation)
            assert ended["status"] == "Succeeded", ended
        estate = azure.estate()
        for kind in ("availabilitySets", "loadBalancers", "publicIPAddresses"):
            assert len(in_group(estate, kind, GROUP)) == 1, kind
        taken = await azure.call("POST", f"/tenants/contoso{VMS}", {
            **LINUX, "name": "late", "deployment": {"name": "front"},
            "ports": [{"name": "ssh", "protocol": "tcp", "port": 50_001, "localPort": 22}],
        })  # fmt: skip
        assert (taken.status, taken.code, taken.target) == (409, "PortTaken", "ports[0].port")
        deletions = [await azure.start("DELETE", f"{VMS}/{name}?confirm={name}&deleteDisks=all") for name in names]
        for operation in deletions:
            assert (await azure.ended(operation))["status"] == "Succeeded"
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


def machine(**changed: object) -> Json:
    return {name: value for name, value in {**LINUX, **changed}.items() if value is not None}


WINDOWS_MACHINE: Json = {
    "image": WINDOWS, "sshPublicKeys": None, "adminUsername": "azureuser", "adminPassword": {"value": "myAdminPwd1"},
}  # fmt: skip
FABRIKAM = "/subscriptions/{fabrikam}/resourceGroups/fabrikam-production/providers"


@pytest.mark.parametrize(("changed", "status", "code", "target"), [
    ({"size": "Standard_Nope"}, 400, "InvalidRequest", "size"),
    ({"size": "Standard_M64s"}, 400, "InvalidRequest", "size"),
    ({"region": "atlantis"}, 400, "UnknownRegion", "region"),
    ({"service": "never-was"}, 404, "NotFound", "service"),
    ({"service": "fabrikam-production"}, 404, "NotFound", "service"),
    ({"subscriptionId": "22222222-0000-4000-8000-000000000000"}, 404, "NotFound", "subscriptionId"),
    ({"name": "contoso-web01"}, 409, "NameTaken", "name"),
    ({"image": {**UBUNTU, "version": "0.0.1"}}, 404, "NotFound", "image"),
    ({"image": "never-was"}, 404, "NotFound", "image"),
    ({"image": f"{FABRIKAM}/Microsoft.Compute/images/i"}, 404, "NotFound", "image"),
    ({"image": PLANNED}, 409, "ImageNeedsPlan", "image"),
    ({"image": OLD, "securityType": "TrustedLaunch"}, 400, "InvalidRequest", "securityType"),
    ({"size": "Standard_A2_v2"}, 400, "InvalidRequest", "image"),
    ({"size": "Standard_D2_v3", "osDisk": {"sku": "Premium_LRS"}}, 400, "InvalidRequest", "osDisk.sku"),
    ({"zone": "3", "size": "Standard_E4s_v5"}, 400, "InvalidRequest", "zone"),
    ({"dataDisks": [{"sizeGB": 1}] * 5}, 409, "TooManyDisks", "dataDisks"),
    ({"dataDisks": [{"existing": "never-was"}]}, 404, "NotFound", "dataDisks[0].existing"),
    ({"dataDisks": [{"existing": "contoso-web01-data1"}]}, 409, "DiskInUse", "dataDisks[0].existing"),
    ({"dataDisks": [{"existing": f"{FABRIKAM}/Microsoft.Compute/disks/fabrikam-web01-os"}]}, 404, "NotFound", "dataDisks[0].existing"),
    ({"dataDisks": [{"source": {"id": f"{FABRIKAM}/Microsoft.Compute/snapshots/s"}}]}, 404, "NotFound", "dataDisks[0].source.id"),
    ({"dataDisks": [{"source": {"blobUri": "https://acc.blob.core.windows.net/a.vhd",
                                "storageAccountId": f"{FABRIKAM}/Microsoft.Storage/storageAccounts/acc"}}]},
     404, "NotFound", "dataDisks[0].source.storageAccountId"),
    ({"subnetId": f"{FABRIKAM}/Microsoft.Network/virtualNetworks/n/subnets/s"}, 404, "NotFound", "subnetId"),
    ({"adminUsername": "Azure"}, 400, "InvalidRequest", "adminUsername"),
    ({**WINDOWS_MACHINE, "name": "sixteen-letters-"[:15] + "x"}, 400, "InvalidRequest", "computerName"),
    ({**WINDOWS_MACHINE, "name": "123456"}, 400, "InvalidRequest", "computerName"),
    ({**WINDOWS_MACHINE, "adminPassword": {"value": "Pwd1aB2"}}, 400, "InvalidRequest", "adminPassword"),
    ({**WINDOWS_MACHINE, "sshPublicKeys": [KEY]}, 400, "InvalidRequest", "sshPublicKeys"),
    ({**WINDOWS_MACHINE, "adminPassword": None, "sshPublicKeys": [KEY]}, 400, "InvalidRequest", "sshPublicKeys"),
    ({"adminPassword": {"keyVaultSecretId": "https://other.vault.azure.net/secrets/s"}}, 404, "NotFound", "adminPassword"),
    ({"adminPassword": {"keyVaultSecretId": f"{OWN}/secrets/farshore-x"}}, 404, "NotFound", "adminPassword"),
])  # fmt: skip
def test_what_cannot_succeed_is_refused_at_once(tmp_path: Path, changed: Json, status: int, code: str, target: str) -> None:
    async def test(azure: Machines) -> None:
        fabrikam = next(one["subscriptions"][0] for one in azure.estate()["tenants"] if one["name"] == "fabrikam")
        body = _filled(machine(**changed), fabrikam)
        answer = await azure.call("POST", f"/tenants/contoso{VMS}", body)
        assert (answer.status, answer.code, answer.target) == (status, code, target), answer
        assert azure.effects() == []

    run(test, tmp_path / "log", networks)


def _filled(value: Any, fabrikam: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(member, fabrikam) for name, member in value.items()}
    if isinstance(value, list):
        return [_filled(member, fabrikam) for member in value]
    return value.replace("{fabrikam}", fabrikam) if isinstance(value, str) else value


def test_slots_and_what_a_deployment_is(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        await azure.done("POST", VMS, {**LINUX, "deployment": {"name": "front"}})
        for deployment, code, target in (
            ({"name": "other"}, "SlotTaken", "deployment.slot"),
            ({"name": "front", "slot": "Staging"}, "DeploymentDiffers", "deployment.slot"),
            ({"name": "front", "updateDomainCount": 7}, "DeploymentDiffers", "deployment.updateDomainCount"),
        ):
            answer = await azure.call("POST", f"/tenants/contoso{VMS}", {**LINUX, "name": "second", "deployment": deployment})
            assert (answer.status, answer.code, answer.target) == (409, code, target)

    run(test, tmp_path / "log", networks)


def without_networks(estate: Json) -> None:
    """Leave the registry without networks of contoso."""
    next(one for one in estate["tenants"] if one["name"] == "contoso").pop("networks")


def test_a_tenant_without_a_network_and_one_whose_plan_has_no_ports(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        answer = await azure.call("POST", f"/tenants/contoso{VMS}", LINUX)
        assert (answer.status, answer.code, answer.target) == (409, "NoNetwork", "subnetId")

    run(test, tmp_path / "log", without_networks)


@pytest.mark.parametrize(("fault", "code"), [
    ({"fault": "failMachine", "at": "create", "code": "AllocationFailed"}, "CapacityUnavailable"),
    ({"fault": "error", "method": "PUT", "path": "virtualMachines/", "status": 403, "code": "RequestDisallowedByPolicy", "times": 1},
     "PolicyRefused"),
    ({"fault": "error", "method": "PUT", "path": "networkInterfaces/", "status": 400, "code": "SubnetIsFull", "times": 1}, "AzureRefused"),
    ({"fault": "error", "method": "PUT", "path": "publicIPAddresses/", "status": 400, "code": "PublicIPCountLimitReached", "times": 1},
     "AzureQuotaExceeded"),
])  # fmt: skip
def test_a_failed_creation_leaves_nothing(tmp_path: Path, fault: Json, code: str) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault(fault["fault"], **{name: value for name, value in fault.items() if name != "fault"})
        ended = await azure.done("POST", VMS, SAMPLE)
        assert (ended["status"], ended["error"]["code"], ended["result"]["left"]) == ("Failed", code, []), ended
        assert ids(azure) == before
        assert azure.app.vaults.names() == []

    run(test, tmp_path / "log", networks)


def test_a_canceled_creation_leaves_nothing(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        operation = await azure.start("POST", VMS, SAMPLE)
        await azure.pass_time(timedelta(seconds=1))
        assert ids(azure) != before
        assert (await azure.call("POST", f"/operations/{operation}/cancel")).status in {200, 202}
        ended = await azure.ended(operation)
        assert ended["status"] == "Canceled", ended
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


def test_what_a_failed_creation_made_is_kept_on_request(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault("failMachine", at="create", code="AllocationFailed")
        ended = await azure.done("POST", VMS, {**SAMPLE, "keepOnFailure": True})
        assert ended["status"] == "Failed"
        assert {
            one.lower() for one in ended["result"]["kept"] if "/backendAddressPools/" not in one and "/inboundNatRules/" not in one
        } >= (ids(azure) - before)

    run(test, tmp_path / "log", networks)


def test_a_machine_of_the_same_name_that_another_makes_is_not_touched(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        operation = await azure.start("POST", VMS, LINUX)
        web01 = next(one for one in azure.estate()["virtualMachines"] if one["id"].endswith("/contoso-web01"))
        other = {**web01, "id": web01["id"].replace("contoso-web01", "lin01"), "disks": []}
        estate = azure.estate()
        estate["virtualMachines"].append(
            {**other, "disks": [f"{web01['id'].partition('/providers/')[0]}/providers/Microsoft.Compute/disks/own"]}
        )
        estate["disks"].append({"id": estate["virtualMachines"][-1]["disks"][0], "location": "westeurope", "osType": "Linux"})
        azure.app.platform.replace_estate(estate)
        ended = await azure.ended(operation)
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "NameTaken"), ended
        assert (await azure.of(f"{VMS}/lin01")).body["osDisk"]["name"] == "own"

    run(test, tmp_path / "log", networks)


def test_CreateDeployment_by_message_takes_its_password_by_reference(tmp_path: Path) -> None:  # noqa: N802  # the operation's name
    async def test(azure: Machines) -> None:
        azure.app.vaults.add(f"{OWN}/secrets/incoming-1", "myAdminPwd1", {"tenant": "contoso"})
        message = {"id": "m1", "tenant": "contoso", "operation": "virtualMachine.create", **SAMPLE}
        await azure.send({**message, "adminPassword": {"value": "myAdminPwd1"}, "id": "m0"})
        await azure.send({**message, "adminPassword": {"keyVaultSecretId": f"{OWN}/secrets/incoming-1"}})
        (operation,) = (await azure.call("GET", "/operations?kind=virtualMachine")).body["value"]
        assert (await azure.ended(operation["id"]))["status"] == "Succeeded"
        rejected = (await azure.call("GET", "/rejected-messages", tenant="provider", roles=("Admin",))).body["value"]
        assert [one["reason"]["code"] for one in rejected] == ["SecretInMessage"]
        assert "myAdminPwd1" not in str(rejected)
        await azure.send(
            {"id": "m2", "tenant": "contoso", "operation": "virtualMachine.delete", "target": "sampleRole", "deleteDisks": "all"}
        )
        deletion = (await azure.call("GET", "/operations?kind=virtualMachine")).body["value"][0]
        assert (await azure.ended(deletion["id"]))["status"] == "Succeeded"

    run(test, tmp_path / "log", networks)
