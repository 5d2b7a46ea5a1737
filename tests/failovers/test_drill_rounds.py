"""Rounds of drills against a scripted vault: one look that shows nothing ends no drill."""

from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Refused
from shared.failovers.drills.models import DrillPolicyRequest, KeptPolicy, KeptRun
from shared.failovers.drills.service import Drills
from shared.operations.model.models import Actor, Operation, Status
from tests.access.kit import MovedClock, Rows
from tests.failovers.samples import ITEM, VAULT, item_json
from tests.support.clocks import ManualClock

BODY: dict[str, Any] = {"protectedItemIds": [ITEM], "every": "P30D", "network": None}
WAITING = ("DisableProtection", "TestFailoverCleanup")


@dataclass
class Kept:
    """The runs of one policy, in memory."""

    runs: dict[Any, KeptRun] = field(default_factory=dict)

    async def open(self, _policy: KeptPolicy) -> list[KeptRun]:
        return [run for run in self.runs.values() if not run.settled]

    async def since(self, _policy: KeptPolicy, slot: Any) -> list[KeptRun]:
        return [run for run in self.runs.values() if run.slot >= slot]

    async def begin(self, _policy: KeptPolicy, run: KeptRun) -> None:
        self.runs.setdefault((run.slot, run.scope), KeptRun.model_validate(run.as_json()))

    async def change(self, _policy: KeptPolicy, run: KeptRun) -> None:
        self.runs[run.slot, run.scope] = KeptRun.model_validate(run.as_json())


@dataclass
class Policies:
    """One policy."""

    kept: KeptPolicy
    forgotten: bool = False

    async def all(self) -> list[KeptPolicy]:
        return [] if self.forgotten else [self.kept]

    async def forget(self, _policy: KeptPolicy) -> None:
        self.forgotten = True


@dataclass
class World:
    """A vault with one item, its failovers, and the drills of one policy."""

    clock: ManualClock
    policies: Policies
    runs: Kept = field(default_factory=Kept)
    body: dict[str, Any] | None = None
    shown: bool = True
    refusal: Refused | None = None
    started: list[str] = field(default_factory=list)
    operations: dict[str, Operation] = field(default_factory=dict)

    async def find(self, _resource: ResourceId) -> dict[str, Any] | None:
        return self.body if self.shown else None

    async def children(self, _parent: ResourceId, _kind: str) -> list[dict[str, Any]]:
        return [self.body] if self.body is not None and self.shown else []

    async def start(self, asked: Any) -> Any:
        if self.refusal is not None:
            raise self.refusal
        self.started.append(str(asked.sent.members["action"]))
        id_ = f"operation{len(self.started)}"
        return SimpleNamespace(operation=SimpleNamespace(id=id_))

    async def get(self, id_: str) -> Operation | None:
        return self.operations.get(id_)

    def end(self, id_: str) -> None:
        """End a drill's failover whose test succeeded and whose cleanup did not."""
        now = self.clock.now()
        legs = [["TestFailover", "Succeeded", "job1", None], ["TestFailoverCleanup", "Failed", "job2", None]]
        body = {"scope": {"protectedItemId": ITEM}, "action": "TestFailover", "options": {"network": None}, "thenCleanup": True}
        self.operations[id_] = Operation(
            id=id_,
            kind="failover",
            tenant="provider",
            status=Status.FAILED,
            step="finished",
            percent_complete=100,
            created_at=now,
            last_updated_at=now,
            attention=None,
            cancel_requested=False,
            data={"legs": legs},
            error=None,
            completed_at=now,
            actor=Actor("system", "x", "x"),
            body=body,
            detail={"protectedItemIds": [ITEM]},
        )

    async def rounds(self, count: int, pause: timedelta = timedelta(minutes=5)) -> KeptRun:
        registry = Registry(Rows(), MovedClock())  # type: ignore[arg-type]  # a stand-in for the table
        drills = Drills(self.policies, self.runs, self, self, self, self.clock, registry)  # type: ignore[arg-type]  # stand-ins
        for _ in range(count):
            await drills.run()
            self.clock.advance(pause)
        (run,) = self.runs.runs.values()
        return run


@pytest.fixture
def world() -> World:
    clock = ManualClock()
    request = DrillPolicyRequest.model_validate(BODY)
    policy = KeptPolicy(name="monthly", tenant="provider", vault_id=VAULT, request=request, first_at=clock.now())
    return World(clock, Policies(policy), body=item_json("web"))


async def test_a_drill_starts_once_its_item_is_shown_again(world: World) -> None:
    world.refusal = Refused(ErrorCode.SOURCE_NOT_FOUND, "absent")
    run = await world.rounds(2)
    assert (run.status, run.operation) == (Status.RUNNING, None)
    world.refusal = None
    run = await world.rounds(1)
    assert (run.operation, run.absent, world.started) == ("operation1", None, ["TestFailover"])


async def test_a_drill_of_an_item_that_stays_absent_fails(world: World) -> None:
    world.refusal = Refused(ErrorCode.SOURCE_NOT_FOUND, "absent")
    run = await world.rounds(5)
    assert (run.status, run.settled) == (Status.FAILED, True)
    assert run.error is not None
    assert run.error.code == ErrorCode.SOURCE_NOT_FOUND


async def test_another_refusal_is_a_result_at_once(world: World) -> None:
    world.refusal = Refused(ErrorCode.ACTION_NOT_ALLOWED, "busy")
    run = await world.rounds(1)
    assert (run.status, run.settled) == (Status.FAILED, True)


async def test_a_drill_that_could_not_start_is_canceled_with_its_policy(world: World) -> None:
    world.refusal = Refused(ErrorCode.SOURCE_NOT_FOUND, "absent")
    await world.rounds(1)
    world.policies.kept = world.policies.kept.model_copy(update={"deleted": True})
    run = await world.rounds(1)
    assert (run.status, run.settled, world.policies.forgotten) == (Status.CANCELED, True, True)


@pytest.mark.parametrize("looks", [1, 2])
async def test_a_test_machine_is_cleaned_up_although_its_item_was_not_shown(world: World, looks: int) -> None:
    await world.rounds(1)
    world.end("operation1")
    world.body, world.shown = item_json("web", allowed=WAITING), False
    run = await world.rounds(looks)
    assert (run.cleaned_up, world.started) == (False, ["TestFailover"])
    world.shown = True
    run = await world.rounds(1)
    assert (run.cleanup, world.started) == ("operation2", ["TestFailover", "TestFailoverCleanup"])


async def test_a_drill_is_settled_once_several_looks_show_nothing_to_clean_up(world: World) -> None:
    await world.rounds(1)
    world.end("operation1")
    assert not (await world.rounds(2)).settled
    run = await world.rounds(2)
    assert (run.settled, run.cleaned_up, world.started) == (True, True, ["TestFailover"])
