"""A fleet under one policy for days: `python3 -m tests.copies.two_weeks [--days 14] [--minutes 10] [--seed 1]`. CI drives two days.

The sample estate with further machines, six-hourly slots, two targets, and a night without power. At the end each VM kept its objective or
was reported, chains are legal, what is kept is what an independent model keeps, no effect happened twice, and the ledger equals what Azure
has, also where somebody else has deleted a copy. The app, its rules and the simulated Azure are real; storage is in memory.
"""

import argparse
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from local.simulation.compute.state import ComputeState
from local.simulation.platform import Platform
from tests.copies.policies.kit import Json, World, make_world
from tests.copies.retained import KeptCopy, SourcePoint, breaches, left_after, points_left_after
from tests.histories import virtual
from tests.support.clocks import SeededIds

ZONE = "Europe/Berlin"
_START = datetime(2026, 11, 2, 13, 5, tzinfo=UTC)
KEEP = {"keepLast": 2, "daily": 2, "weekly": 1}
KEEP_POINTS = 3
"""How many restore points of a VM are kept where the policy does not say."""
MOST = 6
OBJECTIVE = timedelta(hours=8)
STEP = timedelta(hours=6)
NIGHT = timedelta(hours=20)
"""How long the app stands still."""
_TARGETS = {"contoso": ("northeurope", "uksouth"), "fabrikam": ("westeurope", "northeurope"), "provider": ("westeurope", "northeurope")}
_LATE = timedelta(minutes=2)
"""How much later than the moment itself the end of a copy or of a breach is noticed at the most, beside a step of the clock."""


@dataclass
class Weeks:
    """What is driven, and when: `step` is how far the clock moves at a time, `lit` when the night without power ended, and `disabled` when
    the policies were disabled at the end.
    """

    world: World
    step: timedelta
    began: datetime = field(init=False)
    disabled: datetime = field(init=False)
    lit: datetime = field(init=False)
    planted: Json = field(init=False)

    async def run(self, days: int, *, dark_after: timedelta) -> None:
        """Write the policies, and let the days pass; after `dark_after` the app does not run for a night."""
        world = self.world
        self.began = world.now
        for tenant, regions in _TARGETS.items():
            await world.put("fleet", _policy(tenant, regions), tenant=tenant)
        await world.advance(minutes=2)
        end, dark = world.now + timedelta(days=days), world.now + dark_after
        while world.now < end:
            if dark <= world.now < dark + self.step:
                world.app.platform.clock.move(NIGHT)
                self.lit = world.now
            await world.app.advance(self.step)
        # what copies and deletes at the end is followed to its own end
        self.disabled = world.now
        for tenant, regions in _TARGETS.items():
            await world.put("fleet", _policy(tenant, regions) | {"enabled": False}, tenant=tenant)
        for _ in range(16):
            await world.app.advance(timedelta(minutes=30))
        self.planted = await self._delete_behind_the_app()
        for _ in range(56):  # the app compares each VM with Azure once a day
            await world.app.advance(timedelta(minutes=30))

    async def _delete_behind_the_app(self) -> Json:
        """Delete the oldest copy that is kept of a place of contoso's, as another program may, and return it."""
        oldest: Json = min(
            (one for one in await self.all_copies("contoso") if one["usable"]), key=lambda one: str(one["source"]["takenAt"])
        )
        points = self.world.app.platform.world.of(ComputeState).points
        (key,) = (key for key, point in points.items() if point.id.lower() == oldest["target"]["restorePointId"].lower())
        points.put(key, None)
        return oldest

    async def all_copies(self, tenant: str) -> list[Json]:
        """Return the copies of a tenant's policy, also deleted and failed ones."""
        found: list[Json] = []
        path = "/restore-point-copies?policy=fleet&top=1000"
        while path:
            page = await self.world.get(path, tenant=tenant)
            found += page["value"]
            following = page.get("nextLink")
            path = following[following.index("/restore-point-copies") :] if following else ""
        return found


async def check(weeks: Weeks) -> dict[str, int]:
    """Compare what the days left with what they should leave, and return what was seen, in numbers."""
    world = weeks.world
    seen: Counter[str] = Counter()
    _no_effect_twice(world)
    in_azure = _usable_in_azure(world)
    points_in_azure = _points_in_azure(world)
    expected: set[str] = set()
    reported = _reported(world)
    for tenant in _TARGETS:
        runs = await world.get("/copy-policies/fleet/runs?top=1000", tenant=tenant)
        pruned_at = [_moment(run["createdAt"]) for run in runs["value"] if run["inventory"] is not None]
        seen["runs"] += len(pruned_at)
        everything = await weeks.all_copies(tenant)
        for vm, points in _points_by_vm(everything, weeks).items():
            of_vm = {point.id for point in points} & points_in_azure
            points_left = points_left_after(points, pruned_at, KEEP_POINTS, MOST)
            assert of_vm in points_left, f"{vm}: {sorted(of_vm)} are there, not one of {points_left}"
            seen.update(points=len(of_vm), pointsDeleted=len(points) - len(of_vm))
        for place, copies in _by_place(everything).items():
            _chain_is_legal(copies)
            usable = [_kept(copy, weeks) for copy in copies if copy["status"] == "Succeeded"]
            left = left_after(usable, pruned_at, KEEP, ZoneInfo(ZONE), MOST)
            ways = [one - {weeks.planted["id"]} for one in left]
            kept = {copy["id"] for copy in copies if copy["usable"]}
            assert kept in ways, f"{place}: {sorted(kept)} are kept, not one of {ways}; planted {weeks.planted['id']}"
            expected |= {copy["target"]["restorePointId"].lower() for copy in copies if copy["id"] in kept}
            seen.update(copies=len(copies), kept=len(kept), deleted=sum(copy["deletedAt"] is not None for copy in copies))
            seen["breaches"] += _is_reported(place, usable, reported, weeks)
    assert in_azure == expected, "the ledger and Azure differ"
    shown = await world.get("/protection?drift=true&top=1000", tenant="contoso")
    drift = [(one["kind"], one["id"].lower()) for vm in shown["value"] for one in vm["drift"]]
    assert drift == [("copyGone", weeks.planted["target"]["restorePointId"].lower())]
    assert seen["breaches"] == sum(map(len, reported.values())), "a breach was reported of a place without copies"
    return dict(seen)


def _is_reported(place: tuple[str, str], copies: list[KeptCopy], reported: dict[tuple[str, str], list[str]], weeks: Weeks) -> int:
    """Compare the breaches of a place with the events of it; one that is over before the next look of the app need not be reported."""
    found = breaches(copies, weeks.began, OBJECTIVE.total_seconds(), weeks.world.now)
    events = sorted(reported.get(place, []))
    longest = weeks.step + NIGHT + timedelta(minutes=5)
    long_enough = [at for at, until in found if (until or weeks.disabled) - at > longest]
    assert len(long_enough) <= len(events) <= len(found), f"{place}: {found}, reported {events}"
    for event in events:
        assert any(abs((_moment(event) - at).total_seconds()) <= _LATE.total_seconds() for at, _ in found), f"{place}: {event} of {found}"
    return len(events)


def _reported(world: World) -> dict[tuple[str, str], list[str]]:
    """Return since when each place was reported as breached; each breach once."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    events = {event["id"]: event for event in world.take_events() if event["type"] == "farshore.protection.breached"}
    for event in events.values():
        for target in event["data"]["targets"] if "targets" in event["data"] else [event["data"]]:
            found[event["data"]["virtualMachineId"].lower(), target["region"]].append(target["breachedSince"])
    return found


def _no_effect_twice(world: World) -> None:
    writes = [one for one in world.effects("restorePoints/") if one["method"] in {"PUT", "DELETE"}]
    twice = {key: count for key, count in Counter((one["method"], str(one["path"]).lower()) for one in writes).items() if count > 1}
    assert not twice, f"happened twice: {twice}"


def _usable_in_azure(world: World) -> set[str]:
    points = world.app.platform.world.of(ComputeState).points.values()
    now = world.now
    ours = [point for point in points if point.source_point is not None and not point.gone(now) and point.started_at > _start_of(world)]
    return {point.id.lower() for point in ours if point.ended_at() <= now}


def _points_in_azure(world: World) -> set[str]:
    points = world.app.platform.world.of(ComputeState).points.values()
    return {point.id.lower() for point in points if point.source_point is None and not point.gone(world.now)}


def _points_by_vm(copies: list[Json], weeks: Weeks) -> dict[str, list[SourcePoint]]:
    """Return the restore points of each VM that copies were of, with these copies."""
    by_point: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for copy in copies:
        if copy["source"]["restorePointId"] is not None and copy["source"]["takenAt"] is not None:
            by_point[copy["source"]["virtualMachineId"].lower(), copy["source"]["restorePointId"].lower()].append(copy)
    found: dict[str, list[SourcePoint]] = defaultdict(list)
    for (vm, point), of_point in by_point.items():
        ended = tuple(
            (copy["target"]["region"] if copy["status"] == "Succeeded" else "", _kept(copy, weeks))
            for copy in of_point
            if copy["completedAt"] is not None
        )
        found[vm].append(SourcePoint(point, _moment(of_point[0]["source"]["takenAt"]), ended))
    return found


def _start_of(world: World) -> datetime:
    first = min(_moment(str(one["time"])) for one in world.effects("restorePoints/"))
    return first - timedelta(seconds=1)


def _by_place(copies: list[Json]) -> dict[tuple[str, str], list[Json]]:
    places: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for copy in copies:
        places[copy["source"]["virtualMachineId"].lower(), copy["target"]["region"]].append(copy)
    return places


def _chain_is_legal(copies: list[Json]) -> None:
    """Check that a place's copies were started in the order of their sources, one at a time, three an hour at most."""
    started = sorted((copy for copy in copies if copy["startedAt"]), key=lambda copy: copy["startedAt"])
    taken = [copy["source"]["takenAt"] for copy in started]
    assert taken == sorted(taken), f"a copy was started after a newer one: {taken}"
    for index, copy in enumerate(started[1:], 1):
        assert started[index - 1]["completedAt"] <= copy["startedAt"], "two copies of a chain at a time"
        if index >= 3:
            assert _moment(copy["startedAt"]) - _moment(started[index - 3]["startedAt"]) >= timedelta(hours=1)


def _kept(copy: Json, weeks: Weeks) -> KeptCopy:
    usable_at = _moment(copy["completedAt"])
    in_the_night = weeks.lit - NIGHT <= usable_at <= weeks.lit
    return KeptCopy(copy["id"], _moment(copy["source"]["takenAt"]), usable_at, weeks.lit + weeks.step if in_the_night else None)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _policy(tenant: str, regions: tuple[str, str]) -> Json:
    return {
        "selector": {"tags": {"any": {"tier": "gold", "env": "fleet"}}},
        "schedule": {"every": "PT6H", "timeZone": ZONE},
        "consistency": {"mode": "CrashConsistent"},
        "targets": [{"region": region, "resourceGroup": f"{tenant}-recovery"} for region in regions],
        "objective": "PT8H",
        "retention": KEEP,
        "limits": {"deletionsPerPlace": MOST},
    }


async def drive(days: int, minutes: int, log: Path, *, machines: int = 4, seed: int = 1) -> dict[str, int]:
    """Drive the days, check what they left, and return what was seen; the same seed drives the same days."""
    azure = Platform(speed=0, now=_START)
    world = await make_world(log, machines, ("env=fleet",), azure, SeededIds(seed), seed)
    weeks = Weeks(world, timedelta(minutes=minutes))
    await weeks.run(days, dark_after=timedelta(days=days / 2, hours=5))
    return await check(weeks)


def main() -> None:
    """Drive the days that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=int, default=10, help="how far the clock moves at a time")
    options: Any = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "simulation.log"
        log.touch()
        print(virtual.run(drive(options.days, options.minutes, log, seed=options.seed)))


if __name__ == "__main__":
    main()
