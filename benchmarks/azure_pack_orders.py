"""What an order, a suspension of 20 machines and an hour of waiting for a quota cost: calls to Azure Pack, and storage calls.

Run by `python -m benchmarks.azure_pack`. The app, its storage and the simulated Azure Pack are in memory, so that each call is counted and
none is timed. Beside it a script does the same with the documented calls alone, and polls every 10 seconds.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from shared.azure_pack.admin.models import NewAddOn, NewSubscription, NewUser, ServiceReference
from shared.azure_pack.quotas import SERVICE
from shared.azure_pack.subscriptions import ServiceQuota, ServiceSetting, SubscriptionState, SyncState
from shared.installations.reach.connections import Connection, Connections
from tests.data_centers.bench import Bench, bench
from tests.support.memory import MemoryQueues, MemoryTable

MACHINES = 20
_POLL = timedelta(seconds=10)
_HOUR = timedelta(hours=1)


@dataclass
class Counted:
    """Calls since the last `reset`: to Azure Pack, without those that sign in, and to tables and queues."""

    app: Bench
    storage: list[str] = field(default_factory=list)

    def reset(self) -> None:
        """Begin anew."""
        self.app.sent.clear()
        self.storage.clear()

    @property
    def calls(self) -> int:
        """Calls to Azure Pack."""
        return sum(":30009/" not in url for _, url in self.app.sent)


@dataclass(frozen=True, slots=True)
class Figure:
    """What something costs: by Farshore, and by a script that polls."""

    what: str
    calls: int
    storage: int
    script_calls: int


@asynccontextmanager
async def counted(**settings: Any) -> AsyncIterator[Counted]:
    """Run the bench, and count its storage calls."""
    async with bench(**settings) as app:
        found = Counted(app)
        with ExitStack() as patches:
            for kind, name in ((MemoryTable, "get"), (MemoryTable, "transact"), (MemoryQueues, "send")):
                patches.enter_context(patch.object(kind, name, _counting(kind, name, found)))
            yield found


def _counting(kind: type, name: str, found: Counted) -> Callable[..., Awaitable[Any]]:
    inner = getattr(kind, name)

    async def call(self: object, *given: Any, **named: Any) -> Any:
        found.storage.append(name)
        return await inner(self, *given, **named)

    return call


async def figures() -> list[Figure]:
    """Count, and return the figures."""
    return [await _order(), await _suspension(), await _waiting()]


async def _order() -> Figure:
    async with counted() as found:
        found.reset()
        [ended] = await found.app.until_ended(await found.app.place())
        assert ended["status"] == "Succeeded"
        calls, storage = found.calls, len(found.storage)
    async with counted() as found:
        connection = await _connection(found.app)
        found.reset()
        await script_order(found.app, connection)
        return Figure("an order", calls, storage, found.calls)


async def _suspension() -> Figure:
    async with counted() as found:
        app = found.app
        await app.until_ended(await app.place())
        subscription = str((await app.shown())["subscriptionId"])
        for number in range(MACHINES):
            app.machine(f"vm-{number}", "Running", subscription)
        found.reset()
        [ended] = await app.until_ended(await app.act("suspend", {"operationAfterSuspension": "stop"}))
        assert ended["status"] == "Succeeded"
        calls, storage = found.calls, len(found.storage)
        app.change("subscriptions", subscription, State=1)
        for number in range(MACHINES):
            app.machine(f"vm-{number}", "Running", subscription)
        connection = await _connection(app)
        found.reset()
        await script_suspension(app, connection, UUID(subscription), "ada@northwind.example")
        return Figure(f"a suspension of {MACHINES} machines", calls, storage, found.calls)


async def _waiting() -> Figure:
    async with counted(syncSeconds=3 * 3600) as found:
        app = found.app
        await app.place()
        await app.advance(timedelta(minutes=20))
        found.reset()
        await app.advance(_HOUR)
        return Figure("an hour of waiting for a quota", found.calls, len(found.storage), int(_HOUR / _POLL))


async def _connection(app: Bench) -> Connection:
    found = await app.runtime.of(Connections).get("pack")
    assert found is not None
    return found


async def script_order(app: Bench, connection: Connection) -> None:
    """Order as a script does: the documented calls one after another, and a poll every ten seconds."""
    admin, user, one, add_on = connection.admin, "script@example.com", UUID(int=42), "script"
    plan = await admin.plan("gold-plan")
    quota = next(each for each in plan.service_quotas if each.service_name == SERVICE)
    await admin.create_user(NewUser(name=user, email=user))
    await admin.create_subscription(NewSubscription(subscription_id=one, friendly_name="s", account_admin=user, plan_id=plan.id))
    await _until(app, lambda: _is_active(connection, one))
    await admin.create_add_on(NewAddOn(id=add_on, display_name=add_on))
    await admin.add_service(add_on, ServiceReference(name=SERVICE, instance_id=quota.service_instance_id or ""))
    setting = ServiceSetting(key="Clouds", value=quota.setting("Clouds"))
    same = ServiceQuota(service_name=SERVICE, service_instance_id=quota.service_instance_id, settings=(setting,))
    await admin.update_quota(add_on, (same,))
    await admin.link(plan.id, add_on)
    await admin.subscribe(one, add_on)
    await _until(app, lambda: _is_in_sync(connection, one))


async def script_suspension(app: Bench, connection: Connection, one: UUID, user: str) -> None:
    """Suspend as a script does: stop each machine that runs, poll each until it is stopped, then suspend the subscription."""
    vmm = connection.machines(one, user)
    running = [machine.key async for machine in vmm.machines() if machine.status_string == "Running"]
    for key in running:
        await vmm.operate(key, "Stop")
    for key in running:

        async def stopped() -> bool:
            return (await vmm.machine(key)).status_string == "Stopped"  # noqa: B023  # awaited within the round

        await _until(app, stopped)
    await connection.admin.suspend(one)


async def _is_active(connection: Connection, one: UUID) -> bool:
    found = await connection.admin.subscription(one)
    return found.state is SubscriptionState.ACTIVE and found.activation_sync_state is SyncState.IN_SYNC


async def _is_in_sync(connection: Connection, one: UUID) -> bool:
    return (await connection.admin.subscription(one)).quota_sync_state is SyncState.IN_SYNC


async def _until(app: Bench, holds: Callable[[], Awaitable[bool]]) -> None:
    while not await holds():
        app.platform.clock.move(_POLL)
        app.pack.gate.settle()
