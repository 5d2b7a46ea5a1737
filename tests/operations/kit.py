"""A core for tests: real storage, a clock that only a test moves, a toy kind of operation, and the world outside that it has effects on."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from azure.core.exceptions import ResourceNotFoundError

from shared.clock import from_text, to_text
from shared.errors import CallFailure, FailureKind
from shared.operations.accepting import locks, message_keys
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.message_keys import MessageKeys
from shared.operations.model import store
from shared.operations.model.kinds import Kind, Kinds
from shared.operations.model.lists import Lists
from shared.operations.model.models import Actor, Intent, NewOperation, Operation, PendingCommand, Status
from shared.operations.model.rows import Active, read_active
from shared.operations.model.store import Store
from shared.operations.outside import rejected
from shared.operations.outside.events import Events
from shared.operations.outside.messages import OUTCOME_QUEUE, read_check, read_step
from shared.operations.outside.poisoned import PoisonQueues
from shared.operations.outside.receiving import Receiver
from shared.operations.outside.rejected import RejectedMessages
from shared.operations.running import budgets
from shared.operations.running.budgets import Budgets
from shared.operations.running.checks import Checks
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Checked, End, Follow, Outcome, Unread, Wait
from shared.operations.running.runner import Runner
from shared.operations.running.tick import Tick
from shared.operations.running.workflow import Workflow, Workflows
from shared.operations.timings import Timings
from shared.storage import tables as storage
from shared.storage.tables import Storage
from tests.support.clocks import ManualClock, SequenceIds

TENANT = "contoso"
STEPS = "toy-steps"
INTAKE = "toy-requests"
CHECK_QUEUE = "toy-checks"
QUEUES = (STEPS, INTAKE, f"{INTAKE}-poison", f"{STEPS}-poison", CHECK_QUEUE, OUTCOME_QUEUE)
KINDS = Kinds.of(Kind(name, f"{name}s", name, STEPS, CHECK_QUEUE, "Toys.Read", "Toys.Write") for name in ("toy", "game"))
_SIDE_BY_SIDE = 16
BASE = "https://farshore.example"
ALICE = Actor("user", "alice", "Alice")
Behaviour = Literal["ok", "lost", "vanished", "late", "throttled", "refused", "conflict", "busy", "expired"]
_series = itertools.count(1)


@dataclass
class World:
    """What a toy operation changes: things by name, each begun by a client request id.

    `script` is the fate of the next sends: *ok*; *lost* (done, the answer lost); *vanished* (the request lost); *late* (answer lost,
    done when `land` is called); *throttled* (429), *refused* (403), *conflict* (409), *busy* (409), *expired* (401) with nothing
    done. Then all go well.
    """

    script: list[Behaviour] = field(default_factory=list)
    begun: list[tuple[str, str]] = field(default_factory=list)
    sends: list[str] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    late: list[tuple[str, str]] = field(default_factory=list)
    before_send: Callable[[], Awaitable[None]] | None = None

    def has(self, thing: str) -> bool:
        """Whether the thing was begun."""
        return any(name == thing for name, _ in self.begun)

    def land(self) -> None:
        """Let what was under way arrive."""
        self.begun += self.late
        self.late = []

    async def send(self, thing: str, request_id: str) -> str:
        """Begin a thing."""
        if self.before_send is not None:
            await self.before_send()
        self.sends.append(request_id)
        behaviour = self.script.pop(0) if self.script else "ok"
        if behaviour in {"ok", "lost"}:
            self.begun.append((thing, request_id))
        if behaviour == "late":
            self.late.append((thing, request_id))
        match behaviour:
            case "throttled":
                raise CallFailure(FailureKind.THROTTLED, code="TooManyRequests", message="slow down", status=429, retry_after=90)
            case "refused":
                raise CallFailure(FailureKind.REFUSED, code="NotAllowed", message="not like this", status=403)
            case "conflict":
                raise CallFailure(FailureKind.REFUSED, code="Conflict", message="it is there", status=409)
            case "busy":
                raise CallFailure(FailureKind.THROTTLED, code="AnotherOperationInProgress", message="busy", status=409, busy=True)
            case "expired":
                raise CallFailure(FailureKind.THROTTLED, code="ExpiredAuthenticationToken", message="expired", status=401)
            case "lost" | "vanished" | "late":
                raise CallFailure(FailureKind.IN_DOUBT, code="NoAnswer", message="the connection broke")
        return f"evidence of {thing}"

    def effect(self, thing: str, *, repeatable: bool = True, preparation: bool = False, keeps_request_id: bool = False) -> Effect[str]:
        """The effect that begins a thing."""

        async def send(request_id: str) -> str:
            return await self.send(thing, request_id)

        async def look(_intent: Intent) -> Started[str] | Absent:
            self.looks.append(thing)
            return Started(f"evidence of {thing}") if self.has(thing) else Absent()

        return Effect(thing, send, look, "a toy", repeatable, preparation, keeps_request_id)


@dataclass
class Toys:
    """The toy kinds: `starting` begins the thing named by the operation and ends; a test may put other steps in their place.

    A canceled game is tidied by the step `tidying`, which a test adds.
    """

    world: World = field(default_factory=World)
    repeatable: bool = True
    steps: dict[str, Callable[[Claim], Awaitable[Outcome]]] = field(default_factory=dict)
    seen: dict[str, Checked | Unread] = field(default_factory=dict)
    check_error: Callable[[Sequence[Active]], None] | None = None
    before_writing: Callable[[Sequence[Active]], Awaitable[None]] | None = None
    checked: list[tuple[str, ...]] = field(default_factory=list)
    releases: list[str] = field(default_factory=list)
    delivered: list[PendingCommand] = field(default_factory=list)
    while_delivering: Callable[[], None] = lambda: None

    def workflow(self, clock: ManualClock) -> Workflow:
        """Its workflow."""

        async def starting(claim: Claim) -> Outcome:
            try:
                evidence = await claim.perform(self.world.effect(f"thing-{claim.id}", repeatable=self.repeatable))
            except CallFailure as failure:
                if failure.asks_to_wait:
                    return Wait(clock.now() + timedelta(seconds=failure.retry_after or 0))
                if failure.kind is FailureKind.THROTTLED:
                    raise
                return End(Status.FAILED, failure.problem)
            claim.detail["evidence"] = evidence
            return End(Status.SUCCEEDED)

        async def following(claim: Claim) -> Outcome:
            return Follow(clock.now(), str(claim.data.get("group", "sub-1/read")), step="followed")

        async def followed(_claim: Claim) -> Outcome:
            return End(Status.SUCCEEDED)

        async def check(rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
            self.checked.append(tuple(row.id for row in rows))
            if self.check_error is not None:
                self.check_error(rows)
            if self.before_writing is not None:
                await self.before_writing(rows)
            return {row.id: self.seen.get(row.id, Checked(at=clock.now() + timedelta(minutes=5))) for row in rows}

        steps: dict[str, Callable[[Claim], Awaitable[Outcome]]] = {"starting": starting, "following": following, "followed": followed}
        return Workflow(
            _Steps(steps, self.steps),
            check=check,
            on_finished=self._finished,
            on_command=self._deliver,
        )

    async def _finished(self, row: Active) -> None:
        self.releases.append(row.id)

    async def _deliver(self, _row: Active, command: PendingCommand) -> None:
        self.delivered.append(command)
        self.while_delivering()


class _Steps(dict[str, Callable[[Claim], Awaitable[Outcome]]]):
    """The steps of a toy; what a test has put in the second mapping counts first, also afterwards."""

    def __init__(self, own: Mapping[str, Any], others: Mapping[str, Any]) -> None:
        super().__init__(own)
        self._others = others

    def __getitem__(self, name: str) -> Callable[[Claim], Awaitable[Outcome]]:
        return self._others[name] if name in self._others else super().__getitem__(name)


def new(key: str | None = "one", **changes: Any) -> NewOperation:
    """A request for a toy."""
    return replace(NewOperation("toy", TENANT, key, {"make": "a toy"}, ALICE, "starting"), **changes)


@dataclass(frozen=True)
class Core:
    """One process of the app: everything of the core, over one storage account."""

    account: Storage
    suffix: str
    clock: ManualClock
    toys: Toys
    timings: Timings
    kinds: Kinds
    workflows: Workflows
    store: Store
    locks: Locks
    events: Events
    runner: Runner
    tick: Tick
    checks: Checks
    commands: Commands
    lists: Lists
    acceptance: Acceptance
    budgets: Budgets
    rejected: RejectedMessages
    receiver: Receiver
    poisoned: PoisonQueues

    @property
    def table(self) -> storage.Table:
        """The table of operations, for what only a test does to it."""
        return self.account.table(store.TABLE + self.suffix)

    async def prepare(self) -> None:
        """Have its tables and queues, these empty."""
        tables = [name + self.suffix for name in (store.TABLE, locks.TABLE, budgets.TABLE, rejected.TABLE, message_keys.TABLE)]
        try:
            await asyncio.gather(self.account.create(tables, ()), *(self.account.queues.client(queue).clear_messages() for queue in QUEUES))
        except ResourceNotFoundError:
            await self.account.create(tables, QUEUES)  # the first test of all

    def advance(self, **step: float) -> None:
        """Let time pass, of all kinds."""
        self.clock.advance(timedelta(**step))

    async def accept(self, key: str | None = "one", **changes: Any) -> Operation:
        """Accept a toy."""
        return (await self.acceptance.accept(new(key, **changes))).operation

    async def stand(self, requests: Sequence[NewOperation], change: Callable[[int, Active], Active]) -> list[str]:
        """Have operations stand as `change` makes them of their number and row, no hint under way, and return their ids."""
        ids = [self.store.id_for(request) for request in requests]
        pairs = list(zip(requests, ids, strict=True))
        for start in range(0, len(pairs), _SIDE_BY_SIDE):  # more at once than a loaded machine answers in time
            await asyncio.gather(*(self.store.insert(request, operation) for request, operation in pairs[start : start + _SIDE_BY_SIDE]))
        found = {row.id: row async for row in self._active_rows()}
        changed = [change(number, found[operation]) for number, operation in enumerate(ids)]
        for partition in {row.partition for row in changed}:
            await self.store.save_all([(row, None, True) for row in changed if row.partition == partition])
        return ids

    async def _active_rows(self) -> AsyncIterator[Active]:
        async for found in self.table.range("RowKey ge 'a|' and RowKey lt 'a}'"):
            yield read_active(found.entity, found.etag)

    async def take(self, queue: str) -> list[str]:
        """Take all visible messages off a queue and return their texts."""
        client = self.account.queues.client(queue)
        taken = []
        async for message in client.receive_messages(messages_per_page=32, visibility_timeout=600):
            taken.append(str(message.content))
            await client.delete_message(message)
        return taken

    async def work(self) -> int:
        """Do what messages ask for until there are none, and return how many there were."""
        done = 0
        while True:
            steps, checks = await self.take(STEPS), await self.take(CHECK_QUEUE)
            if not steps and not checks:
                return done
            for text in steps:
                message = read_step(text)
                for operation in message.ids if message else ():
                    await self.runner.run(operation)
            for text in checks:
                check = read_check(text)
                if check is not None:
                    await self.checks.run(check)
            done += len(steps) + len(checks)

    async def go_on(self, **step: float) -> None:
        """Let time pass, then tick and do what came due."""
        self.advance(**step)
        await self.tick.run()
        await self.work()

    async def look_when_due(self, operation: Operation) -> float:
        """Let time pass until an operation comes due and look at it; return how many seconds after its acceptance that was."""
        row = await self.row(operation)
        self.clock.advance(max(from_text(row.next_at) - self.clock.now(), timedelta()))
        await self.runner.run(operation.id)
        return (self.clock.now() - operation.created_at).total_seconds()

    async def outcomes(self) -> list[dict[str, Any]]:
        """Take the events that were sent."""
        return [json.loads(text) for text in await self.take(OUTCOME_QUEUE)]

    async def published(self) -> list[str]:
        """Take the events that were sent and return what of their ids follows the first slash, in order."""
        return sorted(event["id"].partition("/")[2] for event in await self.outcomes())

    async def get(self, operation: Operation | str) -> Operation:
        """Read an operation anew."""
        found = await self.store.get(operation if isinstance(operation, str) else operation.id)
        assert found is not None
        return found

    async def row(self, operation: Operation | str) -> Active:
        """Read an active row."""
        found = await self.store.active(operation if isinstance(operation, str) else operation.id)
        assert found is not None
        return found

    async def rows(self, operations: Sequence[str]) -> list[Active]:
        """Read the active rows of ids."""
        return list(await asyncio.gather(*(self.row(operation) for operation in operations)))

    async def write(self, row: Active, **changes: Any) -> Active:
        """Write into an active row what the test wants there."""
        return await self.store.save(replace(row, **changes), listed="status" in changes or "attention" in changes)

    async def close(self) -> None:
        """Close the connections."""
        await self.account.close()


async def provider() -> str:
    """The name of the provider tenant."""
    return "provider"


def make_core(
    connection_string: str,
    suffix: str,
    *,
    toys: Toys | None = None,
    clock: ManualClock | None = None,
    lease: float = 90,
    share: float = 0.5,
) -> Core:
    """Put a core together; two with the same suffix, toys and clock are two processes of one app."""
    account = storage.connect(connection_string)
    clock, toys, ids, timings = clock or ManualClock(), toys or Toys(), SequenceIds(next(_series)), Timings(lease)
    operations = Store(account.table(store.TABLE + suffix), clock, ids)
    held = Locks(account.table(locks.TABLE + suffix), operations, clock, ids)
    workflows = {name: replace(toys.workflow(clock), tidying="tidying" if name == "game" else None) for name in KINDS.by_name}
    events = Events(account.queues, KINDS, clock, BASE)
    spent = Budgets(account.table(budgets.TABLE + suffix), clock, share, "us")
    kept = RejectedMessages(account.table(rejected.TABLE + suffix), account.queues, events, clock)
    receiver = Receiver(kept, provider)
    return Core(
        account=account,
        suffix=suffix,
        clock=clock,
        toys=toys,
        timings=timings,
        kinds=KINDS,
        workflows=workflows,
        store=operations,
        locks=held,
        events=events,
        runner=Runner(operations, held, events, workflows, clock, ids, timings),
        tick=Tick(operations, account.queues, spent, KINDS, clock),
        checks=Checks(operations, account.queues, events, KINDS, workflows, clock),
        commands=Commands(operations, account.queues, KINDS, clock, ids),
        lists=Lists(operations),
        acceptance=Acceptance(operations, held, account.queues, KINDS, MessageKeys(account.table(message_keys.TABLE + suffix))),
        budgets=spent,
        rejected=kept,
        receiver=receiver,
        poisoned=PoisonQueues(account.queues, receiver, (INTAKE,), (STEPS, CHECK_QUEUE)),
    )


def later(clock: ManualClock, **step: float) -> str:
    """A moment from now as a row holds it."""
    return to_text(clock.now() + timedelta(**step))
