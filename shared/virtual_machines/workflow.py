"""The workflow of the kind `virtualMachine`: the steps of its actions, and the checks that follow them.

Every action begins with `beginning`: there the core reads whether the tenant still owns what it is about.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.access.records.tenant import Backend
from shared.clock import Clock
from shared.operations.model.models import Operation
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, Next, Outcome, Unread
from shared.operations.running.workflow import Workflow
from shared.virtual_machines.access import steps as access
from shared.virtual_machines.access.steps import AccessSteps
from shared.virtual_machines.gateway import Gateways
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.reprovisioning import planning as reprovisioning
from shared.virtual_machines.reprovisioning.steps import ReprovisioningSteps
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps import creating, deleting, disks, estate, ports, power, updating
from shared.virtual_machines.steps.creating import CreationSteps, check_creations
from shared.virtual_machines.steps.deleting import DeletionSteps, check_deletions
from shared.virtual_machines.steps.disks import DiskSteps
from shared.virtual_machines.steps.estate import EstateSteps
from shared.virtual_machines.steps.following import state_of
from shared.virtual_machines.steps.patience import checked_patiently, patiently
from shared.virtual_machines.steps.ports import PortSteps
from shared.virtual_machines.steps.power import PowerSteps, check_power
from shared.virtual_machines.steps.tidying import TidyingSteps
from shared.virtual_machines.steps.updating import UpdateSteps

BEGINNING = "beginning"
_FIRST: Mapping[Action, str] = {
    Action.CREATE: creating.ADMITTING,
    Action.UPDATE: updating.READY,
    Action.DELETE: deleting.NOTING,
    Action.START: power.POWERING,
    Action.SHUT_DOWN: power.POWERING,
    Action.RESTART: power.POWERING,
    Action.ADD_DATA_DISK: disks.MAKING,
    Action.MODIFY_DATA_DISK: disks.MODIFYING,
    Action.REMOVE_DATA_DISK: disks.DETACHING,
    Action.ADD_PORT: ports.OPENING,
    Action.REMOVE_PORT: ports.CLOSING,
    Action.CAPTURE: estate.DEALLOCATING,
    Action.CREATE_SERVICE: estate.SERVICE,
    Action.CREATE_IMAGE: estate.IMAGE,
    Action.DELETE_IMAGE: estate.REMOVING,
    Action.DELETE_DISK: estate.REMOVING,
    Action.GRANT_ACCESS: access.GRANTING,
    Action.REVOKE_ACCESS: access.REVOKING,
}
"""The first step of each action."""


_CHECKS = {power.FOLLOWING: check_power, creating.PROVISIONING: check_creations, deleting.FOLLOWING: check_deletions}


@dataclass(frozen=True, slots=True)
class MachineSteps:
    """The steps of all actions."""

    power: PowerSteps
    creation: CreationSteps
    deletion: DeletionSteps
    tidying: TidyingSteps
    disks: DiskSteps
    estate: EstateSteps
    ports: PortSteps
    updates: UpdateSteps
    access: AccessSteps
    reprovisioning: ReprovisioningSteps


@dataclass(frozen=True, slots=True)
class MachineChecks:
    """The checks of operations on machines."""

    gateways: Gateways
    clock: Clock

    async def check(self, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
        """Check operations side by side, those of one step together."""
        by_step: dict[str, list[Active]] = defaultdict(list)
        for row in rows:
            by_step[row.step].append(row)
        gateway, found = self.gateways[Backend.RESOURCE_MANAGER], dict[str, Checked | Unread]()
        for step, members in by_step.items():
            read, now = await _CHECKS[step](gateway, self.clock, members), self.clock.now()
            found |= {row.id: checked_patiently(state_of(row), step, read[row.id], now) for row in members}
        return found


def machine_workflow(steps: MachineSteps, checks: MachineChecks, release: Callable[[Active], Awaitable[None]]) -> Workflow:
    """Return the workflow; `release` gives back what an operation reserved."""
    by_name = patiently(
        {
            BEGINNING: _beginning,
            power.POWERING: steps.power.powering,
            power.FOLLOWING: steps.power.following,
            power.FINISHING: steps.power.finishing,
            creating.ADMITTING: steps.creation.admitting,
            creating.PREPARING: steps.creation.preparing,
            creating.CREATING: steps.creation.creating,
            creating.PROVISIONING: steps.creation.provisioning,
            creating.FINISHING: steps.creation.finishing,
            deleting.NOTING: steps.deletion.noting,
            deleting.KEEPING: steps.deletion.keeping,
            deleting.DELETING: steps.deletion.deleting,
            deleting.FOLLOWING: steps.deletion.following,
            disks.MAKING: steps.disks.making_disk,
            disks.ATTACHING: steps.disks.attaching,
            disks.MODIFYING: steps.disks.modifying,
            disks.DETACHING: steps.disks.detaching,
            disks.DELETING: steps.disks.deleting,
            estate.SERVICE: steps.estate.creating_service,
            estate.IMAGE: steps.estate.making_image,
            estate.REMOVING: steps.estate.removing,
            estate.DEALLOCATING: steps.estate.deallocating,
            estate.GENERALIZING: steps.estate.generalizing,
            estate.IMAGING: steps.estate.imaging,
            reprovisioning.PLANNING: steps.reprovisioning.planning,
            deleting.CLEARING: steps.reprovisioning.clearing,
            reprovisioning.CLOSING: steps.reprovisioning.closing,
            ports.OPENING: steps.ports.opening,
            ports.CLOSING: steps.ports.closing,
            ports.LEAVING: steps.ports.leaving,
            updating.READY: steps.updates.making_ready,
            updating.UPDATING: steps.updates.updating,
            updating.STARTING: steps.updates.starting,
            access.GRANTING: steps.access.granting,
            access.REOPENING: steps.access.reopening,
            access.STORING: steps.access.storing,
            access.REVOKING: steps.access.revoking,
            creating.TIDYING: steps.tidying.tidying,
        },
        checks.clock,
    )
    return Workflow(by_name, check=checks.check, subjects=_subjects, tidying=creating.TIDYING, on_finished=release)


async def _beginning(claim: Claim) -> Outcome:
    """Go on with the first step of the action."""
    return Next(_FIRST[Action(claim.operation.action or "")])


def _subjects(operation: Operation) -> tuple[str, ...]:
    state = MachineState.of(dict(operation.data))
    return tuple(str(one) for one in (state.machine, state.subject) if one is not None)
