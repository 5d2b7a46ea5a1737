"""Deletes what a restore made: each resource only if it is in the record and bears the restore's tag, looked at until Azure answers 404.

A 404 may be wrong, and a PUT of unknown outcome may arrive late: the clean-up ends once a series of looks, spread over ten minutes, shows
none of the resources, and nothing can arrive any more.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from shared.clock import Clock
from shared.copies.restores.gateway import RestoreGateway
from shared.copies.restores.rules.groups import may_be_deleted
from shared.copies.restores.state import MachineDetail, Part, ResourceDetail, ResourceState, RestoredState
from shared.copies.restores.steps.claim import RestoreClaim
from shared.copies.restores.steps.making import Making, is_deleting, is_own
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.operations.running.outcomes import Wait
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.reading import Json

_SOON = timedelta(seconds=15)
_BLOCKED_LOOK = timedelta(minutes=1)
_RESERVED_FOR = timedelta(minutes=10)
"""How long a deletion may be refused for other reasons than a lock or a right: Azure keeps the adapter of a failed machine for minutes."""
_PERSON = ("scopelocked", "authorizationfailed", "linkedauthorizationfailed")
_ORDER = (Part.MACHINE, Part.INTERFACE, Part.DISK)
Where = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cleaning:
    """Deletes what a restore made."""

    gateway: RestoreGateway
    making: Making
    clock: Clock

    async def clean(self, restore: RestoreClaim) -> Wait | None:
        """Delete what may be deleted; None once Azure shows none of it any more."""
        restore.note_late()
        wanted = await self._wanted(restore)
        found = await asyncio.gather(*(self._read(_resource(restore, where)) for where in wanted))
        there: dict[Where, Json] = {}
        unread: list[Where] = []
        for where, body in zip(wanted, found, strict=True):
            if isinstance(body, CallFailure):
                unread.append(where)
                restore.detail.replace_resource(*where, reason=f"{body.code}: {body.message}")
            elif body is None or not is_own(body, restore.made_by):
                restore.detail.replace_resource(*where, state=ResourceState.DELETED, reason=None)
            else:
                there[where] = body
                restore.detail.replace_resource(*where, state=ResourceState.MADE)
        if not there and not unread:
            return self._absent(restore)
        restore.state.forget("absence")
        await self._delete(restore, there)
        return self._next_look(restore, [*unread, *(where for where in there if _resource(restore, where).reason is not None)])

    async def _read(self, resource: ResourceDetail) -> Json | CallFailure | None:
        """Read a resource; a read that Azure refuses, for a missing right, is returned: then nothing is known of the resource."""
        try:
            return await self.gateway.get(resource.resource)
        except CallFailure as failure:
            if failure.kind is not FailureKind.REFUSED:
                raise
            return failure

    async def _wanted(self, restore: RestoreClaim) -> list[Where]:
        """Return the resources that may be deleted: VMs first, then interfaces, then disks."""
        drill, machines = restore.request.drill, restore.detail.machines
        if not drill:
            await self._keep_whole_machines(restore)
            machines = restore.detail.machines
        found = [
            (position, number)
            for position, machine in enumerate(machines)
            for number, resource in enumerate(machine.resources)
            if may_be_deleted(machine, resource, drill=drill)
        ]
        return sorted(found, key=lambda where: _ORDER.index(_resource(restore, where).part))

    async def _keep_whole_machines(self, restore: RestoreClaim) -> None:
        """Note the VMs of a real restore that are there after all: nothing of them is deleted."""
        for position, machine in enumerate(restore.detail.machines):
            for number, resource in enumerate(machine.resources):
                if resource.part is Part.MACHINE and machine.failed and resource.state is ResourceState.INTENDED:
                    body = await self.gateway.get(resource.resource)
                    if body is not None and is_own(body, restore.made_by):
                        restore.detail.replace_resource(position, number, state=ResourceState.MADE)

    async def _delete(self, restore: RestoreClaim, there: dict[Where, Json]) -> None:
        """Send the DELETEs that are due: interfaces and disks of a machine once its VM is gone."""
        for (position, number), body in there.items():
            machine = restore.detail.machines[position]
            resource = machine.resources[number]
            if is_deleting(body) or (resource.part is not Part.MACHINE and _has_machine(position, machine, there)):
                continue
            await self.making.delete(restore, position, number)

    def _next_look(self, restore: RestoreClaim, blocked: list[Where]) -> Wait:
        now = self.clock.now()
        if not blocked:
            restore.state.forget("blocked_since")
            return Wait(now + _SOON)
        since = restore.state.blocked_since = restore.state.blocked_since or now
        resources = [_resource(restore, where) for where in blocked]
        for_a_person = any((one.reason or "").lower().startswith(_PERSON) for one in resources)
        if not for_a_person and now - since < _RESERVED_FOR:
            return Wait(now + _BLOCKED_LOOK)
        names = ", ".join(f"{one.id} ({one.reason})" for one in resources[:10])
        message = f"{len(resources)} resources could not be deleted: {names}. It is tried again; remove the lock or give the right."
        return Wait(now + _BLOCKED_LOOK, attention=(str(ErrorCode.CLEAN_UP_BLOCKED), message))

    def _absent(self, restore: RestoreClaim) -> Wait | None:
        now, late = self.clock.now(), restore.state.late_until
        restore.state.forget("blocked_since")
        if not any(machine.resources for machine in restore.detail.machines):
            return None
        absence = restore.state.absence = not_shown(restore.state.absence, now)
        if late is not None and late > now:
            return Wait(max(late, now + BETWEEN_LOOKS))
        if not absence.lasts_long_enough(now):
            return Wait(now + BETWEEN_LOOKS)
        for position, machine in enumerate(restore.detail.machines):
            if restore.request.drill:
                state = machine.state if machine.failed else RestoredState.CLEANED
                restore.detail.replace_machine(position, state=state)
        return None


def _resource(restore: RestoreClaim, where: Where) -> ResourceDetail:
    position, number = where
    return restore.detail.machines[position].resources[number]


def _has_machine(position: int, machine: MachineDetail, there: dict[Where, Json]) -> bool:
    return any((position, number) in there for number, resource in enumerate(machine.resources) if resource.part is Part.MACHINE)
