"""A look at a VM: its state now, the breaches that began and ended since the last one, and when to look again. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.clock import to_text
from shared.copies.protection.records.record import Notice, NoticeKind, ProtectionRecord, RegionRecord
from shared.copies.protection.states import BreachBegan, BreachEnded, LastLook, breaches_changed, limits_reached, state_of_machine
from shared.operations.model.identity import short_hash

_JUST_AFTER = timedelta(seconds=1)
"""A copy exactly as old as its objective still keeps it."""


def state_at(record: ProtectionRecord, now: datetime) -> ProtectionRecord:
    """Return a record with the state that it has now; nothing else changes."""
    states = [target.state_at(now) for target in record.targets if target.facts is not None]
    return record.model_copy(update={"state": state_of_machine(states, gone=record.gone)})


def look(before: ProtectionRecord | None, after: ProtectionRecord, now: datetime) -> ProtectionRecord:
    """Return what is stored of a VM: `after` with its state and breaches now, and with the events that are due since `before`.

    Events of `before` that have not been sent stay.
    """
    earlier = before or ProtectionRecord(tenant=after.tenant, virtual_machine_id=after.virtual_machine_id)
    targets = tuple(target.model_copy(update={"breached_since": target.state_at(now).breached_since}) for target in after.targets)
    looked = state_at(after.model_copy(update={"targets": targets}), now)
    return looked.model_copy(update={"notices": (*earlier.notices, *_notices(earlier, looked, now))})


def next_look(record: ProtectionRecord) -> datetime | None:
    """Return when a breach of a VM begins if nothing happens, None where none can."""
    moments = [_breach_at(target) for target in record.targets if target.breached_since is None]
    return min((moment for moment in moments if moment is not None), default=None)


def _breach_at(target: RegionRecord) -> datetime | None:
    facts = target.facts
    if facts is None or facts.objective is None:
        return None
    return (facts.newest or facts.covered_since) + facts.objective + _JUST_AFTER


def _notices(before: ProtectionRecord, after: ProtectionRecord, now: datetime) -> Iterator[Notice]:
    was, is_now = {one.region: one for one in before.targets}, {one.region: one for one in after.targets}
    looks = [LastLook(target.facts, target.breached_since) for target in before.targets if target.facts is not None]
    facts = [target.facts for target in after.targets if target.facts is not None]
    for change in breaches_changed(looks, facts, now):
        target = is_now.get(change.region) or was.get(change.region)
        first = f"{_place(after, change.region)}/{to_text(change.since)}"
        match change:
            case BreachBegan():
                yield Notice(id=f"{first}/began", kind=NoticeKind.BREACHED, target=target)
            case BreachEnded():
                yield Notice(id=f"{first}/ended", kind=NoticeKind.RECOVERED, target=target, by=change.by)
    for region, target in is_now.items():
        earlier = was[region].usable_copies if region in was else 0
        for limit in limits_reached(earlier, target.usable_copies):
            identity = f"{_place(after, region)}/{to_text(now)}/limitNear"
            yield Notice(id=identity, kind=NoticeKind.LIMIT_NEAR, target=target, limit=limit)
    for limit in limits_reached(before.restore_points or 0, after.restore_points or 0):
        yield Notice(id=f"protection/{short_hash(after.vm.key)}/{to_text(now)}/limitNear", kind=NoticeKind.LIMIT_NEAR, limit=limit)
    if looks and not facts and not after.gone:
        yield Notice(id=f"protection/{short_hash(after.vm.key)}/{to_text(now)}/unprotected", kind=NoticeKind.UNPROTECTED)


def _place(record: ProtectionRecord, region: str) -> str:
    return f"protection/{short_hash(record.vm.key, region)}"
