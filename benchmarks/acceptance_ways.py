"""The parts of an acceptance, each as a call of its own, and what a user would write instead."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from benchmarks.small_azure import TARGET, TENANT, Point
from shared.arm.ids import ResourceId
from shared.clock import RandomIds, SystemClock
from shared.copies import kinds
from shared.copies.copying import admission
from shared.copies.copying.models import CopyRequest
from shared.copies.copying.rules.naming import chain_key
from shared.copies.copying.waiting.chains import Chains
from shared.copies.gateway import RestorePointGateway
from shared.copies.ledger import Ledger
from shared.operations.model import store
from shared.operations.model.models import Actor, NewOperation
from shared.operations.model.store import Store
from shared.operations.outside.messages import send_step
from shared.storage.tables import Storage

STEPS = "restore-point-copy-steps"
REFUSED = 503  # storage did not answer in time: the caller is to send the request again
Call = Callable[[Point], Awaitable[object]]


def poster(session: aiohttp.ClientSession, api: str, token: str) -> Call:
    """Return the call that requests a copy of a host."""

    async def post(point: Point) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        async with session.post(f"{api}/restore-point-copies", json=point.body, headers=headers) as answer:
            assert answer.status in {202, REFUSED}, (answer.status, await answer.text())
            return answer.status

    return post


def storage_calls(storage: Storage) -> Call:
    """Return what makes the storage calls of one acceptance, and nothing else: the chain's head, claim, place, transaction, message."""
    ids, clock = RandomIds(), SystemClock()
    operations = Store(storage.table(store.TABLE), clock, ids)
    copies = Ledger(storage.table(kinds.LEDGER), operations, clock, ids)
    waiting = Chains(storage.table(kinds.CHAINS), operations, clock)
    actor = Actor("app", str(uuid.UUID(int=7)), "runbook")

    async def accept(point: Point) -> None:
        filters = {"region": TARGET, "virtualMachineId": point.id.lower().partition("/restorepoints/")[0]}
        new = NewOperation("restorePointCopy", TENANT, None, point.body, actor, "preparing", filters=filters)
        operation = operations.id_for(new)
        key = chain_key(*admission.collections(CopyRequest.model_validate(point.body)))
        await waiting.head(key)
        await copies.claim(ResourceId.parse(point.id), TARGET, operation)
        await waiting.join(key, operation, point.taken_at, first=True)
        await operations.insert(new, operation)
        await send_step(storage.queues, STEPS, [operation])

    return accept


def azure_reads(gateway: RestorePointGateway) -> Call:
    """Return what makes the reads of Azure of one acceptance, and nothing else."""

    async def look(point: Point) -> None:
        seen = await admission.look(gateway, CopyRequest.model_validate(point.body))
        assert seen.point is not None
        assert seen.vm is not None

    return look


@asynccontextmanager
async def script(url: str) -> AsyncIterator[Call]:
    """Make what a user would write instead: PUT the target collection, PUT the copy, each once."""
    from azure.identity.aio import ManagedIdentityCredential
    from azure.mgmt.compute.aio import ComputeManagementClient

    from shared.arm.sending.pipeline import authentication_policy

    credential = ManagedIdentityCredential()
    clients: dict[str, Any] = {}

    async def start(point: Point) -> None:
        source = ResourceId.parse(point.id)
        if source.subscription_id not in clients:
            policy = authentication_policy(credential, url)
            clients[source.subscription_id] = ComputeManagementClient(
                credential, source.subscription_id, base_url=url, authentication_policy=policy
            )
        compute, name = clients[source.subscription_id], f"{source.names[0]}-{TARGET}-by-script"
        target = {"location": TARGET, "properties": {"source": {"id": str(source.parent)}}}
        await compute.restore_point_collections.create_or_update("recovery", name, target)
        copy = {"properties": {"sourceRestorePoint": {"id": point.id}}}
        await compute.restore_points.begin_create("recovery", name, source.name, copy, polling=False)

    yield start
    for client in clients.values():
        await client.close()
    await credential.close()
