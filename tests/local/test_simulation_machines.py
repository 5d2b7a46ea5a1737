"""Virtual machines of the simulated Azure: made, started and stopped, changed, captured, deleted, and what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.local.machines import GROUP, LINUX, PASSWORD, SUBSCRIPTION, Cloud, estate, interface_body, machine_body
from tests.local.simulated import azure_running

VM = "Microsoft.Compute/virtualMachines/vm"


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with azure_running(estate=estate()) as azure:
        yield Cloud(azure)


async def test_a_machine_comes_up(cloud: Cloud) -> None:
    nic = await cloud.interface()
    answer = await cloud.send("PUT", VM, machine_body(nic, disks=[{"lun": 0, "createOption": "Empty", "diskSizeGB": 10}]))
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (201, "Creating")
    assert "Azure-AsyncOperation" in answer.headers
    assert await cloud.view() == ["ProvisioningState/creating"]
    await cloud.azure.control.advance("PT2M")
    assert await cloud.view() == ["ProvisioningState/succeeded", "PowerState/running"]
    read = (await cloud.send("GET", VM, _expand="instanceView")).body
    assert read["properties"]["instanceView"]["vmAgent"]["statuses"][0]["displayStatus"] == "Ready"
    assert "adminPassword" not in str(read)
    assert PASSWORD not in str(await cloud.azure.control.estate())
    disks = (await cloud.send("GET", "Microsoft.Compute/disks")).body["value"]
    assert {disk["properties"]["diskState"] for disk in disks} == {"Attached"}
    assert [disk["properties"]["diskSizeGB"] for disk in disks] == [127, 10]
    shown = (await cloud.send("GET", "Microsoft.Network/networkInterfaces/nic")).body["properties"]
    assert shown["virtualMachine"]["id"] == read["id"]


async def test_the_agent_comes_after_the_machine_runs(cloud: Cloud) -> None:
    nic = await cloud.interface()
    await cloud.send("PUT", VM, machine_body(nic))
    seen = []
    for _ in range(24):
        await cloud.azure.control.advance("PT5S")
        view = (await cloud.send("GET", f"{VM}/instanceView")).body
        power = [status["code"] for status in view["statuses"] if status["code"].startswith("Power")]
        seen.append((bool(power), view.get("vmAgent", {}).get("statuses", [{}])[0].get("displayStatus") == "Ready"))
    assert (True, False) in seen
    assert seen[-1] == (True, True)


async def test_power(cloud: Cloud) -> None:
    await cloud.machine()
    for action, during, after in (
        ("powerOff", "stopping", "stopped"),
        ("start", "starting", "running"),
        ("deallocate", "deallocating", "deallocated"),
        ("powerOff", "deallocated", "deallocated"),
        ("start", "starting", "running"),
        ("start", "running", "running"),
    ):
        answer = await cloud.act(action)
        assert answer.status == 202, answer.body
        assert f"PowerState/{during}" in await cloud.view()
        assert (await cloud.ended(answer))["status"] == "Succeeded"
        assert f"PowerState/{after}" in await cloud.view()


async def test_a_restart_shows_in_the_time_of_the_provisioning_status(cloud: Cloud) -> None:
    await cloud.machine()
    before = (await cloud.send("GET", f"{VM}/instanceView")).body["statuses"][0]["time"]
    answer = await cloud.act("restart")
    assert await cloud.view() == ["ProvisioningState/updating", "PowerState/running"]
    await cloud.ended(answer)
    assert (await cloud.send("GET", f"{VM}/instanceView")).body["statuses"][0]["time"] > before
    await cloud.ended(await cloud.act("powerOff"))
    assert (await cloud.act("restart")).code == "OperationNotAllowed"


async def test_another_operation_in_progress(cloud: Cloud) -> None:
    await cloud.machine()
    await cloud.act("restart")
    assert (await cloud.act("powerOff")).code == "Conflict"
    assert (await cloud.send("PATCH", VM, {"tags": {}})).code == "Conflict"
    assert (await cloud.send("DELETE", VM)).status == 202
    assert (await cloud.act("start")).code == "OperationNotAllowed"


async def test_a_capture_and_a_machine_of_the_image(cloud: Cloud) -> None:
    machine = await cloud.machine(disks=[{"lun": 3, "createOption": "Empty", "diskSizeGB": 10, "name": "data"}])
    assert (await cloud.act("generalize")).code == "OperationNotAllowed"
    await cloud.ended(await cloud.act("deallocate"))
    image = "Microsoft.Compute/images/captured"
    system = {
        "osType": "Windows",
        "osState": "Generalized",
        "managedDisk": machine["properties"]["storageProfile"]["osDisk"]["managedDisk"],
    }
    of_machine = {"location": "westeurope", "properties": {"sourceVirtualMachine": {"id": machine["id"]}}}
    assert (await cloud.send("PUT", image, of_machine)).code == "OperationNotAllowed"
    assert (await cloud.act("generalize")).status == 200
    assert "OSState/generalized" in await cloud.view()
    assert (await cloud.act("start")).code == "OperationNotAllowed"
    body = {"location": "westeurope", "properties": {"storageProfile": {"osDisk": system}, "hyperVGeneration": "V2"}}
    answer = await cloud.send("PUT", image, body)
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (201, "Creating")
    await cloud.azure.control.advance("PT5M")
    assert (await cloud.send("GET", image)).body["properties"]["provisioningState"] == "Succeeded"
    made = await cloud.machine("second", image={"id": f"{GROUP}/providers/{image}"})
    assert made["properties"]["storageProfile"]["osDisk"]["diskSizeGB"] == 127
    whole = await cloud.send("PUT", "Microsoft.Compute/images/whole", of_machine)
    assert [disk["lun"] for disk in whole.body["properties"]["storageProfile"]["dataDisks"]] == [3]


async def test_a_deletion_takes_what_it_is_to_take(cloud: Cloud) -> None:
    await cloud.machine(
        disks=[{"lun": 0, "createOption": "Empty", "diskSizeGB": 4, "name": "kept"}], system={"deleteOption": "Delete", "name": "os"}
    )
    assert (await cloud.send("DELETE", "Microsoft.Compute/disks/kept")).code == "OperationNotAllowed"
    assert (await cloud.send("DELETE", "Microsoft.Network/networkInterfaces/vm-nic")).code == "NicInUse"
    answer = await cloud.send("DELETE", VM)
    assert answer.status == 202
    assert (await cloud.send("GET", VM)).body["properties"]["provisioningState"] == "Deleting"
    assert (await cloud.ended(answer))["status"] == "Succeeded"
    assert (await cloud.send("GET", VM)).code == "ResourceNotFound"
    assert (await cloud.send("DELETE", VM)).status == 204
    assert (await cloud.send("GET", "Microsoft.Network/networkInterfaces/vm-nic")).code == "ResourceNotFound"
    assert (await cloud.send("GET", "Microsoft.Compute/disks/os")).code == "ResourceNotFound"
    assert (await cloud.send("GET", "Microsoft.Compute/disks/kept")).body["properties"]["diskState"] == "Unattached"


async def test_a_machine_made_anew_is_another_one(cloud: Cloud) -> None:
    first = await cloud.machine()
    await cloud.ended(await cloud.send("DELETE", VM))
    second = await cloud.machine()
    assert first["properties"]["vmId"] != second["properties"]["vmId"]


async def test_conditions(cloud: Cloud) -> None:
    nic = await cloud.interface()

    async def put(**headers: str) -> int:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await cloud.send("PUT", VM, machine_body(nic), headers=names)).status

    assert await put(If_Match='"1"') == 412
    assert await put(If_None_Match="*") == 201
    await cloud.azure.control.advance("PT3M")
    assert await put(If_None_Match="*") == 412
    etag = (await cloud.send("GET", VM)).body["etag"]
    assert await put(If_Match=etag) == 200
    await cloud.azure.control.advance("PT3M")
    assert await put(If_Match=etag) == 412


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"size": "Standard_X"}, "InvalidParameter", "vmSize"),
    ({"size": "Standard_M64s"}, "SkuNotAvailable", ""),
    ({"size": "Standard_E4s_v5", "top": {"zones": ["3"]}}, "SkuNotAvailable", ""),
    ({"size": "Standard_A2_v2", "system": {"managedDisk": {"storageAccountType": "Standard_LRS"}}}, "BadRequest", "vmSize"),
    (
        {"size": "Standard_D2_v3", "system": {"managedDisk": {"storageAccountType": "Premium_LRS"}}},
        "InvalidParameter",
        "managedDisk.storageAccountType",
    ),
    ({"image": {**LINUX, "sku": "none"}}, "PlatformImageNotFound", "imageReference"),
    ({"image": {"publisher": "bitnami", "offer": "nginxstack", "sku": "1-10", "version": "latest"}}, "VMMarketplaceInvalidInput", "plan"),
    ({"image": None}, "InvalidParameter", "imageReference"),
    ({"system": {"diskSizeGB": 20}}, "OperationNotAllowed", "osDisk.diskSizeGB"),
    ({"profile": {"computerName": "sixteen-letters-"}}, "InvalidParameter", "computerName"),
    ({"profile": {"computerName": "1234"}}, "InvalidParameter", "computerName"),
    ({"profile": {"adminUsername": "administrator"}}, "InvalidParameter", "adminUsername"),
    ({"profile": {"adminPassword": "short1A"}}, "InvalidParameter", "adminPassword"),
    ({"profile": {"adminPassword": "onlylowercase"}}, "InvalidParameter", "adminPassword"),
    ({"profile": {"adminPassword": "P@$$w0rd"}}, "InvalidParameter", "adminPassword"),
    ({"disks": [{"lun": 64, "createOption": "Empty", "diskSizeGB": 4}]}, "InvalidParameter", "dataDisk.lun"),
    ({"disks": [{"lun": 1, "createOption": "Empty", "diskSizeGB": 4}] * 2}, "InvalidParameter", "dataDisk.lun"),
    ({"disks": [{"lun": n, "createOption": "Empty", "diskSizeGB": 4} for n in range(5)]}, "OperationNotAllowed", "dataDisks"),
    ({"disks": [{"lun": 1, "createOption": "Empty", "diskSizeGB": 5000, "caching": "ReadOnly"}]}, "InvalidParameter", "dataDisk.caching"),
    (
        {"disks": [{"lun": 1, "createOption": "Attach", "managedDisk": {"id": f"{GROUP}/providers/Microsoft.Compute/disks/x"}}]},
        "ResourceNotFound",
        "",
    ),
    ({"availabilitySet": {"id": f"{GROUP}/providers/Microsoft.Compute/availabilitySets/x"}}, "ResourceNotFound", ""),
    ({"securityProfile": {"securityType": "Standard"}}, "BadRequest", "securityProfile.securityType"),
    ({"networkProfile": {"networkInterfaces": []}}, "InvalidParameter", "networkProfile"),
]


@pytest.mark.parametrize(
    ("options", "code", "target"), REFUSED, ids=[f"{code}-{target}-{n}" for n, (_, code, target) in enumerate(REFUSED)]
)
async def test_refused(cloud: Cloud, options: dict[str, Any], code: str, target: str) -> None:
    nic = await cloud.interface()
    answer = await cloud.send("PUT", VM, machine_body(nic, **options))
    assert (answer.code, answer.body["error"].get("target", "")) == (code, target)
    assert not [each for each in await cloud.azure.control.effects() if each["path"].endswith(VM)]


async def test_quota_of_cores() -> None:
    usages = [{"name": "cores", "limit": 6}, {"name": "standardDSv3Family", "limit": 2}]
    async with azure_running(estate=estate(usages=usages)) as azure:
        cloud = Cloud(azure)
        await cloud.machine("one")
        nic = await cloud.interface("other")
        answer = await cloud.send("PUT", VM, machine_body(nic, size="Standard_D8s_v3"))
        assert (answer.status, answer.code) == (409, "OperationNotAllowed")
        assert "Total Regional Cores" in answer.body["error"]["message"]
        assert (await cloud.send("PUT", VM, machine_body(nic, size="Standard_D4s_v3"))).code == "QuotaExceeded"
        path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/usages"
        shown = {each["name"]["value"]: each["currentValue"] for each in (await azure.call("GET", path)).body["value"]}
        assert (shown["cores"], shown["standardDSv5Family"]) == (2, 2)


async def test_a_creation_that_fails(cloud: Cloud) -> None:
    nic = await cloud.interface()
    await cloud.azure.control.add_fault("failMachine", at="create", code="AllocationFailed")
    answer = await cloud.send("PUT", VM, machine_body(nic))
    shown = await cloud.ended(answer, "PT2M")
    assert (shown["status"], shown["error"]["code"]) == ("Failed", "AllocationFailed")
    assert await cloud.view() == ["ProvisioningState/failed/AllocationFailed"]
    assert (await cloud.send("GET", VM)).body["properties"]["provisioningState"] == "Failed"
    disks = (await cloud.send("GET", "Microsoft.Compute/disks")).body["value"]
    assert [disk["properties"]["diskState"] for disk in disks] == ["Reserved"]


async def test_what_is_kept_is_freed_after_180_seconds(cloud: Cloud) -> None:
    nic = await cloud.interface()
    body = machine_body(nic)
    body["properties"]["networkProfile"]["networkInterfaces"][0]["properties"]["deleteOption"] = "Detach"
    await cloud.azure.control.add_fault("failMachine", at="create", after="PT10S")
    await cloud.ended(await cloud.send("PUT", VM, body), "PT10S")
    await cloud.ended(await cloud.send("DELETE", VM), "PT30S")
    path = "Microsoft.Network/networkInterfaces/nic"
    assert (await cloud.send("DELETE", path)).code == "NicReservedForAnotherVm"
    assert (await cloud.send("PUT", "Microsoft.Compute/virtualMachines/other", body)).code == "NicReservedForAnotherVm"
    await cloud.azure.control.advance("PT150S")
    assert (await cloud.send("DELETE", path)).status == 202


@pytest.mark.parametrize("recovers", [True, False])
async def test_provisioning_that_times_out(cloud: Cloud, recovers: bool) -> None:
    nic = await cloud.interface()
    options = {"recoversAfter": "PT10M"} if recovers else {}
    await cloud.azure.control.add_fault("failMachine", at="create", code="OSProvisioningTimedOut", after="PT20M", **options)
    answer = await cloud.send("PUT", VM, machine_body(nic))
    assert (await cloud.ended(answer, "PT20M"))["error"]["code"] == "OSProvisioningTimedOut"
    assert await cloud.view() == ["ProvisioningState/failed/OSProvisioningTimedOut", "PowerState/running"]
    await cloud.azure.control.advance("PT10M")
    assert (await cloud.view())[0] == ("ProvisioningState/succeeded" if recovers else "ProvisioningState/failed/OSProvisioningTimedOut")


async def test_an_agent_that_never_comes(cloud: Cloud) -> None:
    await cloud.azure.control.add_fault("failBoot")
    await cloud.machine()
    view = (await cloud.send("GET", f"{VM}/instanceView")).body
    assert view["vmAgent"]["statuses"][0]["displayStatus"] == "Not Ready"


@pytest.mark.parametrize(("at", "action"), [("start", "start"), ("deallocate", "deallocate")])
async def test_an_action_fails(cloud: Cloud, at: str, action: str) -> None:
    await cloud.machine()
    if action == "start":
        await cloud.ended(await cloud.act("deallocate"))
    before = (await cloud.view())[-1]
    await cloud.azure.control.add_fault("failMachine", at=at, code="InternalExecutionError")
    assert (await cloud.ended(await cloud.act(action)))["status"] == "Failed"
    assert (await cloud.view()) == ["ProvisioningState/failed/InternalExecutionError", before]


async def test_locks_policies_and_disabled_subscriptions() -> None:
    for members, code in (
        ({"resourceGroups": [{"id": GROUP, "location": "westeurope", "locks": ["ReadOnly"]}]}, "ScopeLocked"),
        ({"subscriptions": [_subscription(deniedTypes=["Microsoft.Network/publicIPAddresses"])]}, "RequestDisallowedByPolicy"),
        ({"subscriptions": [_subscription(state="Disabled")]}, "ReadOnlyDisabledSubscription"),
    ):
        async with azure_running(estate=estate(**members)) as azure:
            body = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
            assert (await Cloud(azure).send("PUT", "Microsoft.Network/publicIPAddresses/a", body)).code == code
            assert await azure.control.effects() == []


def _subscription(**members: Any) -> dict[str, Any]:
    return {"id": SUBSCRIPTION, "tenantId": "t", "locations": ["westeurope"], **members}


@pytest.mark.parametrize(("version", "trusted"), [("2025-04-01", False), ("2025-11-01", True)])
async def test_trusted_launch_by_default(version: str, trusted: bool) -> None:
    subscription = _subscription(trustedLaunchByDefault=True)
    async with azure_running(estate=estate(subscriptions=[subscription])) as azure:
        cloud = Cloud(azure)
        nic = await cloud.interface()
        made = await cloud.made(VM, machine_body(nic), version=version)
        assert (made["properties"].get("securityProfile") == {"securityType": "TrustedLaunch"}) is trusted
        await cloud.ended(await cloud.act("deallocate"))
        await cloud.act("generalize")
        image = {"location": "westeurope", "properties": {"sourceVirtualMachine": {"id": made["id"]}}}
        assert (await cloud.send("PUT", "Microsoft.Compute/images/i", image)).status == (409 if trusted else 201)


async def test_linked_rights() -> None:
    actions = ["*/read", "Microsoft.Compute/*", "Microsoft.Network/networkInterfaces/write"]
    principals = [
        {"id": "p", "name": "farshore", "roleAssignments": [{"scope": "/", "actions": actions}]},
        {"id": "o", "name": "operator", "roleAssignments": [{"scope": "/", "actions": ["*"]}]},
    ]
    async with azure_running(estate=estate(principals=principals)) as azure:
        cloud = Cloud(azure)
        path = "Microsoft.Network/networkInterfaces/nic"
        refused = await cloud.send("PUT", path, interface_body())
        assert (refused.code, "subnets/join/action" in refused.body["error"]["message"]) == ("LinkedAuthorizationFailed", True)
        assert (await cloud.send("PUT", path, interface_body(), principal="operator")).status == 201
        refused = await cloud.send("PUT", VM, machine_body(f"{GROUP}/providers/{path}"))
        assert (refused.code, "networkInterfaces/join/action" in refused.body["error"]["message"]) == ("LinkedAuthorizationFailed", True)


async def test_no_restore_point_while_the_machine_changes(cloud: Cloud) -> None:
    machine = await cloud.machine()
    points = "Microsoft.Compute/restorePointCollections/points"
    await cloud.send("PUT", points, {"location": "westeurope", "properties": {"source": {"id": machine["id"]}}})
    restart = await cloud.act("restart")
    body = {"properties": {"consistencyMode": "CrashConsistent"}}
    assert (await cloud.send("PUT", f"{points}/restorePoints/a", body)).code == "OperationNotAllowed"
    await cloud.ended(restart)
    made = await cloud.send("PUT", f"{points}/restorePoints/a", body)
    assert made.status == 201
    assert made.body["properties"]["sourceMetadata"]["vmId"] == machine["properties"]["vmId"]
