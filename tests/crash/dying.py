"""Copies, failovers and changes of vaults whose processes end at crash points: asked for, followed to their end, and compared.

The fleet is on real processes (tests/crash) or in memory (tests/in_memory); `Deaths` arms the points there.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from shared.operations.crash_points import POINTS
from tests.crash import failing
from tests.crash.fleet import REQUESTS, Fleet
from tests.crash.restoring import Restoring
from tests.crash.setting_up import SettingUp
from tests.crash.world import World, world

REJECTING: Final = ("reject.written", "reject.sent")
TELLING: Final = "step.delivered"
_CHECKING: Final = ("check.read", "check.written", "check.queued")

OF_OPERATIONS: Final = tuple(point for point in POINTS if point not in {*REJECTING, TELLING})
"""The points that each copy and each failover passes."""
OF_CHANGES: Final = tuple(point for point in OF_OPERATIONS if point not in _CHECKING)
"""The points that each change of a vault passes, which is followed by its steps."""


class Deaths(Protocol):
    """The points at which processes end."""

    def arm(self, point: str) -> None:
        """Let the next process that reaches this point end there."""
        ...

    def reached(self, point: str) -> bool:
        """Return whether a process ended there since it was armed."""
        ...


@dataclass
class Dying:
    """Lets processes end at points, `most` times at each, each time with another operation or another effect under way."""

    deaths: Deaths
    points: Sequence[str]
    most: int = 3
    ended: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Arm the points."""
        for point in self.points:
            self.deaths.arm(point)

    def look(self) -> None:
        """Count what has ended since the last time, and arm its point again."""
        for point in self.points:
            if self.ended[point] < self.most and self.deaths.reached(point):
                self.ended[point] += 1
                if self.ended[point] < self.most:
                    self.deaths.arm(point)

    def each_reached(self) -> None:
        """Fail where a point was never reached."""
        assert not [point for point in self.points if not self.ended[point]]


async def small_world(fleet: Fleet, name: str) -> World:
    """Let Azure hold a chain of two restore points, and a machine of which one is made first."""
    small = world(name, (await fleet.simulation.clock()).now, chains=1, points=2, machines=1, minutes=1)
    await fleet.hold(small)
    return small


async def copies_survive(fleet: Fleet, dying: Dying) -> None:
    """Copy two restore points by request and a machine by message, with processes that end, and compare."""
    name = dying.points[0].replace(".", "-")
    small = await small_world(fleet, name)
    dying.begin()
    for wanted in small.points:
        await fleet.start(wanted)
    for wanted in small.machines:
        fleet.send({**wanted.body, "id": name, "tenant": wanted.tenant})
    await _until_ended(fleet, dying, "PT5M", REQUESTS)
    for wanted in small.machines:
        await fleet.adopt(wanted, name)
    # a copy drops the lock of its machine, then deletes it: a death between the two leaves a row without a holder
    await fleet.compare()


async def failovers_survive(fleet: Fleet, dying: Dying) -> None:
    """Carry out one failover of each kind, with processes that end, and compare."""
    failovers = await failing.Failing.of(fleet, "out", "a2a", "test", "message", "named")
    dying.begin()
    await failovers.ask_all()
    await failovers.until_ended(watch=dying.look)
    dying.each_reached()
    await failovers.compare()


async def changes_survive(fleet: Fleet, dying: Dying) -> None:
    """Make one change of each kind, with processes that end, and compare."""
    setting = await SettingUp.of(fleet)
    dying.begin()
    await setting.ask_all()
    await _until_ended(fleet, dying, "PT1M", failing.REQUESTS)
    await setting.compare()


async def restores_survive(fleet: Fleet, dying: Dying) -> None:
    """Carry out a real restore and a drill, with processes that end, and compare."""
    restoring = await Restoring.of(fleet)
    dying.begin()
    await restoring.ask_all()
    await _until_ended(fleet, dying, "PT5M", REQUESTS)
    await restoring.compare()


async def rejection_survives(fleet: Fleet, dying: Dying) -> None:
    """Send a message that cannot be read, with processes that end: it is kept once, and its event is sent."""
    await small_world(fleet, "rejected")
    before = {row["RowKey"] for row in await fleet.rows("rejected")}
    dying.begin()
    fleet.send(text := json.dumps({"source": {"restorePointId": "no id at all"}, "target": {"region": "northeurope"}}))
    await _until_ended(fleet, dying, "PT5M", REQUESTS)
    rejected = [row for row in await fleet.rows("rejected") if row["RowKey"] not in before]
    assert len(rejected) == 1
    assert rejected[0]["body0"].decode() == text
    assert rejected[0]["told"] is True
    assert {event["id"] for event in fleet.take_events()} == {f"rejected/{rejected[0]['RowKey']}"}


async def _until_ended(fleet: Fleet, dying: Dying, step: str, queue: str, most: int = 300) -> None:
    for _ in range(most):
        await fleet.simulation.advance(step)
        dying.look()
        if not await fleet.at_work() and not fleet.waiting(queue):
            dying.each_reached()
            return
    left = [(row["RowKey"], row["kind"], row["step"], row["nextAt"], row.get("attention")) for row in await fleet.active()]
    raise AssertionError(f"{dying.ended} deaths, and still active: {left}")
