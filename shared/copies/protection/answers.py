"""Protection as callers and events see it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from shared.copies.policies.fields import DurationSchema, DurationText
from shared.copies.protection.looks import state_at
from shared.copies.protection.records.record import MadeBy, NewestPoint, NewestUsable, Notice, ProtectionRecord, Reason, RegionRecord
from shared.copies.protection.records.store import Summary
from shared.copies.protection.states import LIMITS_NEAR, Recovery, State
from shared.copies.reconciling.rules import DriftKind
from shared.moments import Moment
from shared.values.documents import Document

_STALE = timedelta(days=1)
_MOST_RESTORE_POINTS = 500


class NewestUsableBody(Document):
    """The newest usable copy; `takenAt` is the moment of its source. `copyId` is null where others than Farshore made it."""

    copy_id: str | None
    restore_point_id: str
    taken_at: Moment
    completed_at: Moment


class InFlightBody(Document):
    """The copy of the policy's last run that has not ended."""

    copy_id: str
    step: str
    percent_complete: int
    taken_at: Moment | None


class LastFailureBody(Document):
    """The last copy that failed."""

    copy_id: str
    code: str
    message: str
    at: Moment


class LastDrillBody(Document):
    """The last drill of a copy there."""

    restore_id: str
    at: Moment
    verified: str
    recovery_time_seconds: int


class TargetBody(Document):
    """A region that a VM is copied to, or that has copies of it; then `policy` is null."""

    region: str
    policy: str | None
    objective: Annotated[timedelta, DurationText, DurationSchema] | None
    state: State
    newest_usable: NewestUsableBody | None
    usable_copies: int
    age_seconds: int | None
    breached: bool
    breached_since: Moment | None
    in_flight: InFlightBody | None = None
    next_slot: Moment | None = None
    last_failure: LastFailureBody | None
    last_drill: LastDrillBody | None = None


class NewestRestorePointBody(Document):
    """The newest restore point of a VM."""

    id: str
    taken_at: Moment
    consistency_mode: str | None
    made_by: MadeBy


class RestorePointsBody(Document):
    """How many restore points a VM has."""

    count: int | None = None
    limit: int = _MOST_RESTORE_POINTS


class MachineLimitBody(Document):
    """The data of the event of a VM that has almost as many restore points as Azure keeps."""

    virtual_machine_id: str
    tenant: str
    restore_points: RestorePointsBody
    limit: int


class DriftBody(Document):
    """A difference between the ledger and Azure."""

    kind: DriftKind
    id: str
    seen_at: Moment


class ProtectionWarning(Document):
    """A warning about a VM, or about a page."""

    code: str
    message: str
    target: str | None = None


class MachineProtectionBody(Document):
    """The protection of a VM; what is not known is null."""

    virtual_machine_id: str
    vm_id: str
    tenant: str
    name: str
    region: str
    state: State
    reasons: tuple[Reason, ...]
    policies: tuple[str, ...]
    newest_restore_point: NewestRestorePointBody | None = None
    restore_points: RestorePointsBody = Field(default_factory=RestorePointsBody)
    targets: tuple[TargetBody, ...]
    drift: tuple[DriftBody, ...] = ()
    warnings: tuple[ProtectionWarning, ...] = ()


class SummaryBody(Document):
    """How many VMs there are, by their state at their last look."""

    virtual_machines: int
    protected: int
    breached: int
    pending: int
    unprotected: int
    orphans: int
    drift: int = 0


class AsOfBody(Document):
    """How old the page is: when the ledger, the inventory and Azure's restore points were read."""

    ledger: Moment
    inventory: Moment | None
    reconciled: Moment | None = None


class ProtectionBeside(Document):
    """What a page of protection has beside its VMs."""

    summary: SummaryBody
    as_of: AsOfBody
    warnings: tuple[ProtectionWarning, ...]


class ProtectionPage(ProtectionBeside):
    """A page of the protection of VMs, by id."""

    value: tuple[MachineProtectionBody, ...]
    next_link: str | None = None


class NoticeBody(TargetBody):
    """The data of an event of protection: the region as it was then, of which VM, and what ended a breach."""

    virtual_machine_id: str
    tenant: str
    by: Recovery | None = None
    limit: int | None = None


class UnprotectedBody(Document):
    """The data of the event of a VM that lost its last policy or target."""

    virtual_machine_id: str
    tenant: str
    state: State
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """What a page shows that no row holds: the next slots by policy, the copies in flight and the last drills by VM and region."""

    next_slots: Mapping[str, datetime | None] = field(default_factory=dict)
    in_flight: Mapping[tuple[str, str], InFlightBody] = field(default_factory=dict)
    last_drills: Mapping[tuple[str, str], LastDrillBody] = field(default_factory=dict)


def machine_body(record: ProtectionRecord, beside: Beside, now: datetime) -> MachineProtectionBody:
    """Return the protection of a VM as it is now."""
    shown = state_at(record, now)
    return MachineProtectionBody(
        virtual_machine_id=record.virtual_machine_id,
        vm_id=record.vm_id,
        tenant=record.tenant,
        name=record.vm.name,
        region=record.region,
        state=shown.state,
        reasons=record.reasons,
        policies=record.policies,
        newest_restore_point=_newest_point(record.newest_point) if record.newest_point is not None else None,
        restore_points=RestorePointsBody(count=record.restore_points),
        targets=tuple(
            target_body(target, now).model_copy(
                update={
                    "next_slot": beside.next_slots.get((target.policy or "").lower()),
                    "in_flight": beside.in_flight.get((record.vm.key, target.region)),
                    "last_drill": beside.last_drills.get((record.vm.key, target.region)),
                }
            )
            for target in record.targets
        ),
        drift=tuple(DriftBody(**dict(one)) for one in record.drift),
        warnings=(*_machine_near(record), *(_near(target) for target in record.targets if target.usable_copies >= LIMITS_NEAR[0])),
    )


def target_body(target: RegionRecord, now: datetime) -> TargetBody:
    """Return a region of a VM as it is now."""
    found, newest, failure = target.state_at(now), target.newest, target.last_failure
    return TargetBody(
        region=target.region,
        policy=target.policy,
        objective=target.objective,
        state=found.state,
        newest_usable=_newest(newest) if newest is not None else None,
        usable_copies=target.usable_copies,
        age_seconds=int((now - newest.taken_at).total_seconds()) if newest is not None else None,
        breached=found.state is State.BREACHED,
        breached_since=found.breached_since,
        last_failure=LastFailureBody(**dict(failure)) if failure is not None else None,
    )


def _newest(found: NewestUsable) -> NewestUsableBody:
    return NewestUsableBody(**(dict(found) | {"copy_id": found.copy_id or None}))


def _newest_point(found: NewestPoint) -> NewestRestorePointBody:
    return NewestRestorePointBody(**(dict(found) | {"consistency_mode": found.consistency_mode or None}))


def notice_body(record: ProtectionRecord, notice: Notice, now: datetime) -> NoticeBody | UnprotectedBody | MachineLimitBody:
    """Return the data of an event."""
    if notice.target is None and notice.limit is not None:
        return MachineLimitBody(
            virtual_machine_id=record.virtual_machine_id,
            tenant=record.tenant,
            restore_points=RestorePointsBody(count=record.restore_points),
            limit=notice.limit,
        )
    if notice.target is None:
        return UnprotectedBody(
            virtual_machine_id=record.virtual_machine_id, tenant=record.tenant, state=record.state, reasons=record.reasons
        )
    shown = dict(target_body(notice.target, now))
    return NoticeBody(**shown, virtual_machine_id=record.virtual_machine_id, tenant=record.tenant, by=notice.by, limit=notice.limit)


def page_beside(summaries: Sequence[Summary], now: datetime) -> ProtectionBeside:
    """Return what a page has beside its VMs: the sum of the tenants' counts, and the oldest inventory."""
    counts = {state: sum(one.counts.get(state, 0) for one in summaries) for state in State}
    inventory = min((one.inventory for one in summaries if one.inventory is not None), default=None)
    reconciled = max((one.reconciled for one in summaries if one.reconciled is not None), default=None)
    return ProtectionBeside(
        summary=SummaryBody(
            virtual_machines=sum(counts.values()),
            protected=counts[State.PROTECTED],
            breached=counts[State.BREACHED],
            pending=counts[State.PENDING],
            unprotected=counts[State.UNPROTECTED],
            orphans=counts[State.ORPHAN],
            drift=sum(one.drift for one in summaries),
        ),
        as_of=AsOfBody(ledger=now, inventory=inventory, reconciled=reconciled),
        warnings=(_stale(),) if inventory is not None and now - inventory > _STALE else (),
    )


def _stale() -> ProtectionWarning:
    return ProtectionWarning(code="InventoryStale", message="The inventory is older than a day: Azure did not answer. VMs may be missing.")


def _machine_near(record: ProtectionRecord) -> Iterator[ProtectionWarning]:
    if (record.restore_points or 0) >= LIMITS_NEAR[0]:
        message = f"The VM has {record.restore_points} restore points; Azure keeps {_MOST_RESTORE_POINTS}."
        yield ProtectionWarning(code="LimitNear", message=message, target="restorePoints")


def _near(target: RegionRecord) -> ProtectionWarning:
    message = f"There are {target.usable_copies} usable copies in {target.region}; Azure keeps {_MOST_RESTORE_POINTS} restore points."
    return ProtectionWarning(code="LimitNear", message=message, target=target.region)
