"""Assembles the app, once per process, when the first invocation needs it: the core, then each capability that the app serves.

No Azure SDK is imported before that, and nothing of a capability that is not served.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from shared import telemetry
from shared.access.ownership import is_owned
from shared.access.records.rows import TABLE as TENANTS_TABLE
from shared.access.registry import Registry
from shared.capability import Capability, Core, Job, Parts, check_queues, intake_queues, step_queues, tables_of
from shared.clock import Clock, Ids, RandomIds, RemoteClock, SystemClock
from shared.dispatch import Dispatch, dispatches
from shared.operations.accepting import locks, message_keys
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.message_keys import MessageKeys
from shared.operations.accepting.resolving import Resolver
from shared.operations.model import store
from shared.operations.model.identity import is_operation_id
from shared.operations.model.kinds import Kinds
from shared.operations.model.lists import Lists
from shared.operations.model.models import Operation
from shared.operations.model.store import Store
from shared.operations.outside import rejected
from shared.operations.outside.events import Events
from shared.operations.outside.messages import OUTCOME_QUEUE, read_check, read_step
from shared.operations.outside.poisoned import PoisonQueues
from shared.operations.outside.receiving import Delivery, Receiver
from shared.operations.outside.rejected import RejectedMessages
from shared.operations.running import budgets
from shared.operations.running.budgets import Budgets, Observed
from shared.operations.running.checks import Checks
from shared.operations.running.pace import Pace
from shared.operations.running.runner import Runner
from shared.operations.running.tick import Tick
from shared.operations.running.workflow import Workflows
from shared.operations.timings import Timings
from shared.readiness import ReadinessCheck
from shared.secrets.keeper import Secrets
from shared.secrets.references import SecretReferences, VaultOwner
from shared.secrets.sweeping import SWEEP, Sweep
from shared.secrets.vaults import KeyVaults
from shared.settings import Settings
from shared.storage import blobs, tables
from shared.storage.blobs import BlobAccount
from shared.storage.daily import DailyTurn
from shared.storage.tables import Storage, Table
from shared.telemetry import Metric

if TYPE_CHECKING:
    from shared.access.tokens import TokenVerifier
    from shared.arm.clients import AzureClients

S = TypeVar("S")
_log = logging.getLogger(__name__)
_LOCAL_BASE_URL = "http://localhost"
_CORE_TABLES = (store.TABLE, locks.TABLE, budgets.TABLE, rejected.TABLE, message_keys.TABLE, TENANTS_TABLE)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The assembled app: what entry points call."""

    core: Core
    kinds: Kinds
    tokens: "TokenVerifier"
    runner: Runner
    tick: Tick
    checks: Checks
    lists: Lists
    receiver: Receiver
    dispatches: Mapping[str, Dispatch]
    rejected: RejectedMessages
    poisoned: PoisonQueues
    budgets: Budgets
    services: tuple[object, ...]
    timers: tuple[Job, ...]
    gauges: tuple[Job, ...]
    resolvers: Mapping[str, Resolver]
    readiness: tuple[ReadinessCheck, ...]
    pace: Pace = field(default_factory=Pace)

    @property
    def settings(self) -> Settings:
        """The settings of the process."""
        return self.core.settings

    @property
    def clock(self) -> Clock:
        """Azure's time and the machine's."""
        return self.core.clock

    @property
    def ids(self) -> Ids:
        """Where request ids come from."""
        return self.core.ids

    @property
    def store(self) -> Store:
        """The operations."""
        return self.core.store

    @property
    def registry(self) -> Registry:
        """The tenant registry."""
        return self.core.registry

    @property
    def message_keys(self) -> MessageKeys:
        """Which tenants have an operation that a message created."""
        return self.core.acceptance.message_keys

    @property
    def commands(self) -> Commands:
        """Cancel and retry."""
        return self.core.commands

    def of(self, service: type[S]) -> S:
        """Return a capability's service by its type; raises `LookupError` where no served capability has one."""
        for one in self.services:
            if isinstance(one, service):
                return one
        raise LookupError(f"no capability that this app serves has a {service.__name__}")

    async def storage_ready(self) -> bool:
        """Return True where the tables answer; raises what storage raises."""
        await self.store.active("a" * 26)
        return True

    async def receive(self, delivery: Delivery) -> None:
        """Carry out a message of an intake queue, or reject it; raises what may pass, so that the queue delivers it again."""
        dispatch = self.dispatches[delivery.queue]
        await self.receiver.receive(delivery, dispatch.kinds, partial(dispatch.carry_out, self), qualified=dispatch.is_qualified)

    async def run_steps(self, body: bytes) -> None:
        """Run the step that is due of each operation that a message of a step queue names."""
        message = read_step(body.decode("utf-8", "replace"))
        for operation in message.ids if message else ():
            await self.runner.run(operation)
        await self.feed_budgets()

    async def run_checks(self, body: bytes) -> None:
        """Check the operations that a message of a check queue names, side by side."""
        message = read_check(body.decode("utf-8", "replace"))
        if message is not None:
            await self.checks.run(message)
            await self.feed_budgets()

    async def run_each(self, jobs: Sequence[Job]) -> None:
        """Run jobs one after another; an error of one is logged and does not keep the others from running."""
        for job in jobs:
            try:
                await job()
            except Exception:
                _log.exception("a scheduled job failed; the next run retries it")

    async def feed_budgets(self) -> None:
        """Write what Azure's answers showed of call budgets since the last time, for the tick to spend by."""
        observed = self.core.clients.take_observations()
        now = self.clock.now()
        for item in observed:
            operation, subscription = str(item.key.operation), item.key.subscription_id
            if item.remaining is not None:
                telemetry.gauge(Metric.ARM_REMAINING, item.remaining, operation=operation, subscription=subscription)
        await asyncio.gather(
            *(
                self.budgets.observed(
                    Observed(f"{item.key.subscription_id}/{item.key.operation}", item.remaining, item.retry_after, item.date or now)
                )
                for item in observed
            )
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.core.shared.close()
        await asyncio.gather(self.core.clients.aclose(), self.core.secrets.close(), self.core.storage.close(), self.core.blobs.close())
        if isinstance(self.clock, RemoteClock):
            await self.clock.close()


def tables_needed(capabilities: Sequence[Capability]) -> tuple[str, ...]:
    """Return the tables of an app with these capabilities, the core's first."""
    return (*_CORE_TABLES, *tables_of(capabilities))


def queues_needed(capabilities: Sequence[Capability]) -> tuple[str, ...]:
    """Return the queues of an app with these capabilities."""
    return (*intake_queues(capabilities), *step_queues(capabilities), *check_queues(capabilities), OUTCOME_QUEUE)


async def build(settings: Settings, capabilities: Sequence[Capability], *, clock: Clock | None = None, ids: Ids | None = None) -> Runtime:
    """Assemble the app for these settings and capabilities; on an emulator, create the tables, queues and containers that are missing."""
    clock = clock or (RemoteClock(settings.clock_url) if settings.clock_url else SystemClock())
    await clock.refresh()
    account = await asyncio.to_thread(_connect, settings)
    blob_account = await asyncio.to_thread(_connect_blobs, settings)
    if settings.storage_connection:
        containers = (name for one in capabilities for name in one.containers)
        made = (blob_account.write_once(name).create_container() for name in containers)
        await asyncio.gather(account.create(tables_needed(capabilities), queues_needed(capabilities)), *made)
    await asyncio.to_thread(telemetry.setup, settings)
    return await asyncio.to_thread(partial(assemble, settings, capabilities, clock, ids or RandomIds(), account, blob_account))


def _connect(settings: Settings) -> Storage:
    if settings.storage_connection:
        return tables.connect(settings.storage_connection)
    from shared.arm.credentials import credential_for

    if not settings.table_service_uri or not settings.queue_service_uri:
        message = "AzureWebJobsStorage__tableServiceUri and AzureWebJobsStorage__queueServiceUri, or AzureWebJobsStorage, must be set"
        raise ValueError(message)
    return tables.connect_with_identity(settings.table_service_uri, settings.queue_service_uri, credential_for(settings.identity_client_id))


def _registry_table(settings: Settings, account: Storage) -> Table:
    """Return the table of the registry: of three apps, two read the one that the tenants' app writes."""
    if not settings.registry_table_uri or settings.registry_table_uri.rstrip("/") == (settings.table_service_uri or "").rstrip("/"):
        return account.table(TENANTS_TABLE)
    from shared.arm.credentials import credential_for

    return tables.connect_table(settings.registry_table_uri, TENANTS_TABLE, credential_for(settings.identity_client_id))


def _connect_blobs(settings: Settings) -> BlobAccount:
    if settings.storage_connection:
        return blobs.connect(settings.storage_connection)
    from shared.arm.credentials import credential_for

    if not settings.blob_service_uri:
        raise ValueError("AzureWebJobsStorage__blobServiceUri must be set")
    return blobs.connect_with_identity(settings.blob_service_uri, credential_for(settings.identity_client_id))


def assemble(
    settings: Settings,
    capabilities: Sequence[Capability],
    clock: Clock,
    ids: Ids,
    account: Storage,
    blob_account: BlobAccount,
    clients: "AzureClients | None" = None,
    vaults: KeyVaults | None = None,
) -> Runtime:
    """Assemble the app over these connections; without clients of Azure and key vaults it makes its own. It imports SDKs."""
    from shared.access.keys import SigningKeys
    from shared.access.tokens import TokenVerifier
    from shared.arm.clients import AzureClients

    kinds = Kinds.of(kind for one in capabilities for kind in one.kinds)
    timings = Timings(settings.lease_seconds)
    operations = Store(account.table(store.TABLE), clock, ids)
    held = Locks(account.table(locks.TABLE), operations, clock, ids)
    registry_table = _registry_table(settings, account)
    registry = Registry(registry_table, clock)
    secrets = Secrets(vaults or _key_vaults(settings), settings.key_vault_url or None, settings.key_vault_suffix, clock, ids)

    async def provider_vault() -> VaultOwner:
        found = await registry.provider()
        return VaultOwner(found.name, found.key_vault_url)

    events = Events(account.queues, kinds, clock, settings.public_base_url or _LOCAL_BASE_URL)
    spent = Budgets(account.table(budgets.TABLE), clock, settings.budget_share, settings.identity_client_id or "system")
    core = Core(
        settings=settings,
        clock=clock,
        ids=ids,
        storage=account,
        blobs=blob_account,
        store=operations,
        locks=held,
        acceptance=Acceptance(operations, held, account.queues, kinds, MessageKeys(account.table(message_keys.TABLE)), secrets),
        commands=Commands(operations, account.queues, kinds, clock, ids),
        registry=registry,
        registry_table=registry_table,
        clients=clients or AzureClients(settings, ids=ids),
        secrets=secrets,
        secret_references=SecretReferences(secrets, provider_vault),
        timings=timings,
        events=events,
        budgets=spent,
    )
    parts = tuple(one.assemble(core) for one in capabilities)
    workflows = _workflows(kinds, parts)
    kept = RejectedMessages(account.table(rejected.TABLE), account.queues, events, clock)

    async def provider() -> str:
        return (await registry.provider()).name

    async def not_owned(tenant: str, resource_ids: Sequence[str]) -> str | None:
        now = registry.reread()
        for resource_id in resource_ids:
            if not await is_owned(now, tenant, resource_id):
                return resource_id
        return None

    async def delete_secrets(operation: Operation) -> None:
        await secrets.delete_of_operation(operation.id, operation.body)

    async def is_running(operation: str) -> bool:
        found = await operations.get(operation) if is_operation_id(operation) else None
        return found is not None and not found.status.ended

    sweep = Sweep(secrets, DailyTurn(account.table(locks.TABLE), SWEEP), clock, is_running)
    receiver = Receiver(kept, provider)
    own_queues = (*step_queues(capabilities), *check_queues(capabilities))
    return Runtime(
        core=core,
        kinds=kinds,
        tokens=TokenVerifier(settings, registry, SigningKeys(settings.auth_keys_url, clock)),
        runner=Runner(operations, held, events, workflows, clock, ids, timings, not_owned, delete_secrets),
        tick=Tick(operations, account.queues, spent, kinds, clock),
        checks=Checks(operations, account.queues, events, kinds, workflows, clock),
        lists=Lists(operations),
        receiver=receiver,
        dispatches=dispatches(capabilities, parts),
        rejected=kept,
        poisoned=PoisonQueues(account.queues, receiver, intake_queues(capabilities), own_queues),
        budgets=spent,
        services=tuple(service for one in parts for service in one.services),
        timers=(sweep.run, *(job for one in parts for job in one.timers)),
        gauges=tuple(job for one in parts for job in one.gauges),
        resolvers={kind: resolver for one in parts for kind, resolver in one.resolvers.items()},
        readiness=tuple({check.name: check for one in parts for check in one.readiness}.values()),
    )


def _key_vaults(settings: Settings) -> KeyVaults:
    from shared.arm.credentials import credential_for
    from shared.secrets.key_vault import AzureKeyVaults

    return AzureKeyVaults(partial(credential_for, settings.identity_client_id))


def _workflows(kinds: Kinds, parts: Sequence[Parts]) -> Workflows:
    """Return each kind's workflow; raises `ValueError` for a kind without one."""
    found = {name: workflow for one in parts for name, workflow in one.workflows.items()}
    if missing := set(kinds.by_name) - set(found):
        raise ValueError(f"kinds without a workflow: {', '.join(sorted(missing))}")
    return found
