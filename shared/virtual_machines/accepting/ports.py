"""Accepts public ports of machines that are opened and closed."""

from dataclasses import dataclass, replace

from shared.access.principal import not_found
from shared.errors import ErrorCode, Refused
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.models import Operation
from shared.values.reading import same_text
from shared.virtual_machines.accepting.changes import ChangeRequest, MachineChanges
from shared.virtual_machines.reading.asking import reading_azure
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
        """Accept a port; refuses with `NotOffered`, `NotOurs`, `PortTaken`."""
        known = await self.acceptance.known(request.as_operation())
        if known is not None:
            return known
        plan = await self.machines.plan(request.tenant)
        if plan is not None and not plan.ports:
            raise Refused(ErrorCode.NOT_OFFERED, "The hosting plan offers no public ports.", target="ports")
        found = await self._found(request)
        wanted = OpenPort(port.protocol, port.port, port.local_port, found.machine.name, port.name)
        other = port_in_the_way(wanted, found.balancer.ports if found.balancer is not None else ())
        if other is not None:
            raise Refused(ErrorCode.PORT_TAKEN, f"The port {other.port} is taken by the machine '{other.machine}'.", target="port")
        return await self._accept(request, found)

    async def remove(self, request: ChangeRequest, port: str) -> Operation:
        """Accept the removal of a port; refuses with `NotFound`, `NotOurs`."""
        known = await self.acceptance.known(request.as_operation())
        if known is not None:
            return known
        found = await self._found(request)
        async with reading_azure():
            ports = await self.reader.ports(request.tenant, request.named)
        shown = next((one for one in ports if same_text(one.name, port)), None)
        if shown is None:
            raise not_found(f"port '{port}'")
        if not shown.is_ours:
            raise Refused(ErrorCode.NOT_OURS, f"Farshore did not make the port '{port}'.", target="port")
        return await self._accept(request, found)

    async def _found(self, request: ChangeRequest) -> PortSurroundings:
        facts = await self.changes.own(request)
        async with reading_azure():
            found = await self.reader.surroundings(facts)
        if found is None and facts.adapters:
            message = f"Azure does not show the network of '{facts.name}' at present. Send the request again later."
            raise Refused(ErrorCode.SERVICE_UNAVAILABLE, message, retry_after=5)
        if found is None or not found.is_made_by_farshore or found.others_balancer:
            message = "Farshore did not make the adapter, the security group or the balancer of this machine, and does not change them."
            raise Refused(ErrorCode.NOT_OURS, message, target=facts.name)
        return found

    async def _accept(self, request: ChangeRequest, found: PortSurroundings) -> Operation:
        machine = found.machine.resource
        new = replace(request.as_operation(), data={"machine": str(machine)}, locks=(lock_of(machine),))
        return (await self.acceptance.accept(new)).operation
