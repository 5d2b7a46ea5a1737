"""Restore points of virtual machines, collections, access and deletion: each rule of Azure's, asked over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.local.simulated import DISKS, Azure, Reply, azure_running


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


async def collection_of(azure: Azure, machine: str) -> str:
    """Create a collection of a machine and return its id."""
    found = next(item for item in (await azure.control.estate())["virtualMachines"] if item["id"].endswith(f"/{machine}"))
    made = found["id"].replace("/virtualMachines/", "/restorePointCollections/new-")
    answer = await azure.call("PUT", made, {"location": found["location"], "properties": {"source": {"id": found["id"]}}})
    assert answer.status == 201, answer.body
    return str(made)


async def create(azure: Azure, collection: str, name: str, mode: str | None = None, exclude: list[str] | None = None) -> Reply:
    properties: dict[str, Any] = {}
    if mode:
        properties["consistencyMode"] = mode
    if exclude:
        properties["excludeDisks"] = [{"id": each} for each in exclude]
    return await azure.call("PUT", f"{collection}/restorePoints/{name}", {"properties": properties})


async def test_a_creation_takes_a_little_time(azure: Azure) -> None:
    collection = await collection_of(azure, "contoso-web01")
    made = await create(azure, collection, "a")
    assert made.status == 201
    assert made.body["properties"]["provisioningState"] == "Creating"
    operation = made.headers["Azure-AsyncOperation"]
    assert (await azure.call("GET", operation)).body["status"] == "InProgress"
    assert (await azure.call("GET", made.headers["Location"])).status == 202
    assert (await azure.call("GET", f"{collection}/restorePoints/a")).body["properties"]["provisioningState"] == "Creating"
    await azure.control.advance("PT2M")
    told = (await azure.call("GET", operation)).body
    assert told["status"] == "Succeeded"
    assert told["startTime"] < told["endTime"]
    assert (await azure.call("GET", made.headers["Location"])).body["id"] == f"{collection}/restorePoints/a"
    point = (await azure.call("GET", f"{collection}/restorePoints/a")).body["properties"]
    assert point["provisioningState"] == "Succeeded"
    storage = point["sourceMetadata"]["storageProfile"]
    assert storage["osDisk"]["name"] == "contoso-web01-os"
    assert [disk["lun"] for disk in storage["dataDisks"]] == [0, 1]


async def test_a_point_that_is_being_made_cannot_be_copied_yet(azure: Azure) -> None:
    collection = await collection_of(azure, "contoso-web01")
    await create(azure, collection, "a")
    target = await azure.target({"id": collection, "location": "westeurope"})
    refused = await azure.copy(target, "a", f"{collection}/restorePoints/a")
    assert (refused.status, refused.code) == (409, "OperationNotAllowed")
    await azure.control.advance("PT2M")
    assert (await azure.copy(target, "a", f"{collection}/restorePoints/a")).status == 201


async def test_one_creation_at_a_time_for_each_machine(azure: Azure) -> None:
    collection = await collection_of(azure, "contoso-web01")
    await create(azure, collection, "a")
    refused = await create(azure, collection, "b")
    assert (refused.status, refused.code) == (409, "VMRestorePointClientError")


async def test_three_of_each_kind_an_hour_for_each_machine(azure: Azure) -> None:
    collection = await collection_of(azure, "contoso-web01")
    for number in range(3):
        for mode in ("ApplicationConsistent", "CrashConsistent"):
            assert (await create(azure, collection, f"{mode}{number}", mode)).status == 201
            await azure.control.advance("PT2M")
    for mode in ("ApplicationConsistent", "CrashConsistent"):
        refused = await create(azure, collection, f"{mode}3", mode)
        assert refused.status == 429
        assert 2800 < int(refused.headers["Retry-After"]) <= 3600
    await azure.control.advance("PT1H")
    assert (await create(azure, collection, "later", "CrashConsistent")).status == 201


@pytest.mark.parametrize(
    ("machine", "mode", "code"),
    [
        ("provider-cluster01", None, "VMRestorePointClientError"),  # a shared disk
        ("provider-build01", None, "OperationNotAllowed"),  # an ephemeral OS disk
        ("contoso-vault01", None, "OperationNotAllowed"),  # private link
        ("contoso-db01", "CrashConsistent", "OperationNotAllowed"),  # Ultra disk
    ],
)
async def test_what_azure_does_not_support_is_refused(azure: Azure, machine: str, mode: str | None, code: str) -> None:
    refused = await create(azure, await collection_of(azure, machine), "a", mode)
    assert (refused.status, refused.code) == (409, code)


async def test_shared_and_ephemeral_disks_can_be_excluded_and_ultra_disks_be_application_consistent(azure: Azure) -> None:
    shared = await collection_of(azure, "provider-cluster01")
    disks = shared.split("/restorePointCollections/", maxsplit=1)[0] + "/disks"
    assert (await create(azure, shared, "a", exclude=[f"{disks}/provider-cluster01-data1"])).status == 201
    point = (await azure.call("GET", f"{shared}/restorePoints/a")).body["properties"]
    assert point["sourceMetadata"]["storageProfile"]["dataDisks"] == []
    assert [each["id"] for each in point["excludeDisks"]] == [f"{disks}/provider-cluster01-data1"]
    ephemeral = await collection_of(azure, "fabrikam-agent01")
    disks = ephemeral.split("/restorePointCollections/", maxsplit=1)[0] + "/disks"
    assert (await create(azure, ephemeral, "a", exclude=[f"{disks}/fabrikam-agent01-os"])).status == 201
    assert (await create(azure, await collection_of(azure, "contoso-db01"), "a", "ApplicationConsistent")).status == 201


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"securityType": "ConfidentialVM"}, "OperationNotAllowed"),
        ({"scaleSet": "Uniform"}, "OperationNotAllowed"),
        ({"agent": False}, "VMAgentStatusCommunicationError"),
    ],
)
async def test_machines_that_azure_does_not_support_are_refused(azure: Azure, change: dict[str, Any], code: str) -> None:
    estate = await azure.control.estate()
    estate["virtualMachines"][0].update(change)
    await azure.control.put_estate(estate)
    refused = await create(azure, await collection_of(azure, "provider-web01"), "a", "ApplicationConsistent")
    assert (refused.status, refused.code) == (409, code)


async def test_write_accelerator_excludes_crash_consistency(azure: Azure) -> None:
    estate = await azure.control.estate()
    next(disk for disk in estate["disks"] if disk["id"].endswith("provider-web01-data1"))["writeAccelerator"] = True
    await azure.control.put_estate(estate)
    collection = await collection_of(azure, "provider-web01")
    assert (await create(azure, collection, "a", "CrashConsistent")).code == "OperationNotAllowed"
    assert (await create(azure, collection, "a", "ApplicationConsistent")).status == 201


async def test_five_hundred_restore_points_of_a_machine_over_all_its_collections(azure: Azure) -> None:
    estate = await azure.control.estate()
    source = next(item for item in estate["restorePointCollections"] if item["source"].endswith("/provider-web01"))
    source["restorePoints"] = [
        {"id": f"{source['id']}/restorePoints/p{number}", "timeCreated": "2024-01-01T00:00:00Z"} for number in range(500)
    ]
    await azure.control.put_estate(estate)
    refused = await create(azure, await collection_of(azure, "provider-web01"), "one-more")
    assert (refused.status, refused.code) == (409, "VMRestorePointClientError")
    assert "500" in refused.body["error"]["message"]


async def test_a_disk_of_another_machine_cannot_be_excluded(azure: Azure) -> None:
    collection = await collection_of(azure, "provider-web01")
    refused = await create(azure, collection, "a", exclude=[collection.replace("restorePointCollections", "disks")])
    assert (refused.status, refused.code) == (400, "InvalidParameter")


async def test_putting_a_collection_again_changes_tags_and_nothing_else(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    body: dict[str, Any] = {"location": "northeurope", "tags": {"a": "1"}, "properties": {"source": {"id": source["id"].upper()}}}
    again = await azure.call("PUT", target, body)
    assert again.status == 200
    assert again.body["tags"] == {"a": "1"}
    other = await azure.collection("provider-app01")
    moved = await azure.call("PUT", target, {**body, "properties": {"source": {"id": other["id"]}}})
    assert (moved.status, moved.code) == (409, "PropertyChangeNotAllowed")
    relocated = await azure.call("PUT", target, {**body, "location": "westeurope"})
    assert (relocated.status, relocated.code) == (409, "InvalidResourceLocation")


async def test_a_patch_changes_tags_only(azure: Azure) -> None:
    source, other = await azure.collection(), await azure.collection("provider-app01")
    assert (await azure.call("PATCH", source["id"], {"tags": {"b": "2"}})).body["tags"] == {"b": "2"}
    refused = await azure.call("PATCH", source["id"], {"properties": {"source": {"id": other["id"]}}})
    assert (refused.status, refused.code) == (409, "PropertyChangeNotAllowed")


async def test_a_source_id_without_its_leading_slash_is_understood(azure: Azure) -> None:
    source = await azure.collection()
    body = {"location": "northeurope", "properties": {"source": {"id": source["id"].lstrip("/")}}}
    assert (await azure.call("PUT", source["id"] + "-copies", body)).status == 201


async def test_expanding_a_collection_shows_its_points_without_instance_views(azure: Azure) -> None:
    source = await azure.collection()
    plain = (await azure.call("GET", source["id"])).body["properties"]
    assert "restorePoints" not in plain
    points = (await azure.call("GET", source["id"], _expand="restorePoints")).body["properties"]["restorePoints"]
    assert [point["id"] for point in points] == [point["id"] for point in source["restorePoints"]]
    assert all("instanceView" not in point["properties"] for point in points)


async def test_access_to_a_disk_blocks_the_deletion_until_it_is_revoked(azure: Azure) -> None:
    source = await azure.collection()
    point = source["restorePoints"][0]["id"]
    listed = await azure.call("GET", f"{point}/diskRestorePoints", version=DISKS)
    disk = listed.body["value"][0]["id"]
    granted = await azure.call("POST", f"{disk}/beginGetAccess", {"access": "Read", "durationInSeconds": 3600}, version=DISKS)
    assert granted.status == 202
    await azure.control.advance("PT5S")
    assert (await azure.call("GET", granted.headers["Location"])).body["accessSAS"].startswith("https://")
    for victim in (point, source["id"]):
        refused = await azure.call("DELETE", victim)
        assert (refused.status, refused.code) == (409, "DiskRestorePointUsedByCustomer")
    assert (await azure.call("POST", f"{disk}/endGetAccess", version=DISKS)).status == 202
    assert (await azure.call("DELETE", point)).status == 202


async def test_access_that_has_run_out_blocks_nothing(azure: Azure) -> None:
    point = (await azure.collection())["restorePoints"][0]["id"]
    disk = (await azure.call("GET", f"{point}/diskRestorePoints", version=DISKS)).body["value"][0]["id"]
    await azure.call("POST", f"{disk}/beginGetAccess", {"access": "Read", "durationInSeconds": 60}, version=DISKS)
    await azure.control.advance("PT1M")
    assert (await azure.call("DELETE", point)).status == 202


async def test_a_lock_on_the_resource_group_blocks_deletions(azure: Azure) -> None:
    estate = await azure.control.estate()
    for group in estate["resourceGroups"]:
        group["locks"] = ["CanNotDelete"]
    await azure.control.put_estate(estate)
    source = await azure.collection()
    for victim in (source["restorePoints"][0]["id"], source["id"]):
        refused = await azure.call("DELETE", victim)
        assert (refused.status, refused.code) == (409, "ScopeLocked")


async def test_deleting_takes_a_moment_and_nothing_is_no_content(azure: Azure) -> None:
    point = (await azure.collection())["restorePoints"][0]["id"]
    gone = await azure.call("DELETE", point)
    assert gone.status == 202
    assert (await azure.call("GET", point)).body["properties"]["provisioningState"] == "Deleting"
    await azure.control.advance("PT1M")
    assert (await azure.call("GET", gone.headers["Azure-AsyncOperation"])).body["status"] == "Succeeded"
    assert (await azure.call("GET", point)).status == 404
    assert (await azure.call("DELETE", point)).status == 204


async def test_deleting_a_collection_takes_its_restore_points_with_it(azure: Azure) -> None:
    source = await azure.collection()
    assert (await azure.call("DELETE", source["id"])).status == 202
    await azure.control.advance("PT1M")
    assert (await azure.call("GET", source["restorePoints"][0]["id"])).status == 404
    assert source["id"] not in [item["id"] for item in (await azure.control.estate())["restorePointCollections"]]
