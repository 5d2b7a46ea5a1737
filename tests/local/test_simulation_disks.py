"""Disks of the simulated Azure: made from each source, attached and detached, opened, grown, deleted."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.local.machines import GROUP, Cloud, estate, interface_body, machine_body
from tests.local.simulated import Reply, azure_running

DISK = "Microsoft.Compute/disks/d"
VM = "Microsoft.Compute/virtualMachines/vm"
BLOB = "https://blobs.blob.core.windows.net/vhds/a.vhd"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/blobs"


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with azure_running(estate=estate()) as azure:
        yield Cloud(azure)


def body(size: int | None = 10, option: str = "Empty", **members: Any) -> dict[str, Any]:
    creation = {"createOption": option, **members.pop("creation", {})}
    properties = {"creationData": creation, **({} if size is None else {"diskSizeGB": size}), **members.pop("properties", {})}
    return {"location": "westeurope", "sku": {"name": "StandardSSD_LRS"}, "properties": properties, **members}


def item(lun: int, disk: str, **members: Any) -> dict[str, Any]:
    return {"lun": lun, "createOption": "Attach", "managedDisk": {"id": f"{GROUP}/providers/Microsoft.Compute/disks/{disk}"}, **members}


async def state(cloud: Cloud, name: str = "d") -> str:
    read = await cloud.send("GET", f"Microsoft.Compute/disks/{name}")
    return str(read.body["properties"]["diskState"])


async def patch_disks(cloud: Cloud, *disks: dict[str, Any]) -> Reply:
    return await cloud.send("PATCH", VM, {"properties": {"storageProfile": {"dataDisks": list(disks)}}})


async def test_a_disk_from_each_source(cloud: Cloud) -> None:
    answer = await cloud.send("PUT", DISK, body())
    assert (answer.status, answer.body["properties"]["provisioningState"]) == (202, "Updating")
    assert (await cloud.ended(answer, "PT5S"))["status"] == "Succeeded"
    assert await state(cloud) == "Unattached"
    source = {"creation": {"sourceResourceId": f"{GROUP}/providers/{DISK}"}}
    copied = await cloud.made("Microsoft.Compute/disks/copy", body(None, "Copy", **source))
    assert copied["properties"]["diskSizeGB"] == 10
    imported = {"creation": {"sourceUri": BLOB, "storageAccountId": ACCOUNT}}
    assert (await cloud.made("Microsoft.Compute/disks/blob", body(None, "Import", **imported)))["properties"]["diskSizeGB"] == 40


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (body(0), "InvalidParameter"),
        (body(40_000), "InvalidParameter"),
        (body(None), "InvalidParameter"),
        (body(sku={"name": "Fast_LRS"}), "InvalidParameter"),
        (body(sku={"name": "UltraSSD_LRS"}), "BadRequest"),
        (body(sku={"name": "Premium_ZRS"}, zones=["1"]), "BadRequest"),
        (body(option="Upload"), "InvalidParameter"),
        (body(option="Copy", creation={"sourceResourceId": f"{GROUP}/providers/{DISK}x"}), "ResourceNotFound"),
        (body(option="Import", creation={"sourceUri": BLOB + "x", "storageAccountId": ACCOUNT}), "BlobNotFound"),
        (body(option="Import", creation={"sourceUri": BLOB, "storageAccountId": ACCOUNT + "x"}), "InvalidStorageAccount"),
        (body(location="westeurope") | {"location": "mars"}, "LocationNotAvailableForResourceType"),
    ],
)
async def test_disks_that_are_refused(cloud: Cloud, given: dict[str, Any], code: str) -> None:
    assert (await cloud.send("PUT", DISK, given)).code == code


async def test_attached_detached_and_attached_again(cloud: Cloud) -> None:
    machine = await cloud.machine()
    await cloud.made(DISK, body())
    assert (await patch_disks(cloud, item(5, "d", caching="ReadOnly"))).status == 200
    await cloud.azure.control.advance("PT10S")
    read = (await cloud.send("GET", VM)).body
    assert [(disk["lun"], disk["name"], disk["caching"]) for disk in read["properties"]["storageProfile"]["dataDisks"]] == [
        (5, "d", "ReadOnly")
    ]
    assert read["etag"] != machine["etag"]
    assert await state(cloud) == "Attached"
    other = await cloud.machine("other")
    assert (await cloud.send("PATCH", f"{VM}x", {})).status == 404
    taken = {"properties": {"storageProfile": {"dataDisks": [item(0, "d")]}}}
    assert (await cloud.send("PATCH", "Microsoft.Compute/virtualMachines/other", taken)).code == "ConflictingUserInput"
    assert (await patch_disks(cloud)).status == 200
    await cloud.azure.control.advance("PT11S")
    assert await state(cloud) == "Attached"
    assert (await cloud.send("PATCH", "Microsoft.Compute/virtualMachines/other", taken)).code == "AttachDiskWhileBeingDetached"
    assert (await cloud.send("DELETE", DISK)).code == "OperationNotAllowed"
    await cloud.azure.control.advance("PT20S")
    assert await state(cloud) == "Unattached"
    assert (await cloud.send("PATCH", "Microsoft.Compute/virtualMachines/other", taken)).status == 200
    assert other["name"] == "other"


async def test_attach_detach_data_disks(cloud: Cloud) -> None:
    await cloud.machine()
    for name in ("a", "b"):
        await cloud.made(f"Microsoft.Compute/disks/{name}", body())
    ids = {name: f"{GROUP}/providers/Microsoft.Compute/disks/{name}" for name in ("a", "b")}
    answer = await cloud.act("attachDetachDataDisks", body={"dataDisksToAttach": [{"diskId": ids["a"], "lun": 2}]})
    assert answer.status == 202, answer.body
    shown = await cloud.ended(answer)
    assert [disk["lun"] for disk in shown["properties"]["output"]["dataDisks"]] == [2]
    for given, code in (
        ({"dataDisksToAttach": [{"diskId": ids["b"], "lun": 2}]}, "InvalidParameter"),
        ({"dataDisksToAttach": [{"diskId": ids["a"], "lun": 3}]}, "ConflictingUserInput"),
        ({"dataDisksToAttach": [{"diskId": ids["b"], "lun": 64}]}, "InvalidParameter"),
        ({"dataDisksToDetach": [{"diskId": ids["b"]}]}, "InvalidParameter"),
    ):
        assert (await cloud.act("attachDetachDataDisks", body=given)).code == code
    both = {"dataDisksToDetach": [{"diskId": ids["a"]}], "dataDisksToAttach": [{"diskId": ids["b"], "lun": 2}]}
    await cloud.ended(await cloud.act("attachDetachDataDisks", body=both))
    assert (await state(cloud, "a"), await state(cloud, "b")) == ("Unattached", "Attached")


async def test_a_deallocated_machine_reserves_its_disks(cloud: Cloud) -> None:
    await cloud.machine()
    await cloud.made(DISK, body())
    await patch_disks(cloud, item(0, "d"))
    await cloud.azure.control.advance("PT10S")
    grant = {"access": "Read", "durationInSeconds": 3600}
    assert (await cloud.send("POST", f"{DISK}/beginGetAccess", grant)).code == "OperationNotAllowed"
    await cloud.ended(await cloud.act("deallocate"))
    assert await state(cloud) == "Reserved"
    granted = await cloud.ended(await cloud.send("POST", f"{DISK}/beginGetAccess", grant), "PT5S")
    again = await cloud.ended(await cloud.send("POST", f"{DISK}/beginGetAccess", grant), "PT5S")
    assert granted["properties"]["output"]["accessSAS"] == again["properties"]["output"]["accessSAS"]
    assert await state(cloud) == "ActiveSAS"
    refused = await cloud.act("start")
    assert (refused.code, "EndGetAccess" in refused.body["error"]["message"]) == ("OperationNotAllowed", True)
    await cloud.ended(await cloud.send("POST", f"{DISK}/endGetAccess"), "PT5S")
    assert (await cloud.act("start")).status == 202


async def test_access_ends_by_itself_and_blocks_a_deletion(cloud: Cloud) -> None:
    await cloud.made(DISK, body())
    await cloud.send("POST", f"{DISK}/beginGetAccess", {"access": "Read", "durationInSeconds": 60})
    assert (await cloud.send("DELETE", DISK)).code == "OperationNotAllowed"
    await cloud.azure.control.advance("PT61S")
    assert (await cloud.send("DELETE", DISK)).status == 202
    private = body(properties={"networkAccessPolicy": "DenyAll"})
    await cloud.made("Microsoft.Compute/disks/private", private)
    refused = await cloud.send("POST", "Microsoft.Compute/disks/private/beginGetAccess", {"access": "Read", "durationInSeconds": 60})
    assert refused.code == "OperationNotAllowed"


async def test_growth(cloud: Cloud) -> None:
    await cloud.machine(system={"name": "os"})
    await cloud.made(DISK, body())
    await patch_disks(cloud, item(0, "d"))
    await cloud.azure.control.advance("PT1M")
    grown = {"properties": {"diskSizeGB": 20}}
    assert (await cloud.send("PATCH", DISK, {"properties": {"diskSizeGB": 5}})).status == 400
    assert (await cloud.send("PATCH", DISK, {"properties": {"diskSizeGB": 5000}})).code == "OperationNotAllowed"
    assert (await cloud.send("PATCH", DISK, grown)).status == 202
    assert (await cloud.send("PATCH", DISK, grown)).code == "Conflict"
    assert (await cloud.send("PATCH", "Microsoft.Compute/disks/os", {"properties": {"diskSizeGB": 200}})).code == "OperationNotAllowed"
    await cloud.ended(await cloud.act("deallocate"))
    assert (await cloud.send("PATCH", "Microsoft.Compute/disks/os", {"properties": {"diskSizeGB": 200}})).status == 202


async def test_resizing(cloud: Cloud) -> None:
    await cloud.machine(size="Standard_D2s_v3")
    sizes = (await cloud.send("GET", f"{VM}/vmSizes")).body["value"]
    assert [each["name"] for each in sizes] == ["Standard_D2s_v3", "Standard_D4s_v3", "Standard_D8s_v3"]

    async def to(size: str) -> Reply:
        return await cloud.send("PATCH", VM, {"properties": {"hardwareProfile": {"vmSize": size}}})

    assert (await to("Standard_F2s_v2")).code == "OperationNotAllowed"
    assert (await to("Standard_D4s_v3")).status == 200
    assert "ProvisioningState/updating" in await cloud.view()
    await cloud.azure.control.advance("PT1M")
    await cloud.ended(await cloud.act("deallocate"))
    assert (await to("Standard_D4s_v5")).code == "OperationNotAllowed"
    assert (await to("Standard_F2s_v2")).status == 200
    await cloud.azure.control.advance("PT1M")
    assert "PowerState/deallocated" in await cloud.view()


async def test_what_never_changes(cloud: Cloud) -> None:
    machine = await cloud.machine()
    for properties, target in (
        ({"osProfile": {"computerName": "other"}}, "osProfile.computerName"),
        ({"storageProfile": {"imageReference": {"offer": "other"}}}, "imageReference"),
        ({"securityProfile": {"securityType": "TrustedLaunch"}}, "securityProfile.securityType"),
        ({"availabilitySet": {"id": f"{GROUP}/providers/Microsoft.Compute/availabilitySets/s"}}, "availabilitySet"),
    ):
        refused = await cloud.send("PATCH", VM, {"properties": properties})
        assert (refused.code, refused.body["error"]["target"]) == ("PropertyChangeNotAllowed", target)
    assert (await cloud.send("GET", VM)).body == machine


async def test_a_disk_that_fails(cloud: Cloud) -> None:
    await cloud.azure.control.add_fault("failDisk", code="InternalExecutionError")
    answer = await cloud.send("PUT", DISK, body())
    assert (await cloud.ended(answer))["error"]["code"] == "InternalExecutionError"
    assert (await cloud.send("GET", DISK)).body["properties"]["provisioningState"] == "Failed"


async def test_half_a_copy_can_be_restored() -> None:
    """Azure does not look at the replication; its rules of where, and that the disk is specialized, are kept."""
    async with azure_running() as azure:
        source = await azure.collection()
        target = await azure.target(source)
        await azure.copy(target, "a", source["restorePoints"][0]["id"])
        assert (await azure.progress(f"{target}/restorePoints/a"))[0] == "inProgress"
        point = (await azure.call("GET", f"{target}/restorePoints/a", version="2024-07-01")).body
        system = point["properties"]["sourceMetadata"]["storageProfile"]["osDisk"]["diskRestorePoint"]["id"]
        providers = f"{target.split('/providers/')[0]}/providers"
        wanted = body(None, "Restore", creation={"sourceResourceId": system})
        disk = f"{providers}/Microsoft.Compute/disks/restored"
        assert (await azure.call("PUT", disk, wanted, version="2024-03-02")).code == "InvalidParameter"
        made = await azure.call("PUT", disk, wanted | {"location": "northeurope"}, version="2024-03-02")
        assert made.status == 202, made.body
        await azure.control.advance("PT10S")
        read = (await azure.call("GET", disk, version="2024-03-02")).body["properties"]
        assert (read["osType"], read["diskSizeGB"], read["diskState"]) == ("Windows", 128, "Unattached")
        networks = (await azure.control.estate())["virtualNetworks"]
        drill = next(each["id"] for each in networks if "drill-provider-northeurope" in each["id"])
        nic = f"{providers}/Microsoft.Network/networkInterfaces/restored"
        interface = interface_body(f"{drill}/subnets/default") | {"location": "northeurope"}
        assert (await azure.call("PUT", nic, interface, version="2024-05-01")).status == 201
        attached = machine_body(nic, system={"createOption": "Attach", "managedDisk": {"id": disk}}, image=None) | {
            "location": "northeurope"
        }
        vm = f"{providers}/Microsoft.Compute/virtualMachines/restored"
        refused = await azure.call("PUT", vm, attached, version="2025-04-01")
        assert (refused.code, refused.body["error"]["target"]) == ("InvalidParameter", "osProfile")
        del attached["properties"]["osProfile"], attached["properties"]["storageProfile"]["imageReference"]
        secured = {**attached["properties"], "securityProfile": {"securityType": "TrustedLaunch"}}
        assert (await azure.call("PUT", vm, attached | {"properties": secured}, version="2025-04-01")).code == "BadRequest"
        assert (await azure.call("PUT", vm, attached, version="2025-04-01")).status == 201
        await azure.control.advance("PT3M")
        read = (await azure.call("GET", vm, version="2025-04-01", _expand="instanceView")).body["properties"]
        assert [each["code"] for each in read["instanceView"]["statuses"]] == ["ProvisioningState/succeeded", "PowerState/running"]
        assert "osProfile" not in read


async def test_a_state_without_a_model(cloud: Cloud) -> None:
    await cloud.machine()
    listed = (await cloud.send("GET", "Microsoft.Compute/virtualMachines", statusOnly="true")).body["value"]
    assert [set(each["properties"]) for each in listed] == [{"vmId", "provisioningState", "instanceView"}]
