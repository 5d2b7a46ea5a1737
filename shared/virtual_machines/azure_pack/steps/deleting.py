"""The deletion of a machine, which is stopped first, and the ports of a machine."""

from dataclasses import dataclass
from uuid import UUID

from shared.azure_pack.odata.literals import Key
from shared.azure_pack.vmm.models import NewNatRule
from shared.clock import Clock
from shared.errors import ErrorCode, Problem
from shared.installations.machine_states import PowerState, power_state
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Outcome
from shared.virtual_machines.azure_pack.gateway import PackGateways, PackMachines
from shared.virtual_machines.azure_pack.rules import MachineCall
from shared.virtual_machines.azure_pack.state import PackState, PlannedPort, ended
from shared.virtual_machines.azure_pack.steps import names
from shared.virtual_machines.azure_pack.steps.calling import Calls, busy, effect_name

_OPEN = "pack.openPort"
_CLOSE = "pack.closePort"
_RUNS = frozenset({PowerState.RUNNING, PowerState.PAUSED})


@dataclass(frozen=True, slots=True)
class DeletionSteps:
    """The steps of deletions and of ports."""

    gateways: PackGateways
    calls: Calls
    clock: Clock

    async def deleting(self, claim: Claim) -> Outcome:
        """Stop a machine that runs, then delete it, until it is gone."""
        state = PackState.of(claim.data)
        if state.failure is not None:
            return ended(state, state.failure)
        place = await self.gateways.known(state.installation, state.subscription, state.user)
        intended = next((one for one in (MachineCall.STOP, MachineCall.DELETE) if claim.intends(effect_name(one))), None)
        if intended is None:
            machine = await place.machine(state.key)
            if machine is None:
                state.forget("power_state")
                return ended(state, None)
            now = power_state(machine.status_string)
            if now is PowerState.CHANGING:
                return busy(state, machine, self.clock)
            state.forget("waiting_since")
            if state.call is MachineCall.DELETE and state.job is not None and now not in _RUNS:
                problem = f"The machine is '{machine.status_string}' after its deletion, and Azure Pack gives no reason."
                return ended(state, Problem(ErrorCode.AZURE_PACK_REFUSED, problem, state.machine))
            intended = MachineCall.STOP if now in _RUNS else MachineCall.DELETE
        state.call = intended
        return await self.calls.begin(claim, state, place, intended, names.DELETING)

    async def port(self, claim: Claim) -> Outcome:
        """Open or close a port; a NAT rule has no job that matters."""
        state = PackState.of(claim.data)
        place = await self.gateways.known(state.installation, state.subscription, state.user)
        if state.port is None:
            raise ValueError("The operation has no port.")
        effect = _opening(place, state.port) if claim.operation.action == "addPort" else _closing(place, state.port)
        await claim.perform(effect)
        state.changed = True
        return ended(state, None)


def _opening(place: PackMachines, port: PlannedPort) -> Effect[None]:
    connection = Key(UUID(port.connection), UUID(port.stamp))

    async def send(_request_id: str) -> None:
        rule = NewNatRule(
            name=port.name, stamp=connection.stamp, connection=connection.id, external_port=port.external_port,
            internal_port=port.internal_port, internal_address=port.internal_address, protocol=port.protocol,
        )  # fmt: skip
        await place.open_port(rule)

    async def look(_intent: Intent) -> Started[None] | Absent:
        wanted = (port.external_port, port.internal_port, port.internal_address)
        rules = await place.rules(connection)
        there = any((one.external_port, one.internal_port, one.internal_address) == wanted for one in rules)
        return Started(None) if there else Absent()

    return Effect(_OPEN, send, look, "a port of the gateway that is in use is refused, and a look precedes each send")


def _closing(place: PackMachines, port: PlannedPort) -> Effect[None]:
    rule, connection = Key(UUID(port.rule or ""), UUID(port.stamp)), Key(UUID(port.connection), UUID(port.stamp))

    async def send(_request_id: str) -> None:
        await place.close_port(rule)

    async def look(_intent: Intent) -> Started[None] | Absent:
        return Absent() if any(one.id == rule.id for one in await place.rules(connection)) else Started(None)

    return Effect(_CLOSE, send, look, "a rule that is gone cannot be removed twice")
