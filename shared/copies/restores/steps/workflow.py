"""The workflow of a restore and of a drill: what is intended is recorded before it is made.

    planning ► makingDisks ► booting ► verifying ► (the end of a real restore)
                                           └► standing ► cleaningUp      of a drill
                                           └► cleaningUp                 of what a real restore could not make whole

A drill's clean-up that a person asks for begins at the next step, whichever it is. Each step may be run again from its first line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.clock import Clock
from shared.copies.restores.accepting.looking import Looking
from shared.copies.restores.accepting.service import subjects_of
from shared.copies.restores.evidence import Evidence
from shared.copies.restores.request import OnFailure, RestoreKind, request_of, stored_of
from shared.copies.restores.rules.documents import fills_slowly
from shared.copies.restores.rules.groups import due_group, may_fill, problem_at_end, verified
from shared.copies.restores.rules.names import suffix_of
from shared.copies.restores.state import CLEANING, MachineDetail, Part, ResourceState, RestoredState, detail_of
from shared.copies.restores.steps.booting import Booting
from shared.copies.restores.steps.claim import RestoreClaim, step
from shared.copies.restores.steps.cleaning import Cleaning
from shared.copies.restores.steps.making import Making
from shared.copies.restores.steps.patience import patiently
from shared.copies.restores.trail import RestoreTrail
from shared.errors import ErrorCode, Problem
from shared.operations.accepting.locks import Locks
from shared.operations.model.amending import Amendments
from shared.operations.model.models import Operation, Status
from shared.operations.model.rows import Active
from shared.operations.model.store import Store
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.operations.running.workflow import Workflow
from shared.values.absence import BETWEEN_LOOKS, not_shown

_SOON = timedelta(seconds=10)
_BOOT_LOOK = timedelta(seconds=20)
_AT_ONCE = 20
"""How many PUTs one run of a step sends."""
_COPY_LOCK = "copy|"


@dataclass(frozen=True, slots=True)
class RestoreSteps:
    """The steps."""

    looking: Looking
    making: Making
    booting_steps: Booting
    cleaning: Cleaning
    evidence: Evidence
    trail: RestoreTrail
    store: Store
    amendments: Amendments
    locks: Locks
    clock: Clock

    async def planning(self, restore: RestoreClaim) -> Outcome:
        """Check the request by a fresh read of Azure, and record everything that is to be made."""
        if restore.stored.refused is not None:
            return End(Status.FAILED, restore.stored.refused)
        held = await self.locks.take(list(restore.locks), restore.id)
        if held is not None:
            message = f"Operation {held.owner} is working on the same resource. Wait until it has ended."
            return End(Status.FAILED, Problem(ErrorCode.SCOPE_BUSY, message, held.name))
        request, sources = restore.request, restore.stored.sources
        looked = await self.looking.look(restore.tenant, request, sources, suffix_of(restore.id), restore.id)
        if looked.problem_of_request is not None:
            return End(Status.FAILED, looked.problem_of_request)
        if looked.problem is not None:
            return self._refused(restore, looked.problem)
        restore.state.forget("absence")
        restore.detail.region = looked.seen.region
        restore.list_by(looked.seen.region)
        restore.detail.machines = tuple(machine for machine in looked.machines if machine is not None)
        return Next("makingDisks")

    def _refused(self, restore: RestoreClaim, problem: Problem) -> Outcome:
        """End with a check that failed, once it has for ten minutes: one read may hide a resource, or show it in an unknown state."""
        now = self.clock.now()
        restore.state.absence = absence = not_shown(restore.state.absence, now)
        return End(Status.FAILED, problem) if absence.lasts_long_enough(now) else Wait(now + BETWEEN_LOOKS)

    async def making_disks(self, restore: RestoreClaim) -> Outcome:
        """Make the disks of all machines, and wait until Azure has made each whole."""
        sent = await self._send_disks(restore)
        if sent >= _AT_ONCE:
            return Next("makingDisks")
        waits = False
        for position in range(len(restore.detail.machines)):
            waits = await self._look_at_disks(restore, position) or waits
        restore.show_percent(_percent(restore.detail.machines))
        if waits:
            return Wait(self.clock.now() + _SOON)
        restore.detail.disks_at = restore.detail.disks_at or self.clock.now()
        for lock in restore.locks:
            if lock.startswith(_COPY_LOCK):
                restore.drop(lock)
        return Next("booting")

    async def _send_disks(self, restore: RestoreClaim) -> int:
        sent, filling = 0, _filling(restore)
        for position, machine in enumerate(restore.detail.machines):
            for number, resource in enumerate(machine.resources):
                if resource.part is not Part.DISK or resource.state is not ResourceState.INTENDED:
                    continue
                if restore.detail.machines[position].failed or sent >= _AT_ONCE:
                    break
                source = _slow_source(restore, machine, resource.lun)
                if source is not None:
                    if not may_fill(source, filling):
                        continue
                    filling.append(source)
                if machine.state is RestoredState.WAITING:
                    restore.detail.replace_machine(position, state=RestoredState.MAKING_DISKS)
                await self.making.make(restore, position, number)
                sent += 1
        return sent

    async def _look_at_disks(self, restore: RestoreClaim, position: int) -> bool:
        """Look at the disks of a machine; return whether some are not whole yet."""
        for number, resource in enumerate(restore.detail.machines[position].resources):
            made = resource.state is ResourceState.MADE and not resource.ready
            if resource.part is Part.DISK and made and not restore.detail.machines[position].failed:
                await self.making.look(restore, position, number)
        machine = restore.detail.machines[position]
        if machine.failed:
            return False
        if not all(disk.ready for disk in machine.parts(Part.DISK)):
            return True
        if machine.disks_at is None:
            boots = restore.request.kind is RestoreKind.VIRTUAL_MACHINE
            state = RestoredState.WAITING if boots else RestoredState.READY
            restore.detail.replace_machine(position, disks_at=self.clock.now(), state=state)
        return False

    async def booting(self, restore: RestoreClaim) -> Outcome:
        """Make interfaces and machines, group by group; the next one begins once each machine is ready, or its time is over."""
        group = due_group(restore.detail.machines) if restore.request.kind is RestoreKind.VIRTUAL_MACHINE else None
        if group is None:
            return Next("verifying")
        for position, machine in enumerate(restore.detail.machines):
            if machine.group == group and not machine.settled:
                await self.booting_steps.advance(restore, position)
        restore.show_percent(_percent(restore.detail.machines))
        if all(machine.settled for machine in restore.detail.machines if machine.group == group):
            return Next("booting")
        return Wait(self.clock.now() + _BOOT_LOOK)

    async def verifying(self, restore: RestoreClaim) -> Outcome:
        """Record what the checks have shown, and what follows from it."""
        request, detail = restore.request, restore.detail
        now = self.clock.now()
        detail.checked_at = detail.checked_at or now
        detail.verified = verified(detail.machines, request.wait_for, boots=request.kind is RestoreKind.VIRTUAL_MACHINE)
        problem = problem_at_end(detail.machines)
        if problem is None:
            detail.ready_at = detail.ready_at or now
        restore.state.problem = problem
        if request.drill:
            restore.state.kept_until = restore.state.kept_until or now + request.kept_for
            return Next("standing")
        if problem is not None and request.on_failure is OnFailure.CLEAN_UP and any(machine.failed for machine in detail.machines):
            return Next(CLEANING)
        return _end(problem)

    async def standing(self, restore: RestoreClaim) -> Outcome:
        """Keep a drill for as long as it was asked for."""
        until = restore.state.kept_until
        return Wait(until) if until is not None and until > self.clock.now() else Next(CLEANING)

    async def cleaning_up(self, restore: RestoreClaim) -> Outcome:
        """Delete what is in the record and bears the restore's tag, until Azure has none of it."""
        restore.take_clean_up()
        if not restore.detail.machines:
            await self._load_remains(restore)
        wait = await self.cleaning.clean(restore)
        if wait is not None:
            return wait
        restore.detail.cleaned_up = True
        if restore.stored.clean_up_of is not None:
            shown = {name: restore.detail.stored[name] for name in ("machines", "cleanedUp")}
            await self.amendments.add_to_detail(restore.stored.clean_up_of, shown)
            return End(Status.SUCCEEDED)
        if restore.request.drill:
            if restore.detail.checked_at is None and restore.state.problem is None:
                message = "The drill was cleaned up by a person before its checks had ended."
                restore.state.problem = Problem(ErrorCode.DRILL_SKIPPED, message)
            await self.evidence.record(restore)
        return _end(restore.state.problem)

    async def _load_remains(self, restore: RestoreClaim) -> None:
        """Take over the record of the failed restore whose remains are deleted."""
        failed = await self.store.get(restore.made_by)
        if failed is None:
            raise LookupError(f"the restore {restore.made_by} is missing")
        record = detail_of(failed)
        restore.detail.region, restore.detail.machines = record.region, record.machines

    async def finished(self, row: Active) -> None:
        """Record the end in the trail, and that its VMs are no longer in a drill; again with each announcement."""
        await self.evidence.end(row.tenant, row.id)
        await self.trail.ended(row.id, row.status)


def _end(problem: Problem | None) -> End:
    return End(Status.SUCCEEDED if problem is None else Status.FAILED, problem)


def _slow_source(restore: RestoreClaim, machine: MachineDetail, lun: int | None) -> str | None:
    """Return the disk restore point of a disk that is filled slowly; None for any other."""
    spec = restore.spec(machine)
    disk = next(disk for disk in spec.was.disks if disk.lun == lun)
    return disk.restore_point_id.lower() if fills_slowly(spec.sku_of(disk)) else None


def _filling(restore: RestoreClaim) -> list[str]:
    """Return the sources of the slowly filled disks that are in the making."""
    return [
        source
        for machine in restore.detail.machines
        for disk in machine.parts(Part.DISK)
        if disk.state is ResourceState.MADE and not disk.ready and (source := _slow_source(restore, machine, disk.lun)) is not None
    ]


def _percent(machines: Sequence[MachineDetail]) -> int:
    resources = [resource for machine in machines for resource in machine.resources]
    done = sum(1 for resource in resources if resource.ready)
    return min(95, 95 * done // max(1, len(resources)))


def restore_workflow(steps: RestoreSteps) -> Workflow:
    """Return the workflow of a restore."""
    return Workflow(
        steps={
            "planning": step(steps.planning),
            "makingDisks": step(patiently("makingDisks", steps.making_disks, steps.clock)),
            "booting": step(patiently("booting", steps.booting, steps.clock)),
            "verifying": step(steps.verifying),
            "standing": step(steps.standing),
            CLEANING: step(patiently(CLEANING, steps.cleaning_up, steps.clock), diverts=False),
        },
        on_finished=steps.finished,
        subjects=_subjects,
    )


def _subjects(operation: Operation) -> Sequence[str]:
    """Return the ids of what a restore works with, which belong to the operation's tenant."""
    request, stored = request_of(operation), stored_of(operation)
    known = [one for source in stored.sources for one in (source.restore_point_id, source.virtual_machine_id) if one is not None]
    return list(dict.fromkeys([*known, *(str(id_) for _, id_ in subjects_of(request))]))
