"""Accepts changes of a machine's size, OS disk and tags."""

from dataclasses import dataclass, replace

from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.models import JsonObject, Operation
from shared.virtual_machines.accepting.changes import ChangeRequest, MachineChanges
from shared.virtual_machines.accepting.update_checks import UpdateChecks
from shared.virtual_machines.reading.asking import reading_azure, unless_silent
from shared.virtual_machines.reading.machines import lock_of
from shared.virtual_machines.requests.changes import UpdateMachine


@dataclass(frozen=True, slots=True)
class MachineUpdates:
    """Accepts updates."""

    acceptance: Acceptance
    changes: MachineChanges
    checks: UpdateChecks

    async def update(self, request: ChangeRequest, update: UpdateMachine) -> Operation:
        """Accept an update; refuses with 400 an unknown size or a smaller disk, with `NeedsInterruption` and `NeedsDeallocation`.

        What Azure does not show in time is left to the operation's first step.
        """
        new = request.as_operation()
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        machine, facts = await self.changes.own(request)
        data: JsonObject = {"machine": str(machine), "unchecked": True}
        if facts is not None:
            with unless_silent():
                async with reading_azure():
                    size, deallocates = await self.checks.require(request.tenant, update, facts)
                data = {"machine": str(machine), "size": size, "deallocates": deallocates}
        return (await self.acceptance.accept(replace(new, data=data, locks=(lock_of(machine),)))).operation
