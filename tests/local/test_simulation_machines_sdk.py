"""Microsoft's own SDK takes a machine of the simulated Azure through its life."""

from collections.abc import AsyncIterator

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.local.machines import SUBSCRIPTION, Cloud, estate, machine_body
from tests.local.sdk import compute_client
from tests.local.simulated import Azure, azure_running


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running(estate=estate(), speed=6000) as running:
        yield running


async def test_a_machine_from_its_creation_to_its_image(azure: Azure) -> None:
    nic = await Cloud(azure).interface()
    async with compute_client(azure, SUBSCRIPTION) as client:
        machines = client.virtual_machines
        made = await (await machines.begin_create_or_update("apps", "vm", machine_body(nic))).result()
        assert (made.provisioning_state, made.os_profile.admin_username) == ("Succeeded", "operator1")
        view = await machines.instance_view("apps", "vm")
        assert [status.code for status in view.statuses] == ["ProvisioningState/succeeded", "PowerState/running"]
        disk = {"location": "westeurope", "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 10}}
        await (await client.disks.begin_create_or_update("apps", "data", disk)).result()
        attached = {"dataDisksToAttach": [{"diskId": (await client.disks.get("apps", "data")).id, "lun": 7}]}
        profile = await (await machines.begin_attach_detach_data_disks("apps", "vm", attached)).result()
        assert [each.lun for each in profile.data_disks] == [7]
        await (await machines.begin_deallocate("apps", "vm")).result()
        assert (await client.disks.get("apps", "data")).disk_state == "Reserved"
        access = {"access": "Read", "durationInSeconds": 600_000}
        sas = await (await client.disks.begin_grant_access("apps", "data", access)).result()
        assert sas.access_sas.startswith("https://")
        with pytest.raises(HttpResponseError, match="EndGetAccess"):
            await machines.begin_start("apps", "vm")
        await (await client.disks.begin_revoke_access("apps", "data")).result()
        await machines.generalize("apps", "vm")
        image = {"location": "westeurope", "properties": {"sourceVirtualMachine": {"id": made.id}}}
        assert (await (await client.images.begin_create_or_update("apps", "image", image)).result()).provisioning_state == "Succeeded"
        await (await machines.begin_delete("apps", "vm")).result()
        with pytest.raises(ResourceNotFoundError):
            await machines.get("apps", "vm")
        await (await client.disks.begin_delete("apps", "data")).result()
        await (await client.images.begin_delete("apps", "image")).result()


async def test_a_failed_creation_raises_with_azures_code(azure: Azure) -> None:
    nic = await Cloud(azure).interface()
    await azure.control.add_fault("failMachine", code="ZonalAllocationFailed")
    async with compute_client(azure, SUBSCRIPTION) as client:
        poller = await client.virtual_machines.begin_create_or_update("apps", "vm", machine_body(nic))
        with pytest.raises(HttpResponseError, match="ZonalAllocationFailed"):
            await poller.result()


async def test_what_there_is(azure: Azure) -> None:
    async with compute_client(azure, SUBSCRIPTION) as client:
        skus = [sku async for sku in client.resource_skus.list(filter="location eq 'westeurope'")]
        assert {sku.resource_type for sku in skus} == {"virtualMachines", "availabilitySets"}
        usages = [usage.name.value async for usage in client.usage.list("westeurope")]
        assert usages[0] == "cores"
        versions = await client.virtual_machine_images.list("westeurope", "Canonical", "ubuntu-24_04-lts", "server")
        assert len(versions) == 2
        body = {"location": "westeurope", "sku": {"name": "Aligned"}, "properties": {"platformFaultDomainCount": 2}}
        await client.availability_sets.create_or_update("apps", "set", body)
        assert [each.name async for each in client.availability_sets.list("apps")] == ["set"]
        await client.availability_sets.delete("apps", "set")
