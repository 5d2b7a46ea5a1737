"""Makes the resources of a restore and deletes them, each by an effect with its own look.

What a PUT makes bears the restore's tag, and its name ends in the restore's id; a VM is made with If-None-Match. What is deleted is in the
record and bears the tag.
"""

from dataclasses import dataclass
from typing import Any

from shared.arm.failures import code_of, problem_of_call, refusal_problem
from shared.clock import Clock
from shared.copies.restores.gateway import RestoreGateway
from shared.copies.restores.reading import tags_in
from shared.copies.restores.rules.documents import disk_document, interface_document, machine_document
from shared.copies.restores.rules.names import RESTORE_TAG
from shared.copies.restores.state import MachineDetail, Part, ResourceDetail, ResourceState, RestoredState
from shared.copies.restores.steps.claim import MAKE, RestoreClaim
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.crash_points import crash_point
from shared.operations.model.models import Intent
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.timings import Timings
from shared.values.reading import Json, an_object, number, text

_MADE_HARMLESS = "its name ends in the restore's id and a VM is sent with If-None-Match: a late PUT meets what the restore made"
_GONE_HARMLESS = "its name ends in the restore's id, so that a second DELETE finds nothing else, and it bore the tag"
_FAILED = frozenset({"failed", "canceled", "cancelled"})
_WAITS = frozenset({FailureKind.THROTTLED, FailureKind.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class Making:
    """Makes, looks at and deletes resources."""

    gateway: RestoreGateway
    clock: Clock
    timings: Timings

    async def make(self, restore: RestoreClaim, position: int, number: int) -> None:
        """Send the PUT of a resource; a definite refusal fails its machine."""
        machine = restore.detail.machines[position]
        resource = machine.resources[number]
        body = _document(restore, machine, resource)

        async def send(request_id: str) -> str | None:
            crash_point("restore.intended")
            return await self.gateway.put(resource.resource, body, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self.gateway.get(resource.resource)
            if found is None:
                return Absent()
            if is_own(found, restore.id):
                return Started(None)
            message = f"There is another '{resource.resource.name}' already."
            raise CallFailure(FailureKind.REFUSED, code=ErrorCode.NAME_TAKEN, message=message, status=409)

        try:
            url = await restore.perform(Effect(f"{MAKE}{position}.{number}", send, look, _MADE_HARMLESS))
        except CallFailure as failure:
            if failure.kind in _WAITS:
                raise
            self.fail(restore, position, _refused(failure, machine))
            return
        restore.detail.replace_resource(position, number, state=ResourceState.MADE, operation_url=url)
        crash_point("restore.made")

    async def look(self, restore: RestoreClaim, position: int, number: int) -> None:
        """Look whether Azure has made a disk or an interface whole; a failed provisioning fails its machine."""
        machine = restore.detail.machines[position]
        resource = machine.resources[number]
        try:
            body = await self.gateway.get(resource.resource)
        except CallFailure as failure:
            if failure.kind is not FailureKind.REFUSED:
                raise
            self.fail(restore, position, problem_of_call(failure, resource.id))
            return
        if body is None:
            return  # Azure also answers 404 for what is there
        state = (text(an_object(body, "properties"), "provisioningState") or "").lower()
        if state in _FAILED:
            self.fail(restore, position, await self._later_failure(resource))
        elif state == "succeeded" and _has_arrived(body):
            restore.detail.replace_resource(position, number, ready=True, operation_url=None)
        crash_point("restore.looked")

    async def _later_failure(self, resource: ResourceDetail) -> Problem:
        """Return why a resource that Azure had accepted could not be made."""
        error = await self.gateway.error_of_operation(resource.operation_url)
        if error is None:
            message = f"Azure could not make {resource.resource.name}: its provisioning has failed."
            return Problem(ErrorCode.PROVISIONING_FAILED, message, resource.id)
        code = code_of(error)
        return refusal_problem(error, ErrorCode.PROVISIONING_FAILED if code is ErrorCode.AZURE_REFUSED else code, resource.id)

    def fail(self, restore: RestoreClaim, position: int, problem: Problem) -> None:
        """Record that a machine could not be made."""
        restore.detail.replace_machine(position, state=RestoredState.FAILED, error=problem)

    async def delete(self, restore: RestoreClaim, position: int, number: int) -> None:
        """Send the DELETE of a resource; a refusal is noted with its reason, and so is the failure of an earlier DELETE after its start."""
        resource = restore.detail.machines[position].resources[number]
        error = await self.gateway.error_of_operation(resource.operation_url) if resource.deleting else None

        async def send(request_id: str) -> str | None:
            return await self.gateway.delete(resource.resource, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self.gateway.get(resource.resource)
            return Started(None) if found is None or is_deleting(found) else Absent()

        try:
            url = await restore.perform(Effect(f"delete.{position}.{number}", send, look, _GONE_HARMLESS))
        except CallFailure as failure:
            if failure.kind in _WAITS:
                raise
            restore.detail.replace_resource(position, number, reason=f"{failure.code}: {failure.message}")
            return
        reason = f"{error.code}: {error.message}" if error is not None else None
        restore.detail.replace_resource(position, number, deleting=True, operation_url=url, reason=reason)
        crash_point("restore.deleted")


def is_own(body: Json, operation: str) -> bool:
    """Return whether a resource bears the tag of a restore."""
    return tags_in(body).get(RESTORE_TAG) == operation


def is_deleting(body: Json) -> bool:
    """Return whether Azure is deleting a resource."""
    return (text(an_object(body, "properties"), "provisioningState") or "").lower() == "deleting"


def _document(restore: RestoreClaim, machine: MachineDetail, resource: ResourceDetail) -> dict[str, Any]:
    spec = restore.spec(machine)
    if resource.part is Part.DISK:
        disk = next(disk for disk in spec.was.disks if disk.lun == resource.lun)
        return disk_document(spec, disk)
    if resource.part is Part.INTERFACE:
        return interface_document(spec)
    disks = {disk.lun: disk.id for disk in machine.parts(Part.DISK)}
    return machine_document(spec, disks, machine.parts(Part.INTERFACE)[0].id)


def _refused(failure: CallFailure, machine: MachineDetail) -> Problem:
    target = f"machines[{machine.index}]"
    if failure.code == ErrorCode.NAME_TAKEN:
        return Problem(ErrorCode.NAME_TAKEN, failure.message, f"{target}.name")
    return problem_of_call(failure, target)


def _has_arrived(body: Json) -> bool:
    """Return whether the data of a disk has arrived: 100 %, or where Azure shows none."""
    percent = number(an_object(body, "properties"), "completionPercent")
    return percent is None or percent >= 100
