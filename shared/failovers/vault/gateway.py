"""Calls to Site Recovery: the only module of failovers that knows its SDK and its paths (docs/azure/site-recovery.md).

Reads go without models; starts go through azure-mgmt-recoveryservicessiterecovery, once (`retry_total=0`), under the client request id of
the intent, which becomes the beginning of the job's activity id. Every failure is a `CallFailure`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.arm.answers import AnswerHook
from shared.arm.api_versions import COMPUTE, NETWORKS, RESOURCE_GROUPS, SITE_RECOVERY, STORAGE_ACCOUNTS, SUBSCRIPTIONS, VAULTS
from shared.arm.clients import AzureClients
from shared.arm.failures import in_doubt, passing_refusals
from shared.arm.ids import ResourceId
from shared.arm.operations import last_segment
from shared.arm.reading import own_id
from shared.clock import Clock
from shared.errors import CallFailure, FailureKind
from shared.values.reading import an_object, member

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A POST to an item, a plan or a container: the last segment of its path, and its body, None for none."""

    segment: str
    body: Json | None


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A start as Azure answered it, or as it was found again: the job's name, None where the answer has none, and Azure's time.

    `accepted` is true for a 202: the start is under way, with or without the name of its job.
    """

    job: str | None
    date: datetime
    accepted: bool = False


_METHODS = {
    "plannedFailover": "begin_planned_failover",
    "unplannedFailover": "begin_unplanned_failover",
    "testFailover": "begin_test_failover",
    "testFailoverCleanup": "begin_test_failover_cleanup",
    "failoverCommit": "begin_failover_commit",
    "failoverCancel": "begin_failover_cancel",
    "reProtect": "begin_reprotect",
    "applyRecoveryPoint": "begin_apply_recovery_point",
}
"""The SDK's method of each POST below an item or a recovery plan, by the last segment of its path."""


class SiteRecoveryGateway:
    """Site Recovery, as far as failovers are concerned. Times are Azure's."""

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock

    async def read(self, resource: ResourceId) -> Json:
        """Read an item, a plan, a job, a recovery point: anything by its id; NOT_FOUND where it is not there."""
        return (await self._clients.read(resource, api_version=SITE_RECOVERY)).body

    async def find(self, resource: ResourceId) -> Json | None:
        """Read anything by its id, or None where it is not there."""
        try:
            return await self.read(resource)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise

    async def vault(self, vault: ResourceId) -> Json:
        """Read a vault, for its region."""
        return (await self._clients.read(vault, api_version=VAULTS)).body

    async def machine(self, machine: ResourceId) -> Json | None:
        """Read a virtual machine in Azure, or None where it is not there."""
        try:
            return (await self._clients.read(machine, api_version=COMPUTE)).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise

    async def storage_account(self, account: ResourceId) -> Json:
        """Read a storage account, for its region and redundancy."""
        return (await self._clients.read(account, api_version=STORAGE_ACCOUNTS)).body

    async def network(self, network: ResourceId) -> Json | None:
        """Read a network, a virtual one or one of a fabric's, or None where it is not there."""
        version = NETWORKS if network.provider.lower() == "microsoft.network" else SITE_RECOVERY
        try:
            return (await self._clients.read(network, api_version=version)).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise

    async def resource_group(self, group: str) -> Json:
        """Read a resource group by its path, for its region."""
        return (await self._clients.read(group, api_version=RESOURCE_GROUPS)).body

    async def subscriptions(self) -> list[Json]:
        """Read the list of subscriptions in which this app has any role."""
        return await self._clients.read_all("/subscriptions", api_version=SUBSCRIPTIONS)

    async def children(self, parent: ResourceId, kind: str, *, filters: str | None = None) -> list[Json]:
        """Read a whole list below a resource, such as a vault's `replicationJobs`; `filters` is Site Recovery's own filter."""
        params = {"$filter": filters} if filters else None
        return await self._clients.read_all(f"{parent}/{kind}", api_version=SITE_RECOVERY, params=params)

    async def start(self, scope: ResourceId, call: Call, request_id: str, timeout: float) -> StartedJob:
        """Start something on a protected item or a recovery plan: the one call that must never be sent twice."""
        client = await self._clients.site_recovery(scope.subscription_id)
        body = () if call.body is None else (call.body,)
        if call.segment == "switchprotection":
            # asked of the container in which the item lies
            method = client.replication_protection_containers.begin_switch_protection
            return await self._send(method, (scope.resource_group, *scope.names[:-1], *body), request_id, timeout)
        operations = client.replication_recovery_plans if is_plan(scope) else client.replication_protected_items
        return await self._send(
            getattr(operations, _METHODS[call.segment]), (scope.resource_group, *scope.names, *body), request_id, timeout
        )

    async def resume(self, job: ResourceId, comments: str, request_id: str, timeout: float) -> StartedJob:
        """Complete a job that waits suspended, such as a failback after its synchronisation."""
        client = await self._clients.site_recovery(job.subscription_id)
        arguments = (job.resource_group, *job.names, {"properties": {"comments": comments}})
        await self._send(client.replication_jobs.begin_resume, arguments, request_id, timeout)
        return StartedJob(job.name, self._clock.now())

    async def change(
        self, method: str, resource: ResourceId, segment: str, body: Json | None, request_id: str, timeout: float
    ) -> StartedJob:
        """Make, change or remove a thing of the vault's set-up by its id (PUT, PATCH, DELETE, or a POST to its `segment`), sent once.

        The job's name is None where Azure did it at once (200, 201, 204) or accepted it without naming a job (202).
        """
        path = f"{resource}/{segment}" if segment else str(resource)
        answer = await self._clients.write(method, path, api_version=SITE_RECOVERY, body=body, request_id=request_id, timeout=timeout)
        return StartedJob(job_name(answer.headers), answer.date or self._clock.now(), accepted=answer.status == 202)

    async def _send(self, call: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], request_id: str, timeout: float) -> StartedJob:
        hook = AnswerHook()
        sent = call(*arguments, polling=False, request_id=request_id, raw_response_hook=hook, retry_total=0, timeout=timeout)
        with passing_refusals():
            await self._clients.call(sent, timeout=timeout)
        return StartedJob(job_name(hook.headers), hook.date or self._clock.now(), accepted=hook.status == 202)


def job_name(headers: Mapping[str, str]) -> str | None:
    """Return the name of the job that an answer started: the last segment of `Location`, else of `Azure-AsyncOperation`."""
    url = headers.get("Location") or headers.get("Azure-AsyncOperation")
    return (last_segment(url) or None) if url else None


def require_shown(resource: Json | None, name: str) -> None:
    """Raise `CallFailure`, so that the read is repeated, where Azure shows a resource without a member of its properties; None passes.

    An update resets what it leaves out, and so what was not read.
    """
    if resource is not None and not isinstance(member(an_object(resource, "properties"), name), dict | list):
        raise in_doubt("NotShown", f"Azure shows {own_id(resource)} without '{name}'. The read is retried.")


def is_plan(scope: ResourceId) -> bool:
    """Whether an id is a recovery plan's, not a protected item's."""
    return scope.types[-1].lower() == "replicationrecoveryplans"


def vault_of(scope: ResourceId) -> ResourceId:
    """Return the vault that an item or a plan lies in."""
    return ResourceId(scope.subscription_id, scope.resource_group, scope.provider, scope.types[:1], scope.names[:1])
