"""Makes the interface and the VM of a machine whose disks are there, and looks until it is ready."""

from dataclasses import dataclass

from shared.clock import Clock
from shared.copies.restores.gateway import RestoreGateway
from shared.copies.restores.rules.groups import is_ready
from shared.copies.restores.rules.readiness import MachineView, read_view
from shared.copies.restores.state import Part, ResourceState, RestoredState
from shared.copies.restores.steps.claim import RestoreClaim
from shared.copies.restores.steps.making import Making
from shared.errors import Problem
from shared.operations.crash_points import crash_point


@dataclass(frozen=True, slots=True)
class Booting:
    """Advances one machine at a time."""

    gateway: RestoreGateway
    making: Making
    clock: Clock

    async def advance(self, restore: RestoreClaim, position: int) -> None:
        """Do what is next for a machine: its interface, its VM, a look at it."""
        for number, resource in enumerate(restore.detail.machines[position].resources):
            if resource.part is Part.DISK or resource.ready:
                continue
            if resource.state is ResourceState.INTENDED:
                if resource.part is Part.MACHINE and restore.detail.machines[position].booting_since is None:
                    restore.detail.replace_machine(position, state=RestoredState.BOOTING, booting_since=self.clock.now())
                await self.making.make(restore, position, number)
                return
            if resource.part is Part.MACHINE:
                await self._look(restore, position, number)
                return
            await self.making.look(restore, position, number)
            if not restore.detail.machines[position].resources[number].ready:
                return

    async def _look(self, restore: RestoreClaim, position: int, number: int) -> None:
        machine = restore.detail.machines[position]
        body = await self.gateway.get(machine.resources[number].resource, "instanceView")
        if body is not None:
            self._judge(restore, position, number, read_view(body))
        machine, now = restore.detail.machines[position], self.clock.now()
        if not machine.settled and machine.booting_since is not None and now >= machine.booting_since + restore.request.boot_timeout:
            restore.detail.replace_machine(position, state=RestoredState.NOT_READY)
        crash_point("restore.looked")

    def _judge(self, restore: RestoreClaim, position: int, number: int, view: MachineView) -> None:
        restore.detail.replace_machine(position, power_state=view.power, agent=view.agent)
        if view.failure is not None:
            index = restore.detail.machines[position].index
            problem = Problem(view.failure.code, view.failure.message, f"machines[{index}]", view.failure.details)
            self.making.fail(restore, position, problem)
        elif view.provisioned and is_ready(restore.request.wait_for, view.power, view.agent):
            restore.detail.replace_resource(position, number, ready=True)
            restore.detail.replace_machine(position, state=RestoredState.READY, ready_at=self.clock.now())
