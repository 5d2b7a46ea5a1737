"""Recovery points: they appear over time, and are reckoned, not kept. Pure.

The first one is there once the machine is protected. Hyper-V makes one an hour, Azure to Azure one every five minutes of which the older
thin out to one an hour; at the interval of the policy one is application-consistent. A commit deletes all but the one that was
used (docs/azure/site-recovery.md).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.ids import derived, key, name, parent
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.names import Phase, Provider
from local.simulation.recovery_services.vaults.models import Thing
from local.simulation.times import from_text, to_text

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_FINE = timedelta(minutes=5)

APPLICATION = "ApplicationConsistent"
CRASH = "CrashConsistent"


@dataclass(frozen=True, slots=True)
class Point:
    """A recovery point of an item."""

    name: str
    time: datetime
    type: str

    @staticmethod
    def from_json(body: Json) -> "Point":
        """Read it."""
        return Point(str(body["name"]), from_text(str(body["time"])), str(body.get("type", CRASH)))

    def as_json(self) -> Json:
        """Write it."""
        return {"name": self.name, "time": to_text(self.time), "type": self.type}


def points(item: Item, policy: Thing | None, now: datetime) -> list[Point]:
    """Return an item's recovery points, the newest first."""
    if item.kept is not None:
        return [Point.from_json(dict(item.kept))]
    if item.points_from is None or item.phase is Phase.FAILBACK_COMMITTED:
        return []
    history, snapshots = _settings(policy)
    until = min(now, item.points_until or now)
    # what is failed over keeps the points that it had then
    since = max(item.points_from, until - history)
    fine = _FINE if item.provider in (Provider.A2A, Provider.RCM, Provider.IN_MAGE_V2) else _HOUR
    times = _times(since, until, fine)
    if since == item.points_from <= until and since not in times and (fine == _HOUR or until - since < _HOUR):
        times.append(since)
    found = [_point(item, at, snapshots) for at in times]
    if item.chosen is not None:
        chosen = Point.from_json(dict(item.chosen))
        if all(chosen.name != each.name for each in found):
            found.append(chosen)
    return sorted(found, key=lambda each: each.time, reverse=True)


def _settings(policy: Thing | None) -> tuple[timedelta, int]:
    """Return how long points are kept, and every how many hours one is application-consistent (0: never)."""
    details = dict((policy.properties.get("providerSpecificDetails") if policy else None) or {})
    hours = details.get("recoveryPointHistoryDurationInHours", details.get("recoveryPoints"))
    minutes = details.get("recoveryPointHistory", details.get("recoveryPointHistoryInMinutes"))
    history = timedelta(hours=float(hours)) if hours is not None else timedelta(minutes=float(minutes if minutes is not None else 1440))
    snapshots = details.get("applicationConsistentSnapshotFrequencyInHours")
    if snapshots is None:
        snapshots = int(details.get("appConsistentFrequencyInMinutes") or 240) // 60
    # a policy that keeps none still has the latest one
    return max(history, _HOUR), int(snapshots)


def _times(since: datetime, until: datetime, fine: timedelta) -> list[datetime]:
    found = []
    at = _EPOCH + ((until - _EPOCH) // fine) * fine
    while at >= since:
        whole = (at - _EPOCH) % _HOUR == timedelta(0)
        if whole or until - at < _HOUR:
            found.append(at)
        at -= fine
    return found


def _point(item: Item, at: datetime, snapshots: int) -> Point:
    hours, rest = divmod(at - _EPOCH, _HOUR)
    consistent = snapshots > 0 and not rest and hours % snapshots == 0
    return Point(derived("recovery point", item.source.get("lifecycle") or item.id, to_text(at)), at, APPLICATION if consistent else CRASH)


def made_now(item: Item, at: datetime) -> Point:
    """Return the recovery point that a planned failover makes of the last that the machine wrote."""
    return Point(derived("recovery point", item.id, "planned", to_text(at)), at, APPLICATION)


def point_by_id(item: Item, policy: Thing | None, now: datetime, point_id: str) -> Point:
    """Return the item's point with an ARM id, or a name; raises `ArmError` 400 where it is another item's, or there is none."""
    if "/" in point_id and key(parent(point_id)) != key(item.id):
        raise ArmError(
            400, "InvalidRecoveryPoint", f"The recovery point '{point_id}' is not one of the item '{item.id}'.", target="recoveryPointId"
        )
    wanted = name(point_id).lower()
    for each in points(item, policy, now):
        if each.name.lower() == wanted:
            return each
    raise ArmError(
        400, "RecoveryPointNotFound", f"The recovery point '{wanted}' of the item '{item.id}' does not exist.", target="recoveryPointId"
    )


def point_by_type(item: Item, policy: Thing | None, now: datetime, wanted: str) -> Point | None:
    """Return the newest point of a kind: `Latest`, `LatestProcessed`, `LatestApplicationConsistent`, `LatestCrashConsistent`."""
    kind = {"latestapplicationconsistent": APPLICATION, "latestcrashconsistent": CRASH}.get(wanted.lower())
    return next((each for each in points(item, policy, now) if kind is None or each.type == kind), None)
