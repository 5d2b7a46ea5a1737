"""Histories of drills and restores with faults, deaths of workers and clean-ups, drawn from seeds and compared with the estate before.

python3 -m tests.copies.restores.histories COUNT [FIRST]
"""

import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from local.simulation.control.clock import Clock
from local.simulation.sample_estate import sample_estate
from shared.operations.crash_points import RESTORE_POINTS
from tests.copies.policies.kit import Json, Story, World
from tests.copies.restores.kit import ISOLATED, SUBNET, lock_recovery, plant_copies, resources, shown
from tests.copies.restores.kit import start as ask
from tests.histories import virtual
from tests.histories.history import platform
from tests.histories.in_memory import MemoryApp
from tests.support.clocks import SeededIds

POINTS = (
    *RESTORE_POINTS, "step.claimed", "step.intended", "step.sent", "step.ended", "finish.written", "announce.released", "announce.sent",
    "announce.removed",
)  # fmt: skip
FAULTS: tuple[Json, ...] = (
    {"fault": "lostResponse"},
    {"fault": "errorAfterEffect", "status": 500},
    {"fault": "lateEffect", "delay": "PT2M"},
    {"fault": "lateEffect", "delay": "PT8M"},
    {"fault": "timeout"},
    {"fault": "error", "status": 500},
    {"fault": "error", "status": 429, "code": "TooManyRequests", "retryAfter": 20},
    {"fault": "error", "status": 409, "code": "AnotherOperationInProgress"},
    {"fault": "error", "status": 404, "code": "ResourceNotFound"},
)
READS: tuple[Json, ...] = (
    {"fault": "hide", "method": "GET", "path": "virtualMachines|disks|networkInterfaces|restorePoint", "duration": "PT6M"},
    {"fault": "hide", "method": "GET", "path": ".", "rate": 0.1, "seed": "h", "duration": "PT40M"},
    {"fault": "expireToken", "path": ".", "times": 5},
    {"fault": "error", "method": "GET", "path": ".", "status": 401, "times": 3},
    {"fault": "odd", "path": ".", "rate": 0.7, "seed": "h", "duration": "PT2H"},
    {
        "fault": "reshape",
        "method": "GET",
        "path": ".",
        "body": {"location": None, "tags": None},
        "rate": 0.2,
        "seed": "h",
        "duration": "PT20M",
    },
    {"fault": "error", "method": "PUT", "path": ".", "status": 409, "code": "OperationPreempted", "times": 3},
    {"fault": "error", "method": "DELETE", "path": ".", "status": 412, "times": 3},
)
"""What reads of Azure show at times of what is there: it ends nothing."""
ENDINGS: tuple[Json | None, ...] = (
    None, None,
    {"fault": "failMachine", "at": "create", "code": "AllocationFailed", "path": "virtualMachines/"},
    {"fault": "failBoot", "path": "virtualMachines/"},
    {"fault": "failDisk", "path": "disks/", "code": "InternalExecutionError"},
    {"fault": "error", "status": 409, "code": "SkuNotAvailable", "method": "PUT", "path": "virtualMachines/"},
)  # fmt: skip
DYING = 40
"""In how many of the first steps a worker may die: while an operation waits, every point comes to be armed."""
MOST = 1200
BEGINNING = datetime(2026, 3, 2, 8, tzinfo=UTC)


def draw_faults(chance: random.Random) -> Iterator[Json]:
    """Yield the faults of a history."""
    for _ in range(chance.randint(0, 4)):
        path = chance.choice(("virtualMachines/", "networkInterfaces/", "disks/"))
        yield {**chance.choice(FAULTS), "method": chance.choice(("PUT", "DELETE", "GET")), "path": path, "times": chance.randint(1, 3)}
    yield from chance.sample(READS, chance.randint(0, 2))


def history(seed: int, folder: Path) -> list[Json]:
    """Run one history of a drill or of a real restore; return Azure's writes in their order."""
    chance = random.Random(seed)  # noqa: S311  # chance that can be repeated, not a secret
    writes: list[Json] = []

    async def story(world: World) -> None:
        points, before = plant_copies(world), resources(world)
        drill, boots = chance.random() < 0.6, chance.random() < 0.7
        accepted = await ask(world, _body(points, chance, drill=drill, boots=boots))
        assert accepted.status == 202, accepted
        ending = chance.choice(ENDINGS)
        for fault in [*draw_faults(chance), *([ending] if ending is not None else [])]:
            world.fault(**{**fault})
        locked_at, asks_at = chance.choice((None, None, 20, 40)), chance.choice((None, None, 2, 8, 30)) if drill else None
        restore = await _settle(world, accepted.body, chance, locked_at=locked_at, asks_at=asks_at)
        if (ending, locked_at, asks_at) == (None, None, None):
            assert (restore["status"], restore["error"]) == ("Succeeded", None), restore
        assert [partition for partition, _ in world.app.storage.table("locks").rows if partition != "daily"] == []
        deleted = [str(one["path"]) for one in world.effects("/virtualMachines/") if one["method"] == "DELETE"]
        if drill:
            assert restore["cleanedUp"], restore
            assert resources(world) == before, resources(world) ^ before
        else:
            assert deleted == []
            made = {one["id"].lower() for each in restore["machines"] for one in each["resources"] if one["state"] == "made"}
            assert resources(world) - before == made, (restore, resources(world) - before)
        assert before <= resources(world)
        writes.extend({**one, "sequence": None} for one in world.effects())

    _run(story, folder, seed)
    return writes


def _run(story: Story, folder: Path, seed: int) -> None:
    """Run a story before the sample estate; a seed repeats order, losses, ids and times."""
    log, azure = folder / "simulation.log", platform()
    log.touch()
    azure.clock = Clock(BEGINNING, 0)
    random.seed(seed)  # what spreads the app's repetitions

    async def whole() -> None:
        chance = random.Random(seed)  # noqa: S311  # chance that can be repeated, not a secret
        app = await MemoryApp.start(azure, sample_estate(BEGINNING), chance, log, SeededIds(seed))
        await story(World(app, log))

    virtual.run(whole(), repeatable=True)


def _body(points: list[str], chance: random.Random, *, drill: bool, boots: bool) -> Json:
    machines: list[Json] = [{"source": {"restorePointId": point}, "name": f"again{number}"} for number, point in enumerate(points)]
    machines = machines[: chance.randint(1, 2)]
    body: Json = {"kind": "virtualMachine" if boots else "disks", "machines": machines, "resourceGroup": "contoso-recovery"}
    if boots:
        body |= {"network": {"subnetId": ISOLATED if drill else SUBNET}, "bootTimeout": "PT10M"}
        for number, machine in enumerate(machines):
            machine["group"] = number + 1
    if not drill:
        return body | {"reason": "a test", "onFailure": chance.choice(("cleanUp", "keep"))}
    return body | {"drill": True, "keepFor": chance.choice(("PT0S", "PT20M"))}


async def _settle(world: World, accepted: Json, chance: random.Random, *, locked_at: int | None, asks_at: int | None) -> Json:
    """Move Azure's time until the restore has ended; workers die, a lock comes and goes, a person asks for the clean-up."""
    for number in range(MOST):
        restore = await shown(world, accepted)
        if restore["status"] in {"Succeeded", "Failed", "Canceled"}:
            world.app.points.disarm()
            world.app.platform.clear_faults()
            for _ in range(30):  # what was late arrives
                await world.advance(minutes=1)
            return await shown(world, accepted)
        if number < DYING and chance.random() < 0.3:
            world.app.points.arm(chance.choice(POINTS))
        if number == locked_at:
            lock_recovery(world, locked=True)
        if locked_at is not None and number == locked_at + 60:
            lock_recovery(world, locked=False)
        if number == asks_at:
            await world.call("POST", f"/restores/{accepted['id']}/clean-up")
        await world.advance(seconds=20)
    raise AssertionError(f"it did not end: {restore}")


def main(count: int, first: int = 0) -> int:
    """Run histories of `count` seeds from `first` on, and return how many failed."""
    failed: list[int] = []
    for seed in range(first, first + count):
        try:
            history(seed, Path(tempfile.mkdtemp()))
        except Exception as error:  # each history is reported
            failed.append(seed)
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:900]}", flush=True)
    print(f"{count} histories, {len(failed)} failed{': seeds ' * bool(failed)}{', '.join(map(str, failed))}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(1 if main(*map(int, sys.argv[1:3])) else 0)
