"""Histories drawn at random, each in this process: what Azure's own faults leave is what a quiet Azure leaves.

A history draws what is asked for and which faults meet which reads and writes. Nothing ends `Failed` for them, nothing takes effect twice,
and all ends once they are over, with a person's help only where `attention` asks for it. `--histories 1000` tries more of them than CI
does; `--first N` begins at another seed.
"""

import itertools
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import pytest

from local.simulation.ids import derived
from local.simulation.platform import Platform
from local.simulation.sample_estate import sample_estate
from tests.crash.failing import REQUESTS, Failing, wanted_of
from tests.crash.failing import Wanted as WantedFailover
from tests.crash.fleet import Fleet
from tests.crash.setting_up import SettingUp, changes_of
from tests.crash.setting_up import Wanted as WantedChange
from tests.crash.world import Json, world
from tests.histories import virtual
from tests.histories.in_memory import MemoryApp, MemoryAzure, MemoryHost, MemoryHttp, MemoryTables
from tests.support.sites import Maker

IN_CI = 100
STEP = timedelta(minutes=4)
FAULTY = timedelta(hours=2)
"""How long faults last at most, of Azure's time."""
MOST = timedelta(hours=60)
"""How long a history may take, of Azure's time; a copy takes some hours where a chain waits for its turn."""
FAILOVERS = ("out", "a2a", "plan", "test", "message", "named", "back")
RESOURCES = (
    "restorePointCollections/[^/]+$",
    "restorePoints/[^/]+$",
    "restorePoint",
    "virtualMachines/",
    "replicationJobs",
    "replicationProtectedItems",
    "replicationRecoveryPlans",
    "replicationPolicies",
    "replicationProtectionContainer",
    "replication",
    "",
)
PATHS = ("restorePointCollections/[^/]+$", "/restorePoints/[^/]+$", "replication", "")
BUSY: tuple[Json, ...] = (
    {"status": 409, "code": "AnotherOperationInProgress"},
    {"status": 409, "code": "OperationPreempted"},
    {"status": 409, "code": "CanceledAndSupersededDueToAnotherOperation"},
    {"status": 412, "code": "PreconditionFailed"},
    {"status": 409, "code": "Conflicting", "retryAfter": 40},
    {"status": 503, "code": "ServerBusy", "retryAfter": 40},
)
WITHOUT_LOCATION = {"Location": None}


def drawn_faults(chance: random.Random) -> Iterator[Json]:
    """Yield the faults of a history: those of answers to reads, of answers to writes, and of what Azure shows."""
    for number in range(chance.randint(2, 6)):
        yield _fault(chance, f"{number}:{chance.random()}")


def _fault(chance: random.Random, seed: str) -> Json:
    """Draw one fault; its chance or its number of times is such that the operations come through."""
    many: Json = {"rate": chance.choice((0.05, 0.2, 0.5)), "seed": seed, "duration": "PT40M"}
    rare: Json = chance.choice(({**many, "rate": 0.1}, {"times": chance.randint(1, 3)}))
    some: Json = chance.choice((many, {"times": chance.randint(1, 4)}))
    reads, writes = {"method": "GET", "path": chance.choice(RESOURCES)}, {"method": "(any write)", "path": chance.choice(PATHS)}
    kinds: list[Json] = [
        {"fault": "hide", **reads, **rare},
        {"fault": "hide", **reads, "duration": "PT6M", "lists": chance.random() < 0.5},
        {"fault": "hide", **reads, **rare, "code": chance.choice(("NotFound", "ParentResourceNotFound"))},
        {"fault": "expireToken", "path": chance.choice(RESOURCES), "times": chance.randint(1, 3)},
        {"fault": "odd", "path": chance.choice(RESOURCES), "rate": 0.5, "seed": seed},
        {"fault": "reshape", "path": "replication", "headers": WITHOUT_LOCATION, "rate": 1, "seed": seed, "duration": "PT40M"},
        {"fault": "reshape", **reads, "body": {"location": None, "tags": None, "etag": "1"}, **some},
        {"fault": "hideJob", "path": "replication", "times": chance.randint(1, 4), "duration": chance.choice(("PT1S", "PT1M", "PT6M"))},
        {"fault": "error", **writes, **chance.choice(BUSY), **some},
        {"fault": "error", **writes, "status": 404, "code": "ParentResourceNotFound", "times": chance.randint(1, 2)},
        {"fault": "error", "path": chance.choice(RESOURCES), "status": chance.choice((500, 502, 503, 504)), **some},
        {"fault": "throttle", "path": chance.choice(RESOURCES), "retryAfter": chance.choice((1, 30, 120)), **some},
        {"fault": "lostResponse", "path": chance.choice(RESOURCES), **some},
        {"fault": "errorAfterEffect", **writes, "status": chance.choice((500, 503, 504)), "times": chance.randint(1, 3)},
        {"fault": "lateEffect", **writes, "delay": chance.choice(("PT1M", "PT3M")), "times": chance.randint(1, 2)},
        {"fault": "timeout", "path": chance.choice(RESOURCES), "times": chance.randint(1, 2)},
    ]
    return chance.choice(kinds)


@cache
def platform() -> Platform:
    """Return the simulated Azure of all histories: it makes a key for its tokens, which takes time."""
    return Platform(speed=0)


class History:
    """One history: what is asked for, what goes wrong, and what must be so at the end."""

    def __init__(self, seed: int, log: Path) -> None:
        self.chance = random.Random(f"history {seed}")  # noqa: S311  # chance that can be repeated, not a secret
        self.name = f"h{seed}"
        self.log = log
        self.faults = list(drawn_faults(self.chance))
        self.kinds = self.chance.choice(("copies", "failovers", "changes"))
        self.said = f"{self.kinds}: {self.faults}"

    async def run(self) -> None:
        """Run it, and compare what it leaves with what it should."""
        now = platform().clock.now()
        estate: Json = sample_estate(now)
        maker = Maker(estate, now)
        failovers: list[WantedFailover] = []
        changes: list[WantedChange] = []
        small = None
        if self.kinds == "copies":
            small = world(self.name, now, chains=1, points=self.chance.randint(1, 3), machines=self.chance.randint(0, 1), minutes=5)
            estate = small.estate
        elif self.kinds == "failovers":
            failovers = [wanted_of(maker, kind, kind) for kind in self.chance.sample(FAILOVERS, self.chance.randint(1, 3))]
        else:
            every, _, _ = changes_of(estate, maker, 1)
            changes = self.chance.sample(every, self.chance.randint(1, 4))
        app = await MemoryApp.start(platform(), estate, self.chance, self.log)
        fleet = Fleet(
            cast("Any", MemoryHost(app)),
            cast("Any", MemoryAzure(app)),
            cast("Any", MemoryHttp(app)),
            cast("Any", MemoryTables(app.storage)),
        )
        failing = Failing(fleet, failovers)
        setting = SettingUp(fleet, changes, "", "", failing)
        early = self.chance.random() < 0.3
        if early:
            await self._plant(fleet)
        for number, wanted in enumerate((*small.points, *small.machines) if small is not None else ()):
            await self._asked(app, partial(fleet.start, wanted, key=derived("copy", self.name, str(number))))
        await self._asked(app, failing.ask_all)
        await self._asked(app, setting.ask_all)
        if not early:
            await self._plant(fleet)
        await self._until_ended(app, fleet, failing)
        if small is not None:
            await fleet.compare()
        elif failovers:
            await failing.compare()
        else:
            again = {"lostResponse", "lateEffect", "errorAfterEffect", "timeout"} & {fault["fault"] for fault in self.faults}
            await setting.compare(once=not again)

    async def _asked(self, app: MemoryApp, ask: Callable[[], Awaitable[object]]) -> None:
        """Ask until it is accepted, under the same key, as a careful sender does whose request met a fault."""
        began = app.platform.clock.now()
        while True:
            try:
                await ask()
            except AssertionError:
                if app.platform.clock.now() - began > 2 * FAULTY:
                    raise
            else:
                return
            app.platform.clock.move(timedelta(minutes=1))
            if app.platform.clock.now() - began > FAULTY:
                app.platform.clear_faults()

    async def _plant(self, fleet: Fleet) -> None:
        for fault in self.faults:
            for method in ("PUT", "POST", "PATCH", "DELETE") if fault.get("method") == "(any write)" else (fault.get("method"),):
                await fleet.simulation.add_fault(**{**fault, "method": method})

    async def _until_ended(self, app: MemoryApp, fleet: Fleet, failing: Failing) -> None:
        began = app.platform.clock.now()
        for _ in itertools.count():
            await app.advance(STEP)
            past = app.platform.clock.now() - began
            if past > FAULTY:
                app.platform.clear_faults()
            rows = await fleet.active()
            if not rows and not fleet.waiting(REQUESTS):
                return
            for row in rows:
                if failing.wanted:
                    await failing.help(row)
            if past > MOST:
                raise AssertionError(f"has not ended: {[(row['kind'], row['step'], row['nextAt'], row.get('attention')) for row in rows]}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Draw as many histories as are asked for."""
    if "seed" in metafunc.fixturenames:
        first, count = metafunc.config.getoption("--first"), metafunc.config.getoption("--histories") or IN_CI
        metafunc.parametrize("seed", range(first, first + count))


def test_a_history_ends_as_in_a_quiet_azure(seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    log = tmp_path / "simulation.log"
    log.touch()
    history = History(seed, log)
    try:
        virtual.run(history.run())
    except BaseException as error:
        error.add_note(f"seed {seed}, {history.said}")
        raise
    assert Counter(record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR) == {}
