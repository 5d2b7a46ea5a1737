"""Site Recovery within a test: the sample estate's vaults, and the operations of items and plans over plain HTTP."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local.simulated import Azure, Reply, azure_running

VERSION = "2025-08-01"
HYPER_V = {"instanceType": "HyperVReplicaAzure"}
NO_NETWORK = {"networkType": "NoNetworkAttachAsInput"}

PLANNED = {"properties": {"failoverDirection": "PrimaryToRecovery", "providerSpecificDetails": HYPER_V}}
BACK = {"instanceType": "HyperVReplicaAzureFailback", "recoveryVmCreationOption": "CreateVmIfNotFound"}


def failback(data_sync: str = "ForSynchronization") -> dict[str, Any]:
    """Return the body of a failback."""
    return {"properties": {"failoverDirection": "RecoveryToPrimary", "providerSpecificDetails": {**BACK, "dataSyncOption": data_sync}}}


def unplanned(provider: str, point: str | None = None, source: str = "NotRequired") -> dict[str, Any]:
    """Return the body of an unplanned failover of an item."""
    details = {"instanceType": provider, "recoveryPointId": point, **({"performShutdown": "false"} if provider == "InMageRcm" else {})}
    return {"properties": {"failoverDirection": "PrimaryToRecovery", "sourceSiteOperations": source, "providerSpecificDetails": details}}


def a_test(provider: str, **options: Any) -> dict[str, Any]:
    """Return the body of a test failover of an item."""
    return {"properties": {**(options or NO_NETWORK), "providerSpecificDetails": {"instanceType": provider}}}


def shown(resource: str) -> str:
    """Return an id of something in a vault as Site Recovery writes it."""
    return resource.replace("/subscriptions/", "/Subscriptions/", 1)


@dataclass(slots=True)
class Vaults:
    """The sample's vaults in a running simulation; `azure` is its front door."""

    azure: Azure
    estate: dict[str, Any]

    @property
    def provider(self) -> str:
        """The id of the provider's vault."""
        return str(self.estate["vaults"][0]["id"])

    @property
    def tenant(self) -> str:
        """The id of the second tenant's own vault."""
        return str(self.estate["vaults"][1]["id"])

    def item(self, friendly: str) -> str:
        """Return the id of the item with this name, as the sample has it."""
        return next(shown(item["id"]) for vault in self.estate["vaults"] for item in vault["items"] if item["friendlyName"] == friendly)

    def plan(self, friendly: str) -> str:
        """Return the id of the plan with this name."""
        return next(shown(plan["id"]) for vault in self.estate["vaults"] for plan in vault["plans"] if plan["friendlyName"] == friendly)

    def network(self, part: str) -> str:
        """Return the id of the first virtual network whose name has these parts."""
        return next(str(network["id"]) for network in self.estate["virtualNetworks"] if part in network["id"])

    async def get(self, resource: str, **options: Any) -> Reply:
        """Read anything."""
        return await self.azure.call("GET", resource, version=VERSION, **options)

    async def properties(self, resource: str) -> dict[str, Any]:
        """Return the properties of something that is there."""
        reply = await self.get(resource)
        assert reply.status == 200, reply.body
        return dict(reply.body["properties"])

    async def allowed(self, resource: str) -> set[str]:
        """Return the operations that an item or plan allows."""
        return set((await self.properties(resource))["allowedOperations"])

    async def post(self, resource: str, operation: str, body: Any = None, **options: Any) -> Reply:
        """Send an operation."""
        return await self.azure.call("POST", f"{resource}/{operation}", body, version=VERSION, **options)

    async def start(self, resource: str, operation: str, body: Any = None, **options: Any) -> str:
        """Send an operation that is accepted; return its job's id."""
        return self.job_of(await self.post(resource, operation, body, **options), resource)

    def job_of(self, reply: Reply, resource: str) -> str:
        """Return the id of the job that an answer names."""
        assert reply.status == 202, reply.body
        assert reply.body is None
        name = reply.headers["Azure-AsyncOperation"].split("?")[0].rsplit("/", 1)[-1]
        return shown(f"{resource.split('/replication', maxsplit=1)[0]}/replicationJobs/{name}")

    async def done(self, resource: str, operation: str, body: Any = None, *, after: str = "PT2H", **options: Any) -> dict[str, Any]:
        """Send an operation, let the time pass, and return its job's properties."""
        job = await self.start(resource, operation, body, **options)
        await self.azure.control.advance(after)
        return await self.properties(job)

    async def points(self, item: str) -> list[dict[str, Any]]:
        """Return an item's recovery points."""
        return list((await self.get(f"{item}/recoveryPoints")).body["value"])


@asynccontextmanager
async def vaults_running(*, speed: float = 0.0, data: Path | None = None) -> AsyncIterator[Vaults]:
    """Serve a simulation with the sample estate."""
    async with azure_running(speed=speed, data=data) as azure:
        yield Vaults(azure, await azure.control.estate())


GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


PLAN_OUT = {"properties": {"failoverDirection": "PrimaryToRecovery", "sourceSiteOperations": "NotRequired", "providerSpecificDetails": []}}


def states(job: dict[str, Any]) -> dict[str, str]:
    """Return the states of a job's tasks by name, of a recovery plan's by id."""
    return {task["taskId"] if task["name"] == "Unknown" else task["name"]: task["state"] for task in job["tasks"]}


def status_of(job: str) -> str:
    """Return the path at which `Azure-AsyncOperation` shows a job."""
    return job.replace("/replicationJobs/", "/replicationOperationStatus/")


def members(job: dict[str, Any], group: int) -> dict[str, dict[str, Any]]:
    """Return the members' tasks of a plan's group by the machine's name."""
    found = [task for task in job["tasks"] if task["taskId"] == f"Group{group}"]
    return {child["friendlyName"]: child for child in found[0]["groupTaskCustomDetails"]["childTasks"]}
