"""What Site Recovery is asked and told: the only module here that knows its SDK and its paths (facts/site-recovery.md, "Client").

Reads go without models; starts go through azure-mgmt-recoveryservicessiterecovery, once (`retry_total=0`), with the client request id of the
intent, which becomes the beginning of the job's activity id. Every failure is a `CallFailure`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.arm.answers import AnswerHook
from shared.arm.api_versions import SITE_RECOVERY
from shared.arm.clients import AzureClients
from shared.arm.ids import ResourceId
from shared.arm.operations import last_segment
from shared.clock import Clock
from shared.errors import CallFailure, FailureKind
from shared.site_recovery.names import AllowedOperation

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A start as Azure answered it, or as it was found again: the job's name, None where Azure did not tell, and Azure's time."""

    job: str | None
    date: datetime


_ITEM_METHODS = {
    AllowedOperation.PLANNED_FAILOVER: "begin_planned_failover",
    AllowedOperation.FAILBACK: "begin_planned_failover",
    AllowedOperation.UNPLANNED_FAILOVER: "begin_unplanned_failover",
    AllowedOperation.TEST_FAILOVER: "begin_test_failover",
    AllowedOperation.TEST_FAILOVER_CLEANUP: "begin_test_failover_cleanup",
    AllowedOperation.COMMIT: "begin_failover_commit",
    AllowedOperation.CANCEL_FAILOVER: "begin_failover_cancel",
    AllowedOperation.REVERSE_REPLICATE: "begin_reprotect",
    AllowedOperation.CHANGE_PIT: "begin_apply_recovery_point",
}
_PLAN_METHODS = {**_ITEM_METHODS, AllowedOperation.SWITCH_PROTECTION: "begin_reprotect"}
_WITHOUT_BODY = frozenset({"begin_failover_commit", "begin_failover_cancel"})


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

    async def children(self, parent: ResourceId, kind: str, *, filters: str | None = None) -> list[Json]:
        """Read a whole list below a resource, such as a vault's `replicationJobs`; `filters` is Site Recovery's own filter."""
        params = {"$filter": filters} if filters else None
        return await self._clients.read_all(f"{parent}/{kind}", api_version=SITE_RECOVERY, params=params)

    async def start(self, scope: ResourceId, operation: AllowedOperation, body: Json | None, request_id: str, timeout: float) -> StartedJob:
        """Start an operation on a protected item or a recovery plan: the one call that must never be sent twice."""
        if operation is AllowedOperation.SWITCH_PROTECTION and len(scope.names) > 2:
            return await self._switch_protection(scope, body, request_id, timeout)
        client = await self._clients.site_recovery(scope.subscription_id)
        is_plan = len(scope.names) == 2
        operations = client.replication_recovery_plans if is_plan else client.replication_protected_items
        name = (_PLAN_METHODS if is_plan else _ITEM_METHODS)[operation]
        takes_body = name not in _WITHOUT_BODY and not (is_plan and name == "begin_reprotect")
        arguments = (scope.resource_group, *scope.names, *((body or {},) if takes_body else ()))
        return await self._send(getattr(operations, name), arguments, request_id, timeout)

    async def _switch_protection(self, item: ResourceId, body: Json | None, request_id: str, timeout: float) -> StartedJob:
        client = await self._clients.site_recovery(item.subscription_id)
        vault, fabric, container, _ = item.names
        arguments = (item.resource_group, vault, fabric, container, body or {})
        return await self._send(client.replication_protection_containers.begin_switch_protection, arguments, request_id, timeout)

    async def resume(self, job: ResourceId, comments: str, request_id: str, timeout: float) -> StartedJob:
        """Complete a job that waits suspended, such as a failback after its synchronisation."""
        client = await self._clients.site_recovery(job.subscription_id)
        arguments = (job.resource_group, *job.names, {"properties": {"comments": comments}})
        await self._send(client.replication_jobs.begin_resume, arguments, request_id, timeout)
        return StartedJob(job.name, self._clock.now())

    async def _send(self, call: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], request_id: str, timeout: float) -> StartedJob:
        hook = AnswerHook()
        await self._clients.call(
            call(*arguments, polling=False, request_id=request_id, raw_response_hook=hook, retry_total=0, timeout=timeout), timeout=timeout
        )
        location = hook.headers.get("Location")
        return StartedJob(last_segment(location) if location else None, hook.date or self._clock.now())

    async def read_side_by_side(self, resources: tuple[ResourceId, ...]) -> tuple[Json | None, ...]:
        """Read several things by their ids (calls in flight are limited in `shared.arm`); None for one that is not there."""
        return tuple(await asyncio.gather(*(self.find(resource) for resource in resources)))
