"""Microsoft's own SDK drives the simulated Site Recovery, with the calls that the app makes: one POST, no polling, no retry."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.recoveryservicessiterecovery import models
from azure.mgmt.recoveryservicessiterecovery.aio import SiteRecoveryManagementClient

from tests.local.sdk import Bearer, NoCredential
from tests.local.simulated import Azure
from tests.local.site_recovery import Vaults, vaults_running

Start = Callable[..., Awaitable[Any]]


@pytest.fixture
async def vaults() -> AsyncIterator[Vaults]:
    async with vaults_running() as running:
        yield running


@asynccontextmanager
async def site_recovery(azure: Azure, resource: str) -> AsyncIterator[Any]:  # members of its models are optional
    async with SiteRecoveryManagementClient(
        NoCredential(),  # type: ignore[arg-type]  # never asked: the policy below replaces it
        resource.split("/")[2],
        base_url=azure.url,
        authentication_policy=Bearer(await azure.control.identity_token()),
    ) as client:
        yield client


def place(resource: str) -> tuple[str, ...]:
    """Return what the SDK names a resource by: group, vault, and the names below."""
    parts = resource.strip("/").split("/")
    return (parts[3], *parts[7::2])


async def job_after(vaults: Vaults, client: Any, start: Start, *arguments: Any, own: bool = True) -> Any:
    """Start once, let the time pass, and return the job; where it is `own`, its activity id begins with the client request id."""
    seen: list[Any] = []
    request_id = str(uuid4())
    await start(*arguments, polling=False, raw_response_hook=seen.append, retry_total=0, request_id=request_id)
    (answer,) = seen
    assert answer.http_response.status_code == 202
    name = answer.http_response.headers["Location"].split("?")[0].rsplit("/", 1)[-1]
    await vaults.azure.control.advance("PT3H")
    job = await client.replication_jobs.get(*arguments[:2], name)
    assert job.properties.activity_id.startswith(request_id) is own
    return job


async def test_the_journey_of_hyper_v_there_and_back(vaults: Vaults) -> None:
    item = place(vaults.item("erp01"))
    async with site_recovery(vaults.azure, vaults.provider) as client:
        items, jobs = client.replication_protected_items, client.replication_jobs

        async def succeeded(start: Start, *body: Any) -> None:
            job = await job_after(vaults, client, start, *item, *body)
            assert (job.properties.state, job.properties.state_description) == ("Succeeded", "Completed")

        network = vaults.network("drill-provider-northeurope")
        test = models.TestFailoverInputProperties(
            failover_direction="PrimaryToRecovery",
            network_type="VmNetworkAsInput",
            network_id=network,
            provider_specific_details=models.HyperVReplicaAzureTestFailoverInput(),
        )
        await succeeded(items.begin_test_failover, models.TestFailoverInput(properties=test))
        assert (await items.get(*item)).properties.test_failover_state == "WaitingForCompletion"
        cleanup = models.TestFailoverCleanupInput(properties=models.TestFailoverCleanupInputProperties(comments="done"))
        await succeeded(items.begin_test_failover_cleanup, cleanup)
        out = models.PlannedFailoverInputProperties(
            failover_direction="PrimaryToRecovery", provider_specific_details=models.HyperVReplicaAzurePlannedFailoverProviderInput()
        )
        await succeeded(items.begin_planned_failover, models.PlannedFailoverInput(properties=out))
        await succeeded(items.begin_failover_commit)
        back = models.PlannedFailoverInputProperties(
            failover_direction="RecoveryToPrimary",
            provider_specific_details=models.HyperVReplicaAzureFailbackProviderInput(
                data_sync_option="ForSynchronization", recovery_vm_creation_option="CreateVmIfNotFound"
            ),
        )
        waiting = await job_after(vaults, client, items.begin_planned_failover, *item, models.PlannedFailoverInput(properties=back))
        assert (waiting.properties.state, waiting.properties.allowed_actions) == ("Suspended", ["Resume", "Cancel"])
        comments = models.ResumeJobParams(properties=models.ResumeJobParamsProperties(comments="go on"))
        resumed = await job_after(vaults, client, _named(jobs.begin_resume, waiting.name, comments), *item[:2], own=False)
        assert resumed.name == waiting.name
        assert resumed.properties.state == "Succeeded"
        await succeeded(items.begin_failover_commit)
        reverse = models.ReverseReplicationInputProperties(
            failover_direction="RecoveryToPrimary", provider_specific_details=models.HyperVReplicaAzureReprotectInput()
        )
        await succeeded(items.begin_reprotect, models.ReverseReplicationInput(properties=reverse))
        protected = (await items.get(*item)).properties
        assert (protected.protection_state, protected.active_location, protected.replication_health) == ("Protected", "Primary", "Normal")
        assert "PlannedFailover" in protected.allowed_operations


async def test_azure_to_azure_moves_to_another_id(vaults: Vaults) -> None:
    old = vaults.item("contoso-web01")
    item = place(old)
    async with site_recovery(vaults.azure, vaults.tenant) as client:
        items = client.replication_protected_items
        point = [each async for each in client.recovery_points.list_by_replication_protected_items(*item)][2]
        out = models.UnplannedFailoverInputProperties(
            failover_direction="PrimaryToRecovery",
            source_site_operations="NotRequired",
            provider_specific_details=models.A2AUnplannedFailoverInput(recovery_point_id=point.id),
        )
        await job_after(vaults, client, items.begin_unplanned_failover, *item, models.UnplannedFailoverInput(properties=out))
        before = (await items.get(*item)).properties
        assert before.failover_recovery_point_id == point.id
        await job_after(vaults, client, items.begin_failover_commit, *item)
        disks = [
            models.A2AVmManagedDiskInputDetails(
                disk_id=disk.disk_id,
                primary_staging_azure_storage_account_id=disk.primary_staging_azure_storage_account_id,
                recovery_resource_group_id=disk.recovery_resource_group_id,
            )
            for disk in before.provider_specific_details.protected_managed_disks
        ]
        switch = models.SwitchProtectionInputProperties(
            replication_protected_item_name=item[-1],
            provider_specific_details=models.A2ASwitchProtectionInput(
                recovery_container_id=old.rsplit("/", 2)[0], vm_managed_disks=disks, policy_id=before.policy_id
            ),
        )
        job = await job_after(
            vaults,
            client,
            client.replication_protection_containers.begin_switch_protection,
            *item[:-1],
            models.SwitchProtectionInput(properties=switch),
        )
        new = job.properties.custom_details.new_replication_protected_item_id
        assert place(new)[2:4] == place(before.recovery_container_id)[2:4]
        moved = (await items.get(*place(new))).properties
        assert (moved.friendly_name, moved.protection_state, moved.active_location) == ("contoso-web01", "Protected", "Primary")
        assert moved.recovery_container_id == old.rsplit("/", 2)[0]
        assert set(moved.allowed_operations) == {"UnplannedFailover", "TestFailover", "DisableProtection"}
        with pytest.raises(HttpResponseError) as gone:
            await items.get(*item)
        assert gone.value.status_code == 404
        names = [each.id async for each in items.list(*item[:2])]
        assert new in names
        assert old not in names


async def test_a_plan_of_three_groups(vaults: Vaults) -> None:
    plan = place(vaults.plan("shop"))
    async with site_recovery(vaults.azure, vaults.provider) as client:
        plans = client.replication_recovery_plans
        seen = (await plans.get(*plan)).properties
        assert [len(group.replication_protected_items) for group in seen.groups] == [1, 1, 1]
        out = models.RecoveryPlanUnplannedFailoverInputProperties(
            failover_direction="PrimaryToRecovery",
            source_site_operations="NotRequired",
            provider_specific_details=[
                models.RecoveryPlanHyperVReplicaAzureFailoverInput(recovery_point_type="LatestApplicationConsistent")
            ],
        )
        job = await job_after(
            vaults, client, plans.begin_unplanned_failover, *plan, models.RecoveryPlanUnplannedFailoverInput(properties=out)
        )
        groups = [task for task in job.properties.tasks if task.task_id.startswith("Group")]
        assert [group.state for group in groups] == ["Succeeded"] * 3
        for earlier, later in pairwise(groups):
            assert earlier.end_time <= later.start_time
        for group in groups:
            (member,) = group.group_task_custom_details.child_tasks
            assert member.custom_details["jobTask"]["targetInstanceType"] == "Vm"
        await job_after(vaults, client, plans.begin_failover_commit, *plan)
        assert (await plans.get(*plan)).properties.allowed_operations == ["Failback"]


async def test_a_policy_a_plan_and_a_protected_machine_by_polling(vaults: Vaults) -> None:
    await vaults.azure.control.set_speed(600)
    vault, cloud = place(vaults.provider), place(vaults.item("new01"))[:-1]
    async with site_recovery(vaults.azure, vaults.provider) as client:
        wanted = models.HyperVReplicaAzurePolicyInput(replication_interval=300, recovery_point_history_duration=12)
        body = models.CreatePolicyInput(properties=models.CreatePolicyInputProperties(provider_specific_input=wanted))
        policy = await (await client.replication_policies.begin_create(*vault, "half-a-day", body, polling_interval=0)).result()
        assert policy.properties.provider_specific_details.recovery_point_history_duration_in_hours == 12
        mapping = models.CreateProtectionContainerMappingInput(
            properties=models.CreateProtectionContainerMappingInputProperties(
                target_protection_container_id="Microsoft Azure",
                policy_id=policy.id,
                provider_specific_input=models.ReplicationProviderSpecificContainerMappingInput({}),
            )
        )
        mapped = await client.replication_protection_container_mappings.begin_create(*cloud, "half-a-day", mapping, polling_interval=0)
        assert (await mapped.result()).properties.state == "Paired"


def _named(start: Start, *names: Any) -> Start:
    async def call(group: str, vault: str, **options: Any) -> Any:
        return await start(group, vault, *names, **options)

    return call
