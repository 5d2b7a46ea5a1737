"""Microsoft's own SDK drives the simulated Azure end to end, unchanged but for the plain http of a local endpoint."""

from collections.abc import AsyncIterator

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.compute.models import (
    ApiEntityReference,
    GrantAccessData,
    RestorePoint,
    RestorePointCollectionUpdate,
    RestorePointProperties,
)

from tests.local.sdk import compute_client
from tests.local.simulated import Azure, azure_running


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running(speed=6000) as running:
        yield running


async def test_a_copy_from_collection_to_usable(azure: Azure) -> None:
    source = await azure.collection()
    _, _, subscription, _, group, *_ = source["id"].split("/")
    async with compute_client(azure, subscription) as client:
        machine = await client.virtual_machines.get(group, "provider-web01", expand="instanceView")
        assert machine.location == "westeurope"
        collection = await client.restore_point_collections.create_or_update(
            group, "copies", {"location": "northeurope", "properties": {"source": {"id": source["id"]}}}
        )
        assert collection.source.id == source["id"]
        tagged = await client.restore_point_collections.update(group, "copies", RestorePointCollectionUpdate(tags={"a": "b"}))
        assert tagged.tags == {"a": "b"}
        body = RestorePoint(properties=RestorePointProperties(source_restore_point=ApiEntityReference(id=source["restorePoints"][0]["id"])))
        poller = await client.restore_points.begin_create(group, "copies", "first", body)
        made = await poller.result()
        assert (made.provisioning_state, made.source_restore_point.id) == ("Succeeded", source["restorePoints"][0]["id"])
        with pytest.raises(ResourceExistsError) as conflict:
            await client.restore_points.begin_create(group, "copies", "first", body)
        assert conflict.value.error is not None
        assert conflict.value.error.code == "Conflict"
        await azure.control.advance("PT40M")
        view = (await client.restore_points.get(group, "copies", "first", expand="instanceView")).instance_view
        assert [disk.replication_status.completion_percent for disk in view.disk_restore_points] == [100, 100]
        assert [disk.replication_status.status.code for disk in view.disk_restore_points] == ["ReplicationState/succeeded"] * 2
        expanded = await client.restore_point_collections.get(group, "copies", expand="restorePoints")
        assert [point.name for point in expanded.restore_points] == ["first"]
        names = [each.name async for each in client.restore_point_collections.list_all()]
        assert "copies" in names
        await (await client.restore_points.begin_delete(group, "copies", "first")).result()
        with pytest.raises(ResourceNotFoundError):
            await client.restore_points.get(group, "copies", "first")
        await (await client.restore_point_collections.begin_delete(group, "copies")).result()


async def test_a_creation_and_access_to_its_disks(azure: Azure) -> None:
    source = await azure.collection()
    _, _, subscription, _, group, *_, name = source["id"].split("/")
    async with compute_client(azure, subscription) as client:
        made = await (
            await client.restore_points.begin_create(
                group, name, "fresh", RestorePoint(properties=RestorePointProperties(consistency_mode="CrashConsistent"))
            )
        ).result()
        assert made.provisioning_state == "Succeeded"
        assert made.source_metadata.storage_profile.os_disk.name == "provider-web01-os"
        disks = [disk async for disk in client.disk_restore_point.list_by_restore_point(group, name, "fresh")]
        assert len(disks) == 2
        access = GrantAccessData(access="Read", duration_in_seconds=360_000)
        granted = await (await client.disk_restore_point.begin_grant_access(group, name, "fresh", disks[0].name, access)).result()
        assert granted.access_sas.startswith("https://")
        with pytest.raises(HttpResponseError) as used:
            await client.restore_points.begin_delete(group, name, "fresh")
        assert used.value.error is not None
        assert used.value.error.code == "DiskRestorePointUsedByCustomer"
        await (await client.disk_restore_point.begin_revoke_access(group, name, "fresh", disks[0].name)).result()
        await (await client.restore_points.begin_delete(group, name, "fresh")).result()
        assert [disk.name async for disk in client.disks.list_by_resource_group(group)]
