"""One history: what is asked for, what goes wrong, and what must be so at the end."""

import itertools
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

from local.simulation.ids import derived
from local.simulation.platform import Platform
from local.simulation.sample_estate import sample_estate
from shared.copies.kinds import COPY
from shared.copies.kinds import REQUESTS as COPY_REQUESTS
from shared.operations.crash_points import POINTS
from shared.operations.model.identity import operation_id
from tests.crash.failing import REQUESTS, Failing, wanted_of
from tests.crash.fleet import Fleet
from tests.crash.setting_up import SettingUp, changes_of
from tests.crash.world import Json, world
from tests.histories.in_memory import MemoryApp
from tests.histories.in_memory_stack import MemoryAzure, MemoryHost, MemoryHttp, MemoryTables
from tests.support.sites import Maker

STEP = timedelta(minutes=4)
FAULTY = timedelta(hours=2)
"""How long faults last at most, of Azure's time."""
MOST = timedelta(hours=60)
"""How long a history may take, of Azure's time; a copy takes some hours where a chain waits for its turn."""
MAY_PASS = {
    "SourceNotFound",
    "NotFound",
    "ChecksFailed",
    "ActionNotAllowed",
    "CopyNotSupported",
    "UnknownRegion",
    "AzureRefused",
    "InternalError",
}
"""Why a message may be rejected at its fifth delivery where nothing is wrong with it: faults lasted for longer than that."""
ANY_WRITE = "(any write)"
_DEADLY = 0.3
"""The chance that a point is armed before an advance."""
_WRITES = ("PUT", "POST", "PATCH", "DELETE")


@cache
def platform() -> Platform:
    """Return the simulated Azure of all histories: it makes a key for its tokens, which takes time."""
    return Platform(speed=0)


def fleet_of(app: MemoryApp) -> Fleet:
    """Return a fleet on an app in memory."""
    parts: Any = (MemoryHost(app), MemoryAzure(app), MemoryHttp(app), MemoryTables(app.storage))
    return Fleet(*parts)


@dataclass
class History:
    """Copies of `points` restore points and `machines` machines, or failovers by kind, or changes of a vault; and the faults they meet.

    The faults are there before anything is asked for (`early`), or once all is asked for, before the messages are taken in. With
    `by_message` copies are asked for by message too. `deadly`: workers end at crash points, too.
    """

    name: str
    log: Path
    chance: random.Random
    faults: list[Json] = field(default_factory=list)
    points: int = 0
    machines: int = 0
    failovers: tuple[str, ...] = ()
    changes: tuple[int, ...] = ()
    early: bool = False
    deadly: bool = False
    by_message: bool = False

    def __str__(self) -> str:
        asked = self.failovers or (f"changes {self.changes}" if self.changes else f"copies {self.points} + {self.machines}")
        return f"{self.name}: {asked}, {'early' if self.early else 'late'}{', deadly' * self.deadly} {self.faults}"

    async def run(self) -> None:
        """Run it, and compare what it leaves with what it should."""
        now = platform().clock.now()
        estate: Json = sample_estate(now)
        maker = Maker(estate, now)
        failovers = [wanted_of(maker, kind, kind) for kind in self.failovers]
        every, _, _ = changes_of(estate, maker, 1) if self.changes else ([], "", "")
        copies = world(self.name, now, chains=1, points=self.points, machines=self.machines, minutes=5)
        app = await MemoryApp.start(platform(), copies.estate if self.points else estate, self.chance, self.log)
        fleet = fleet_of(app)
        failing = Failing(fleet, failovers)
        setting = SettingUp(fleet, [every[number] for number in self.changes], "", "", failing)
        if self.early:
            await self._plant(fleet)
        for number, wanted in enumerate((*copies.points, *copies.machines) if self.points else ()):
            key = derived("copy", self.name, str(number))
            if self.by_message:
                fleet.send({**wanted.body, "id": key, "tenant": wanted.tenant}, COPY_REQUESTS)
                fleet.remember(wanted, key, operation_id(wanted.tenant, COPY.name, key))
            else:
                await self._asked(app, partial(fleet.start, wanted, key=key))
        await self._asked(app, failing.ask_all)
        await self._asked(app, setting.ask_all)
        if not self.early:
            await self._plant(fleet)
        await app.advance(timedelta(0))
        await self._until_ended(app, fleet, failing)
        if self.points:
            await fleet.compare()
        elif failovers:
            await failing.compare()
        else:
            await setting.compare(app.lost)

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

    async def _replay(self, app: MemoryApp, fleet: Fleet) -> None:
        """Replay what was rejected at its fifth delivery, once Azure is well again, as a person does; nothing else may be rejected."""
        for row in await self._rejected(fleet):
            reason = json.loads(row["reason"])
            assert reason["code"] in MAY_PASS, reason
            if not app.platform.faults.all:
                headers = {"Authorization": "Bearer provider||Admin"}
                async with fleet.http.request("POST", f"/rejected-messages/{row['RowKey']}/replay", headers=headers) as answer:
                    assert answer.status == 202, await answer.json()

    async def _rejected(self, fleet: Fleet) -> list[Json]:
        return [row for row in await fleet.rows("rejected") if not row["replayedAs"]]

    async def _plant(self, fleet: Fleet) -> None:
        for fault in self.faults:
            for method in _WRITES if fault.get("method") == ANY_WRITE else (fault.get("method"),):
                await fleet.simulation.add_fault(**{**fault, "method": method})

    async def _until_ended(self, app: MemoryApp, fleet: Fleet, failing: Failing) -> None:
        began = app.platform.clock.now()
        for _ in itertools.count():
            if self.deadly and self.chance.random() < _DEADLY:
                app.points.arm(self.chance.choice(POINTS))
            await app.advance(STEP)
            past = app.platform.clock.now() - began
            if past > FAULTY:
                app.platform.clear_faults()
            await self._replay(app, fleet)
            rows = await fleet.active()
            if not rows and not any(map(fleet.waiting, (REQUESTS, COPY_REQUESTS))) and not await self._rejected(fleet):
                return
            for row in rows:
                if failing.wanted:
                    await failing.help(row)
            if past > MOST:
                raise AssertionError(f"has not ended: {[(row['kind'], row['step'], row['nextAt'], row.get('attention')) for row in rows]}")
