"""Restores as callers see them: one, and the plan of a dry run."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from shared.copies.restores.accepting.looking import Looked
from shared.copies.restores.answers import (
    MachineBody,
    MachineTimings,
    PlanBody,
    RecoveryPoint,
    ResourceBody,
    RestoreBody,
    RestoreTimings,
    SourceBody,
)
from shared.copies.restores.request import ResolvedSource, RestoredMachine, RestoreKind, RestoreRequest, request_of, stored_of
from shared.copies.restores.rules.checks import checks_of, unknown_checks
from shared.copies.restores.rules.names import SHOWN, machine_name, suffix_of
from shared.copies.restores.state import MachineDetail, SourceDetail, detail_of, left_behind
from shared.operations.model.models import Operation, Status
from shared.values.canonical import canonical
from shared.values.reading import last_segment


def restore_body(operation: Operation) -> RestoreBody:
    """Return a restore as callers see it."""
    request, stored, detail = request_of(operation), stored_of(operation), detail_of(operation)
    machines = detail.machines or _intended(request, stored.sources, suffix_of(operation.id))
    checked, created = detail.checked_at, operation.created_at
    ready, disks = detail.ready_at, detail.disks_at
    return RestoreBody(
        id=operation.id,
        tenant=operation.tenant,
        status=operation.status,
        step="finished" if operation.status.ended else operation.step,
        percent_complete=100 if operation.status is Status.SUCCEEDED else operation.percent_complete,
        kind=request.kind,
        drill=request.drill,
        policy=stored.policy,
        reason=request.reason,
        requested_by=operation.actor,
        region=detail.region,
        machines=tuple(_machine(machine, operation) for machine in machines),
        recovery_point=_recovery_point(machines, created),
        timings=RestoreTimings(
            accepted_to_disks=int((disks - created).total_seconds()) if disks is not None else None,
            disks_to_ready=int((ready - disks).total_seconds()) if ready is not None and disks is not None else None,
        ),
        recovery_time_seconds=int((checked - created).total_seconds()) if checked is not None else None,
        verified=detail.verified,
        cleaned_up=detail.cleaned_up if detail.cleaned_up is not None or not request.drill else False,
        left_behind=tuple(left_behind(machines)) if operation.status.ended and operation.status is not Status.SUCCEEDED else (),
        attention=operation.attention,
        created_at=created,
        completed_at=operation.completed_at,
        error=operation.error,
    )


def plan_body(request: RestoreRequest, sources: Sequence[ResolvedSource], looked: Looked | None, now: datetime) -> PlanBody:
    """Return the plan of a dry run; without an answer of Azure in time all checks are unknown."""
    found = [machine for machine in looked.machines if machine is not None] if looked is not None else []
    machines = found or list(_intended(request, sources, SHOWN))
    bodies = tuple(_machine(machine, None) for machine in machines)
    decided = [body.model_dump(mode="json", exclude={"name", "resources"}) for body in bodies]
    return PlanBody(
        hash=hashlib.sha256(canonical({"machines": decided, "kind": request.kind.value})).hexdigest(),
        region=looked.seen.region or None if looked is not None else None,
        machines=bodies,
        recovery_point=_recovery_point(machines, now),
        checks=checks_of(looked.findings) if looked is not None else unknown_checks(),
    )


def _intended(request: RestoreRequest, sources: Sequence[ResolvedSource], suffix: str) -> tuple[MachineDetail, ...]:
    """Return the machines of a restore that is not planned yet; none for a drill that was refused before its sources were known.

    The name of one without a name is empty where only Azure shows of which VM its restore point is.
    """
    if not sources:
        return ()
    boots = request.kind is RestoreKind.VIRTUAL_MACHINE
    return tuple(
        MachineDetail(
            index=number,
            name=_name(machine, source, suffix),
            group=(machine.group or 1) if boots else None,
            source=SourceDetail(
                copy_id=source.copy_id,
                restore_point_id=source.restore_point_id,
                virtual_machine_id=source.virtual_machine_id,
                taken_at=source.taken_at,
            ),
        )
        for number, (machine, source) in enumerate(zip(request.machines, sources, strict=True))
    )


def _name(machine: RestoredMachine, source: ResolvedSource, suffix: str) -> str:
    vm = last_segment(source.virtual_machine_id)
    return machine_name(machine.name, vm, suffix) if machine.name is not None or vm else ""


def _machine(machine: MachineDetail, operation: Operation | None) -> MachineBody:
    disks, booting, ready = machine.disks_at, machine.booting_since, machine.ready_at
    return MachineBody(
        index=machine.index,
        name=machine.name,
        group=machine.group,
        source=SourceBody(
            copy_id=machine.source.copy_id,
            restore_point_id=machine.source.restore_point_id,
            virtual_machine_id=machine.source.virtual_machine_id,
            taken_at=machine.source.taken_at,
        ),
        state=machine.state,
        power_state=machine.power_state,
        agent=machine.agent,
        resources=tuple(ResourceBody(id=resource.id, state=resource.state) for resource in machine.resources),
        was=machine.was,
        not_restored=machine.not_restored,
        timings=MachineTimings(
            disks_seconds=int((disks - operation.created_at).total_seconds()) if disks is not None and operation is not None else None,
            boot_seconds=int((ready - booting).total_seconds()) if ready is not None and booting is not None else None,
        ),
        error=machine.error,
    )


def _recovery_point(machines: Sequence[MachineDetail], at: datetime) -> RecoveryPoint | None:
    moments = [machine.source.taken_at for machine in machines if machine.source.taken_at is not None]
    if not moments or len(moments) < len(machines):
        return None
    oldest, newest = min(moments), max(moments)
    age = int((at - oldest).total_seconds())
    return RecoveryPoint(oldest=oldest, newest=newest, spread_seconds=int((newest - oldest).total_seconds()), age_seconds=max(0, age))
