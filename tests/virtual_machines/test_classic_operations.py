"""The 22 operations of the classic service-management guide, each by its name: arguments, fields, and what has no counterpart.

What each operation is here: docs/service-management.md. Operations that change something are also tried at large in the modules beside this
one; here each is called with every argument and field of the guide that has a counterpart.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.capabilities import NAMES
from functions.system import declared_routes
from tests.support.api import Reply
from tests.virtual_machines.classic import ROLE, TENANT, VMS, WEB, off, on_plan, refused, rows_of_page, succeeded, with_deployment
from tests.virtual_machines.kit import Machines, run
from tests.virtual_machines.test_classic_sample import SERVICE, plan
from tests.virtual_machines.test_creation import GROUP, LINUX

ROLES_GIVEN = Path(__file__).parents[2] / "infra" / "roles"
OPERATIONS = (
    "GetOperationStatus", "GetOSImage", "ListOSImages", "CreateOSImage", "ListHostedServices", "GetHostedService", "CreateHostedService",
    "GetStorageAccountKeys", "GetDeployment", "GetDeploymentBySlot", "CreateDeployment", "AddRole", "GetRole", "ModifyRole", "DeleteRole",
    "AddDataDisk", "ModifyDataDisk", "RemoveDataDisk", "ShutdownRoleInstance", "RestartRoleInstance", "StartRole", "CaptureRoleInstance",
)  # fmt: skip


@pytest.fixture(autouse=True)
def calls_of_the_row(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that does not send every call of its row."""
    sent: list[tuple[str, str]] = []
    send = Machines.call

    async def call(azure: Machines, method: str, path: str, body: object = None, **options: Any) -> Reply:
        sent.append((method, path))
        return await send(azure, method, path, body, **options)

    monkeypatch.setattr(Machines, "call", call)
    yield
    for method, pattern in rows_of_page().get(request.function.__name__.removeprefix("test_"), []):
        assert any(one == method and pattern.fullmatch(path) for one, path in sent), f"{method} {pattern.pattern} was not sent"


def test_GetOperationStatus(tmp_path: Path) -> None:
    """`requested` is the last segment of `Operation-Location`; InProgress is NotStarted or Running; Error has Code and Message."""

    async def test(azure: Machines) -> None:
        reply = await azure.call("POST", f"{TENANT}{WEB}/restart")
        requested = reply.headers["operation-location"].rpartition("/")[2]
        assert (await azure.call("GET", f"/operations/{requested}")).body["status"] in {"NotStarted", "Running"}
        assert int(reply.headers["retry-after"]) > 0
        ended = await azure.ended(requested)
        assert (ended["id"], ended["status"], ended["error"], "httpStatusCode" in ended) == (requested, "Succeeded", None, False)
        azure.fault("failMachine", at="deallocate", code="InternalExecutionError", path="contoso-web01")
        failed = await azure.done("POST", f"{WEB}/shut-down", {"state": "deallocated"})
        assert failed["status"] == "Failed"
        assert failed["error"]["code"]
        assert failed["error"]["message"]
        assert (await azure.call("GET", "/operations/never-was")).code == "NotFound"

    run(test, tmp_path / "log", plan)


def test_GetOSImage(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        await on_plan(azure)
        found = (await azure.of("/images/windows-2022")).body
        assert (found["name"], found["kind"], found["label"]) == ("windows-2022", "plan", "Windows Server 2022")
        assert (await azure.of("/images/never-was")).code == "NotFound"

    run(test, tmp_path / "log", plan)


def test_ListOSImages(tmp_path: Path) -> None:
    """The plan's and the tenant's own, not the marketplace."""

    async def test(azure: Machines) -> None:
        await on_plan(azure)
        disk = (await azure.of(WEB)).body["osDisk"]["id"]
        await succeeded(azure, "POST", "/images", {"name": "own", "source": {"id": disk}, "osType": "Windows", "service": GROUP})
        first = (await azure.of("/images")).body
        rest = (await azure.of(f"/images?{first['nextLink'].partition('?')[2]}")).body
        assert [(one["name"], one["kind"]) for one in (*first["value"], *rest["value"])] == [("windows-2022", "plan"), ("own", "own")]
        assert [one["name"] for one in (await azure.of("/images?kind=own&region=West%20Europe")).body["value"]] == ["own"]

    run(test, tmp_path / "log", off)


def test_CreateOSImage(tmp_path: Path) -> None:
    """`imageName`, `mediaLink`, Category, Label, Location and RoleSize; the account, `osType` and `service` are needed today."""

    async def test(azure: Machines) -> None:
        account = next(one for one in azure.estate()["storageAccounts"] if one["id"].endswith("/contosoblobs"))
        body = {
            "name": "golden", "source": {"blobUri": account["blobs"][0]["uri"], "storageAccountId": account["id"]}, "osType": "Windows",
            "service": GROUP, "category": "mine", "label": "Golden", "region": "West Europe", "recommendedSize": "Small",
        }  # fmt: skip
        assert (await refused(azure, "POST", "/images", {**body, "mediaLink": "x"})) == (400, "InvalidRequest", "mediaLink")
        await succeeded(azure, "POST", "/images", body)
        shown = (await azure.of("/images/golden")).body
        assert (shown["category"], shown["label"], shown["region"], shown["recommendedSize"]) == ("mine", "Golden", "westeurope", "Small")
        assert shown["source"] == account["blobs"][0]["uri"]

    run(test, tmp_path / "log", plan)


def test_ListHostedServices(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        assert [one["name"] for one in (await azure.of("/services")).body["value"]] == ["contoso-production", "contoso-recovery"]

    run(test, tmp_path / "log", plan)


def test_GetHostedService(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        found = (await azure.of(f"/services/{GROUP}")).body
        assert (found["name"], found["region"], found["state"]) == (GROUP, "westeurope", "Succeeded")
        assert (await azure.of("/services/fabrikam-production")).code == "NotFound"

    run(test, tmp_path / "log", plan)


def test_CreateHostedService(tmp_path: Path) -> None:
    """Description, Label and Location, with the guide's defaults; its default location is no region of Azure any more."""

    async def test(azure: Machines) -> None:
        wrong = {"name": SERVICE, "region": "Anywhere US"}
        assert (await refused(azure, "POST", "/services", wrong)) == (400, "UnknownRegion", "region")
        await succeeded(azure, "POST", "/services", {"name": SERVICE})
        shown = (await azure.of(f"/services/{SERVICE}")).body
        assert (shown["description"], shown["label"], shown["region"]) == ("Service host", SERVICE, "westeurope")
        await succeeded(azure, "POST", "/services", {"name": "other", "description": "d", "label": "l", "region": "North Europe"})
        other = (await azure.of("/services/other")).body
        assert (other["description"], other["label"], other["region"]) == ("d", "l", "northeurope")

    run(test, tmp_path / "log", plan)


def test_GetStorageAccountKeys(tmp_path: Path) -> None:
    """No counterpart, on purpose: a key would open every tenant's disks in the account."""

    async def test(azure: Machines) -> None:
        account = next(one["id"] for one in azure.estate()["storageAccounts"] if one["id"].endswith("/contosoblobs"))
        routes = [f"{route.method} {route.path}" for route in declared_routes(NAMES)]
        assert [one for one in routes if "key" in one.lower() or "storage" in one.lower()] == []
        assert not any(
            "listkeys" in action.lower() for role in ROLES_GIVEN.glob("*.json") for action in json.loads(role.read_text())["actions"]
        )
        disk = (await azure.of("/disks?state=Reserved")).body["value"][0]["name"]
        operation = await azure.start("POST", f"/disks/{disk}/access", {"duration": "PT1H"})
        assert (await azure.ended(operation))["status"] == "Succeeded"
        revealed = await azure.call("POST", f"{TENANT}/disks/{disk}/access/{operation}/reveal")
        assert revealed.body["accessSas"]
        assert (await azure.call("POST", f"{TENANT}/disks/{disk}/access/{operation}/reveal")).status == 410
        await succeeded(azure, "DELETE", f"/disks/{disk}/access")
        assert azure.effects(account) == []

    run(test, tmp_path / "log", off)


def test_GetDeployment(tmp_path: Path) -> None:
    """Name, Label, UpgradeDomainCount, DeploymentSlot, Status, PrivateID, Role, RoleInstance and InputEndpointList."""

    async def test(azure: Machines) -> None:
        shown = (await azure.of(f"/services/{GROUP}/deployments/sampleDeployment")).body
        assert (shown["name"], shown["label"], shown["updateDomainCount"], shown["slot"], shown["status"]) == (
            "sampleDeployment", "A sample", 3, "Staging", "Running",
        )  # fmt: skip
        assert shown["id"].endswith("/availabilitySets/sampleDeployment")
        (instance,) = shown["virtualMachines"]
        assert (instance["name"], instance["powerState"], instance["provisioningState"], instance["size"]) == (
            "sampleRole", "running", "Succeeded", "Standard_D2s_v5",
        )  # fmt: skip
        assert isinstance(instance["updateDomain"], int)
        assert isinstance(instance["faultDomain"], int)
        (endpoint,) = shown["inputPorts"]
        assert (endpoint["virtualMachine"], endpoint["port"], endpoint["publicIp"]) == ("sampleRole", 59919, shown["publicIp"])
        assert {"sdkVersion", "locked", "rollbackAllowed"} & shown.keys() == set()
        assert (await azure.of(f"/services/{GROUP}/deployments/never-was")).code == "NotFound"

    run(with_deployment(test), tmp_path / "log", plan)


def test_GetDeploymentBySlot(tmp_path: Path) -> None:
    """Production and Staging; the guide's "Staged" is refused."""

    async def test(azure: Machines) -> None:
        found = {slot: (await azure.of(f"/services/{GROUP}/deployments?slot={slot}")) for slot in ("Production", "Staging", "Staged")}
        assert [one["name"] for one in found["Staging"].body["value"]] == ["sampleDeployment"]
        assert found["Production"].body["value"] == []
        assert (found["Staged"].status, found["Staged"].target) == (400, "slot")

    run(with_deployment(test), tmp_path / "log", plan)


def test_CreateDeployment(tmp_path: Path) -> None:
    """The deployment, and of its role every field of `VMRole`, `OSDisk`, `DataDisk` and both configurations with a counterpart."""

    async def test(azure: Machines) -> None:
        shown = (await azure.of(f"{VMS}/sampleRole")).body
        assert (shown["name"], shown["sizeName"], shown["deployment"], shown["slot"]) == (
            "sampleRole",
            "Small",
            "sampleDeployment",
            "Staging",
        )
        assert (shown["computerName"], shown["adminUsername"], shown["osType"]) == ("sampleMach1", "azureuser", "Windows")
        assert shown["osDisk"]["caching"] == "ReadWrite"
        assert [(disk["lun"], disk["sizeGB"], disk["caching"]) for disk in shown["dataDisks"]] == [(0, 10, "ReadOnly")]
        assert [(port["name"], port["protocol"], port["port"], port["localPort"]) for port in shown["ports"]] == [
            ("web", "tcp", 59919, 3395)
        ]
        plain = {**LINUX, "size": "Small", "image": "windows-2022", "sshPublicKeys": [], "adminPassword": {"value": "myAdminPwd1"}}
        await succeeded(azure, "POST", VMS, {**plain, "deployment": {"name": "front"}})
        front = (await azure.of(f"/services/{GROUP}/deployments/front")).body
        assert (front["slot"], front["label"], front["updateDomainCount"]) == ("Production", "front", 5)

    run(with_deployment(test), tmp_path / "log", plan)


def test_AddRole(tmp_path: Path) -> None:
    """A second machine joins the deployment by its name alone."""

    async def test(azure: Machines) -> None:
        port = {"name": "web", "protocol": "tcp", "port": 59920, "localPort": 3395}
        second = {**ROLE, "name": "second", "computerName": "second", "ports": [port], "deployment": {"name": "sampleDeployment"}}
        await succeeded(azure, "POST", VMS, second)
        shown = (await azure.of(f"/services/{GROUP}/deployments/sampleDeployment")).body
        assert [one["name"] for one in shown["virtualMachines"]] == ["sampleRole", "second"]
        assert sorted((one["virtualMachine"], one["port"]) for one in shown["inputPorts"]) == [("sampleRole", 59919), ("second", 59920)]

    run(with_deployment(test), tmp_path / "log", plan)


def test_GetRole(tmp_path: Path) -> None:
    """RoleName, RoleSize, InstanceStatus, domains, InstanceSize and IpAddress."""

    async def test(azure: Machines) -> None:
        shown = (await azure.of(f"{VMS}/sampleRole?service={GROUP}")).body
        assert (shown["name"], shown["size"], shown["powerState"], shown["provisioningState"]) == (
            "sampleRole", "Standard_D2s_v5", "running", "Succeeded",
        )  # fmt: skip
        assert isinstance(shown["updateDomain"], int)
        assert isinstance(shown["faultDomain"], int)
        assert shown["privateIp"].startswith("10.")
        assert (await azure.of(f"{VMS}/sampleRole?service=contoso-recovery")).code == "NotFound"

    run(with_deployment(test), tmp_path / "log", plan)


def test_ModifyRole(tmp_path: Path) -> None:
    """RoleSize and the caching of OSDisk; data disks and ports have routes of their own."""

    async def test(azure: Machines) -> None:
        await on_plan(azure)
        for member in ("name", "roleType", "dataDisks", "ports", "computerName"):
            assert await refused(azure, "PATCH", WEB, {member: "x"}) == (400, "InvalidRequest", member)
        assert await refused(azure, "PATCH", WEB, {"size": "Medium", "osDisk": {"mediaLink": "x"}}) == (
            400, "InvalidRequest", "osDisk.mediaLink",
        )  # fmt: skip
        await succeeded(azure, "PATCH", WEB, {"size": "Medium", "osDisk": {"caching": "ReadOnly"}})
        shown = (await azure.of(WEB)).body
        assert (shown["size"], shown["sizeName"], shown["osDisk"]["caching"]) == ("Standard_D2s_v3", "Medium", "ReadOnly")

    run(test, tmp_path / "log", off)


def test_DeleteRole(tmp_path: Path) -> None:
    """The last machine of a deployment too; the deployment goes with it."""

    async def test(azure: Machines) -> None:
        assert await refused(azure, "DELETE", f"{VMS}/sampleRole") == (400, "InvalidRequest", "confirm")
        await succeeded(azure, "DELETE", f"{VMS}/sampleRole", {"confirm": "sampleRole"})
        assert (await azure.of(f"{VMS}/sampleRole")).code == "NotFound"
        assert (await azure.of(f"/services/{GROUP}/deployments")).body["value"] == []

    run(with_deployment(test), tmp_path / "log", plan)


def test_AddDataDisk(tmp_path: Path) -> None:
    """LogicalDiskSizeInGB, DiskName, SourceMediaLink, LUN and the caching; MediaLink has no counterpart."""

    async def test(azure: Machines) -> None:
        account = next(one for one in azure.estate()["storageAccounts"] if one["id"].endswith("/contosoblobs"))
        blob = {"blobUri": account["blobs"][0]["uri"], "storageAccountId": account["id"]}
        assert await refused(azure, "POST", f"{WEB}/data-disks", {"sizeGB": 1, "mediaLink": "x"}) == (400, "InvalidRequest", "mediaLink")
        await succeeded(azure, "POST", f"{WEB}/data-disks", {"sizeGB": 10, "lun": 15, "caching": "ReadWrite"})
        made = await succeeded(azure, "POST", f"{WEB}/data-disks", {"source": blob, "lun": 7, "caching": "ReadOnly"})
        await succeeded(azure, "DELETE", f"{WEB}/data-disks/7")
        name = made["diskId"].rpartition("/")[2]
        await succeeded(azure, "POST", f"{WEB}/data-disks", {"existing": name, "lun": 8})
        disks = {one["lun"]: one for one in (await azure.of(f"{WEB}/data-disks")).body["value"]}
        assert (disks[15]["sizeGB"], disks[15]["caching"], disks[8]["name"], disks[8]["caching"]) == (10, "ReadWrite", name, "None")

    run(test, tmp_path / "log", plan)


def test_ModifyDataDisk(tmp_path: Path) -> None:
    """Caching and size; the other fields of a disk cannot be changed."""

    async def test(azure: Machines) -> None:
        for member, value in (("lun", 3), ("existing", "x"), ("source", {"id": "x"}), ("mediaLink", "x"), ("name", "x")):
            assert await refused(azure, "PATCH", f"{WEB}/data-disks/0", {"sizeGB": 99, member: value}) == (400, "InvalidRequest", member)
        await succeeded(azure, "PATCH", f"{WEB}/data-disks/0", {"caching": "ReadOnly", "sizeGB": 600})
        disk = (await azure.of(f"{WEB}/data-disks")).body["value"][0]
        assert (disk["lun"], disk["caching"], disk["sizeGB"]) == (0, "ReadOnly", 600)

    run(test, tmp_path / "log", off)


def test_RemoveDataDisk(tmp_path: Path) -> None:
    """By its LUN; the disk stays."""

    async def test(azure: Machines) -> None:
        disk = (await azure.of(f"{WEB}/data-disks")).body["value"][0]
        await succeeded(azure, "DELETE", f"{WEB}/data-disks/{disk['lun']}")
        assert disk["lun"] not in {one["lun"] for one in (await azure.of(f"{WEB}/data-disks")).body["value"]}
        assert (await azure.of(f"/disks/{disk['name']}")).body["state"] == "Unattached"
        assert await refused(azure, "DELETE", f"{WEB}/data-disks/16") == (404, "NotFound", None)

    run(test, tmp_path / "log", off)


@pytest.mark.parametrize("state", ["stopped", "deallocated"])
def test_ShutdownRoleInstance(tmp_path: Path, state: str) -> None:
    """PostShutdownAction is `state`, which must be given: a machine that is stopped only is still billed."""

    async def test(azure: Machines) -> None:
        assert await refused(azure, "POST", f"{WEB}/shut-down", {}) == (400, "InvalidRequest", "state")
        assert await refused(azure, "POST", f"{WEB}/shut-down", {"state": "Stopped"}) == (400, "InvalidRequest", "state")
        assert (await succeeded(azure, "POST", f"{WEB}/shut-down", {"state": state}))["powerState"] == state
        assert (await azure.of(WEB)).body["powerState"] == state

    run(test, tmp_path / "log", plan)


def test_RestartRoleInstance(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        assert await refused(azure, "POST", f"{WEB}/restart", {"callback": "x"}) == (400, "InvalidRequest", None)
        assert (await succeeded(azure, "POST", f"{WEB}/restart"))["powerState"] == "running"
        assert len(azure.effects("contoso-web01/restart")) == 1

    run(test, tmp_path / "log", plan)


def test_StartRole(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        assert (await succeeded(azure, "POST", f"{WEB}/start"))["powerState"] == "running"
        assert (await succeeded(azure, "POST", f"{WEB}/start"))["changed"] is False
        assert len(azure.effects("contoso-web01/start")) == 1

    run(test, tmp_path / "log", off)


def test_CaptureRoleInstance(tmp_path: Path) -> None:
    """PostCaptureActions Delete, TargetImageName and TargetImageLabel; SupportsStatelessDeployment has no counterpart."""

    async def test(azure: Machines) -> None:
        body = {"imageName": "golden", "label": "Golden", "after": "delete", "prepared": True, "confirm": "contoso-web01"}
        wrong = {**body, "supportsStatelessDeployment": True}
        assert await refused(azure, "POST", f"{WEB}/capture", wrong) == (400, "InvalidRequest", "supportsStatelessDeployment")
        captured = await succeeded(azure, "POST", f"{WEB}/capture", body)
        image = (await azure.of("/images/golden")).body
        assert (image["id"], image["label"], image["osType"]) == (captured["imageId"], "Golden", "Windows")
        assert (await azure.of(WEB)).code == "NotFound"

    run(test, tmp_path / "log", off)


def test_CaptureRoleInstance_Reprovision(tmp_path: Path) -> None:
    """PostCaptureActions Reprovision with its ProvisioningConfiguration: the machine is made anew under its name."""

    async def test(azure: Machines) -> None:
        await succeeded(azure, "POST", f"{VMS}/sampleRole/shut-down", {"state": "deallocated"})
        anew = {"adminUsername": "another", "adminPassword": {"value": "myAdminPwd2"}, "computerName": "sampleMach2"}
        body = {"imageName": "golden", "after": "reprovision", "prepared": True, "confirm": "sampleRole", "reprovision": anew}
        await succeeded(azure, "POST", f"{VMS}/sampleRole/capture", body)
        shown = (await azure.of(f"{VMS}/sampleRole")).body
        assert (shown["computerName"], shown["adminUsername"], shown["powerState"]) == ("sampleMach2", "another", "running")
        assert [disk["lun"] for disk in shown["dataDisks"]] == [0]
        assert [port["port"] for port in shown["ports"]] == [59919]

    run(with_deployment(test), tmp_path / "log", plan)


def test_each_of_the_22_operations_has_a_test_and_a_row() -> None:
    assert len(OPERATIONS) == 22
    assert set(rows_of_page()) == set(OPERATIONS)
    assert all(f"test_{name}" in globals() for name in OPERATIONS)
    assert all(rows_of_page().values()), "a row without a call"
