"""Puts the app together, once per process, when the first invocation needs it. Nothing of Azure's SDKs is imported before."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shared import telemetry
from shared.access.registry import TABLE as TENANTS_TABLE
from shared.access.registry import Registry
from shared.clock import Clock, Ids, RandomIds, RemoteClock, SystemClock
from shared.operations.accepting import locks
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Locks
from shared.operations.model import store
from shared.operations.model.lists import Lists
from shared.operations.model.store import Store
from shared.operations.model.workflow import Workflows
from shared.operations.outside import rejected
from shared.operations.outside.events import Events
from shared.operations.outside.messages import CHECK_QUEUE, OUTCOME_QUEUE
from shared.operations.outside.poisoned import PoisonQueues
from shared.operations.outside.receiving import Receiver
from shared.operations.outside.rejected import RejectedMessages
from shared.operations.running import budgets
from shared.operations.running.budgets import Budgets, Observed
from shared.operations.running.checks import Checks
from shared.operations.running.runner import Runner
from shared.operations.running.tick import Tick
from shared.operations.timings import Timings
from shared.settings import Settings, get_settings
from shared.storage import blobs
from shared.storage import tables as storage
from shared.storage.blobs import WriteOnceBlobs
from shared.storage.tables import Storage
from shared.telemetry import Metric

if TYPE_CHECKING:
    from shared.arm.clients import AzureClients
    from shared.copies.copying.service import Copies
    from shared.copies.protection.gauges import CopyGauges
    from shared.failovers.drills.service import Drills
    from shared.failovers.failing_over.context import ContextReader
    from shared.failovers.failing_over.service import Failovers
    from shared.failovers.protection.service import Protection
    from shared.failovers.set_up.service import SetUp
    from shared.failovers.vault.gateway import SiteRecoveryGateway
    from shared.failovers.vault.inventory import Inventory
    from shared.tenants.readiness.reader import ReadinessReader
    from shared.web.tokens import TokenVerifier

INTAKE_QUEUES = ("restore-point-copy-requests", "failover-requests", "tenant-requests")
STEP_QUEUES = ("restore-point-copy-steps", "failover-steps")
CHECK_QUEUES = (CHECK_QUEUE, "failover-checks")
TABLES = (
    store.TABLE,
    locks.TABLE,
    budgets.TABLE,
    rejected.TABLE,
    TENANTS_TABLE,
    "chains",
    "copies",
    "audit",
    "moves",
    "drills",
    "protections",
)
AUDIT_CONTAINER = "audit"
QUEUES = (*INTAKE_QUEUES, *STEP_QUEUES, *CHECK_QUEUES, OUTCOME_QUEUE)
_LOCAL_BASE_URL = "http://localhost"


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that entry points call, and nothing that they would have to put together themselves."""

    settings: Settings
    clock: Clock
    ids: Ids
    storage: Storage
    store: Store
    registry: Registry
    tokens: "TokenVerifier"
    workflows: Workflows
    runner: Runner
    tick: Tick
    checks: Checks
    commands: Commands
    lists: Lists
    receiver: Receiver
    rejected: RejectedMessages
    poisoned: PoisonQueues
    copies: "Copies"
    gauges: "CopyGauges"
    failovers: "Failovers"
    site_recovery: "SiteRecoveryGateway"
    surroundings: "ContextReader"
    inventory: "Inventory"
    set_up: "SetUp"
    drills: "Drills"
    protection: "Protection"
    readiness: "ReadinessReader"
    schedules: tuple[Callable[[], Awaitable[None]], ...]
    blobs: WriteOnceBlobs
    clients: "AzureClients"
    budgets: Budgets

    async def storage_ready(self) -> bool:
        """Whether the tables answer; raises what storage raises."""
        await self.store.active("a" * 26)
        return True

    async def tell_gauges(self) -> None:
        """Tell how copies stand, where this app has any: another app's state knows nothing of them, and its word would be the last."""
        if "copies" in self.settings.capabilities:
            await self.gauges.tell(await self.registry.all())

    async def feed_budgets(self) -> None:
        """Write what answers have said of call budgets since the last time, for the tick to spend by."""
        seen = self.clients.take_observations()
        now = self.clock.now()
        for item in seen:
            operation, subscription = str(item.key.operation), item.key.subscription_id
            if item.remaining is not None:
                telemetry.gauge(Metric.ARM_REMAINING, item.remaining, operation=operation, subscription=subscription)
        await asyncio.gather(
            *(
                self.budgets.observed(
                    Observed(f"{item.key.subscription_id}/{item.key.operation}", item.remaining, item.retry_after, item.date or now)
                )
                for item in seen
            )
        )

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(self.clients.aclose(), self.storage.close(), self.blobs.close())
        if isinstance(self.clock, RemoteClock):
            await self.clock.close()


_building: asyncio.Lock | None = None
_runtime: Runtime | None = None


async def runtime() -> Runtime:
    """Return the process's runtime, with its clock read anew for this invocation."""
    global _building, _runtime  # noqa: PLW0603  # the one place where the process keeps what it has put together
    if _runtime is None:
        _building = _building or asyncio.Lock()
        async with _building:
            if _runtime is None:
                _runtime = await build(get_settings())
    await _runtime.clock.refresh()
    return _runtime


async def build(settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> Runtime:
    """Put the app together for these settings; on an emulator, create the tables and queues that are not there."""
    clock = clock or (RemoteClock(settings.clock_url) if settings.clock_url else SystemClock())
    await clock.refresh()
    account = await asyncio.to_thread(_connect, settings)
    anchors = await asyncio.to_thread(_connect_blobs, settings)
    if settings.storage_connection:
        await asyncio.gather(account.create(TABLES, QUEUES), anchors.create_container())
    await asyncio.to_thread(telemetry.setup, settings)
    return await asyncio.to_thread(partial(_assemble, settings, clock, ids or RandomIds(), account, anchors))


def _connect(settings: Settings) -> Storage:
    if settings.storage_connection:
        return storage.connect(settings.storage_connection)
    from shared.arm.credentials import credential_for

    if not settings.table_service_uri or not settings.queue_service_uri:
        message = "AzureWebJobsStorage__tableServiceUri and AzureWebJobsStorage__queueServiceUri, or AzureWebJobsStorage, must be set"
        raise ValueError(message)
    return storage.connect_with_identity(
        settings.table_service_uri, settings.queue_service_uri, credential_for(settings.identity_client_id)
    )


def _connect_blobs(settings: Settings) -> WriteOnceBlobs:
    if settings.storage_connection:
        return blobs.connect(settings.storage_connection, AUDIT_CONTAINER)
    from shared.arm.credentials import credential_for

    if not settings.blob_service_uri:
        raise ValueError("AzureWebJobsStorage__blobServiceUri must be set")
    return blobs.connect_with_identity(settings.blob_service_uri, AUDIT_CONTAINER, credential_for(settings.identity_client_id))


def _assemble(settings: Settings, clock: Clock, ids: Ids, account: Storage, anchors: WriteOnceBlobs) -> Runtime:
    from shared.arm.clients import AzureClients
    from shared.copies import assemble as restore_points
    from shared.copies.protection.gauges import CopyGauges
    from shared.failovers import assemble as site_recovery
    from shared.tenants.readiness.reader import ReadinessReader
    from shared.web.keys import SigningKeys
    from shared.web.tokens import TokenVerifier

    timings = Timings(settings.lease_seconds)
    operations = Store(account.table(store.TABLE), clock, ids)
    held = Locks(account.table(locks.TABLE), operations, clock, ids)
    clients = AzureClients(settings, ids=ids)
    registry = Registry(account.table(TENANTS_TABLE), clock)
    copies = restore_points.capability(account, operations, held, clients, clock, ids, timings)
    failovers = site_recovery.capability(account, anchors, registry, held, clients, clock, timings)
    by_capability = {"copies": (copies.workflow,), "failovers": (failovers.workflow, *failovers.set_up_workflows)}
    served = frozenset(workflow.kind for name in settings.capabilities for workflow in by_capability.get(name, ()))
    workflows = Workflows.of(*(workflow for found in by_capability.values() for workflow in found), served=served)
    events = Events(account.queues, workflows, clock, settings.public_base_url or _LOCAL_BASE_URL)
    spent = Budgets(account.table(budgets.TABLE), clock, settings.budget_share, settings.identity_client_id or "system")
    commands = Commands(operations, account.queues, workflows, clock, ids)
    kept = RejectedMessages(account.table(rejected.TABLE), account.queues, events, clock)
    acceptance = Acceptance(operations, held, account.queues, workflows)

    async def provider() -> str:
        return (await registry.provider()).name

    receiver = Receiver(kept, provider)
    started = failovers.service(acceptance, commands)
    drills = failovers.drills(started, operations)
    set_up = failovers.set_up(acceptance)
    protection = failovers.protection(set_up, operations)
    scheduled = {"failovers": (drills.run, protection.run)}
    return Runtime(
        settings=settings,
        clock=clock,
        ids=ids,
        storage=account,
        store=operations,
        registry=registry,
        tokens=TokenVerifier(settings, registry, SigningKeys(settings.auth_keys_url, clock)),
        workflows=workflows,
        runner=Runner(operations, held, events, workflows, clock, ids, timings),
        tick=Tick(operations, account.queues, spent, workflows, clock),
        checks=Checks(operations, account.queues, events, workflows, clock),
        commands=commands,
        lists=Lists(operations),
        receiver=receiver,
        rejected=kept,
        poisoned=PoisonQueues(account.queues, receiver, INTAKE_QUEUES, (*STEP_QUEUES, *CHECK_QUEUES)),
        copies=copies.service(acceptance, commands),
        gauges=CopyGauges(operations, copies.newest, clock),
        failovers=started,
        site_recovery=failovers.gateway,
        surroundings=failovers.surroundings,
        inventory=failovers.inventory,
        set_up=set_up,
        drills=drills,
        protection=protection,
        readiness=ReadinessReader(failovers.gateway, failovers.inventory, registry),
        schedules=tuple(work for name in settings.capabilities for work in scheduled.get(name, ())),
        blobs=anchors,
        clients=clients,
        budgets=spent,
    )
