"""Accepts public ports of machines that are opened and closed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.access.principal import not_found
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Refused
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.models import Operation
from shared.values.reading import same_text
from shared.virtual_machines.accepting.changes import ChangeRequest, MachineChanges
from shared.virtual_machines.answers import MachinePort
from shared.virtual_machines.reading.asking import reading_azure, unless_silent
from shared.virtual_machines.reading.machines import MachineReader, lock_of
from shared.virtual_machines.reading.ports import PortReader, PortSurroundings
from shared.virtual_machines.requests.machine import Port
from shared.virtual_machines.rules.ports import OpenPort, port_in_the_way


@dataclass(frozen=True, slots=True)
class PortChanges:
    """Accepts ports."""

    acceptance: Acceptance
    changes: MachineChanges
    machines: MachineReader
    reader: PortReader

    async def add(self, request: ChangeRequest, port: Port) -> Operation:
        """Accept a port; refuses with `NotOffered`, `NotOurs`, `PortTaken`. What Azure does not show in time is left to the operation."""
        known = await self.acceptance.known(request.as_operation())
        if known is not None:
            return known
        plan = await self.machines.plan(request.tenant)
        if plan is not None and not plan.ports:
            raise Refused(ErrorCode.NOT_OFFERED, "The hosting plan offers no public ports.", target="ports")
        machine, found = await self._found(request)
        if found is None:
            return await self._accept(request, machine)
        wanted = OpenPort(port.protocol, port.port, port.local_port, found.machine.name, port.name)
        other = port_in_the_way(wanted, found.balancer.ports if found.balancer is not None else ())
        if other is not None:
            raise Refused(ErrorCode.PORT_TAKEN, f"The port {other.port} is taken by the machine '{other.machine}'.", target="port")
        return await self._accept(request, machine)

    async def remove(self, request: ChangeRequest, port: str) -> Operation:
        """Accept the removal of a port; refuses with `NotFound`, `NotOurs`."""
        known = await self.acceptance.known(request.as_operation())
        if known is not None:
            return known
        machine, found = await self._found(request)
        if found is None:
            return await self._accept(request, machine)
        shown_ports: list[MachinePort] | None = None
        with unless_silent():
            shown_ports = await self.reader.ports(request.tenant, request.named)
        if shown_ports is not None:
            _require_own(shown_ports, port)
        return await self._accept(request, machine)

    async def _found(self, request: ChangeRequest) -> tuple[ResourceId, PortSurroundings | None]:
        """Return the machine and its network, None where Azure does not show them in time: the operation finds what is wrong."""
        machine, facts = await self.changes.own(request)
        if facts is None:
            return machine, None
        found: PortSurroundings | None = None
        with unless_silent():
            async with reading_azure():
                found = await self.reader.surroundings(facts)
            if found is None and facts.adapters:
                return machine, None
            if found is None or not found.is_made_by_farshore or found.others_balancer:
                message = "Farshore did not make the adapter, the security group or the balancer of this machine, and does not change them."
                raise Refused(ErrorCode.NOT_OURS, message, target=facts.name)
        return machine, found

    async def _accept(self, request: ChangeRequest, machine: ResourceId) -> Operation:
        new = replace(request.as_operation(), data={"machine": str(machine)}, locks=(lock_of(machine),))
        return (await self.acceptance.accept(new)).operation


def _require_own(ports: Sequence[MachinePort], port: str) -> None:
    """Refuse with `NotFound` a port that there is none of, and with `NotOurs` one of others."""
    shown = next((one for one in ports if same_text(one.name, port)), None)
    if shown is None:
        raise not_found(f"port '{port}'")
    if not shown.is_ours:
        raise Refused(ErrorCode.NOT_OURS, f"Farshore did not make the port '{port}'.", target="port")
