"""Accepts changes of machines on Azure Pack, for HTTP and queue alike: what can be refused at once is refused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from uuid import UUID

from shared.access.principal import not_found
from shared.azure_pack.vmm.models import Checkpoint
from shared.errors import ErrorCode, Refused
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.resolving import Resolution, ResolvedAs, not_in_doubt
from shared.operations.model.models import Actor, JsonObject, Operation
from shared.operations.model.rows import Active
from shared.secrets.references import SecretReferences, VaultOwner
from shared.secrets.requests import Separated
from shared.values.reading import is_guid, same_text
from shared.virtual_machines.accepting.changes import ChangeRequest
from shared.virtual_machines.azure_pack.places import FoundMachine, PackPlaces, reading_pack, require_open
from shared.virtual_machines.azure_pack.reading import NetworkPorts, network_ports
from shared.virtual_machines.azure_pack.requests import (
    CreateCheckpoint,
    CreatePackMachine,
    DeletePackMachine,
    PackPort,
    UpdatePackMachine,
    not_supported,
)
from shared.virtual_machines.azure_pack.rules import CALLS, Decision, MachineCall, decide, refusal_code
from shared.virtual_machines.azure_pack.state import PlannedPort, lock_of
from shared.virtual_machines.azure_pack.steps.names import ADMITTING
from shared.virtual_machines.creation.azure_pack import plan_creation
from shared.virtual_machines.kinds import VIRTUAL_MACHINE, Action
from shared.virtual_machines.steps.power import RESOLUTION
from shared.web.documents import wrong

RESOLVED_ID = "resourceId"
"""The member of an input that names the machine that a creation of unknown outcome made."""
_OF_ROLES = frozenset({Action.DELETE, Action.UPDATE})
_Plan = Callable[[FoundMachine], Awaitable[JsonObject]]
"""What a change adds to the state of its operation, from the machine that was found; refuses what is not possible with it."""


@dataclass(frozen=True, slots=True)
class PackCreation:
    """A request for a machine: `sent` is its JSON without the plain secrets. `of_provider`: it may refer to the provider's key vault."""

    request: ChangeRequest
    body: CreatePackMachine
    sent: Separated
    of_provider: bool = False


@dataclass(frozen=True, slots=True)
class PackChanges:
    """Accepts changes. What Azure Pack does not answer in five seconds is refused with `ServiceUnavailable`."""

    acceptance: Acceptance
    commands: Commands
    locks: Locks
    places: PackPlaces
    references: SecretReferences

    async def create(self, creation: PackCreation) -> Operation:
        """Accept a creation; refuses with 400 and a detail for each field, `NotFound`, `AmbiguousName`, `DataCenterSuspended`."""
        request, body = creation.request, creation.body
        new = replace(request.as_operation(), first_step=ADMITTING, secrets=creation.sent.below("body"))
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        owner = VaultOwner(request.tenant.name, request.tenant.key_vault_url)
        await self.references.require(owner, creation.sent.references, of_provider=creation.of_provider)
        mapped = await self.places.only(request.tenant, body.subscription_id)
        password = creation.sent.secrets.get(("adminPassword",))
        async with reading_pack():
            place = await self.places.gateways.open(mapped)
            require_open(place)
            planned = await plan_creation(place, body, password.reveal() if password is not None else None)
        data: JsonObject = {
            "installation": mapped.installation, "subscription": mapped.id, "user": place.user,
            "planned": planned.model_dump(mode="json", by_alias=True),
        }  # fmt: skip
        return (await self.acceptance.accept(replace(new, data=data))).operation

    async def power(self, request: ChangeRequest) -> Operation:
        """Accept a call on a machine's power; refuses with `NotRunning` a restart of a machine that does not run."""
        call = CALLS[request.action]
        if request.action is Action.SHUT_DOWN and request.body.members.get("state") == "deallocated":
            message = "A machine on Azure Pack cannot be deallocated: stopped is all there is. Send state stopped."
            raise not_supported(message, "state")
        return await self._accept_call(request, call)

    async def update(self, request: ChangeRequest, _update: UpdatePackMachine) -> Operation:
        """Accept a change of cores, memory, name or description."""
        return await self._accept_call(request, MachineCall.UPDATE)

    async def delete(self, request: ChangeRequest, deletion: DeletePackMachine) -> Operation:
        """Accept a deletion; `confirm` is None for messages. VMM deletes the disks too, which the request must ask for."""
        if deletion.delete_disks != "all":
            message = "VMM deletes the disks of a machine with it. Send deleteDisks: all."
            raise not_supported(message, "deleteDisks")

        async def plan(found: FoundMachine) -> JsonObject:
            if deletion.confirm is not None and not same_text(deletion.confirm, found.machine.name or ""):
                raise wrong("confirm", "This must be the machine's name, to confirm its deletion.")
            return {"call": str(MachineCall.DELETE)}

        return await self._accept(request, plan)

    async def create_checkpoint(self, request: ChangeRequest, checkpoint: CreateCheckpoint) -> Operation:
        """Accept a new checkpoint; refuses with `NameTaken` a name that the machine has one of."""

        async def plan(found: FoundMachine) -> JsonObject:
            if any(same_text(one.name or "", checkpoint.name) for one in await _checkpoints(found)):
                raise Refused(ErrorCode.NAME_TAKEN, f"The machine has a checkpoint '{checkpoint.name}' already.", target="name")
            return {"call": str(MachineCall.CREATE_CHECKPOINT)}

        return await self._accept(request, plan)

    async def checkpoint(self, request: ChangeRequest, named: str) -> Operation:
        """Accept the restoration or the deletion of a checkpoint; refuses with `NotFound`, `AmbiguousName`."""

        async def plan(found: FoundMachine) -> JsonObject:
            chosen = _checkpoint(await _checkpoints(found), named)
            return {"call": str(CALLS[request.action]), "checkpoint": str(chosen.id)}

        return await self._accept(request, plan)

    async def add_port(self, request: ChangeRequest, port: PackPort) -> Operation:
        """Accept a port; refuses with `NetworkWithoutGateway`, and with `PortTaken` a port of the gateway that is in use."""

        async def plan(found: FoundMachine) -> JsonObject:
            async with reading_pack():
                there = await network_ports(found.place, found.machine)
            return _port_of(_planned(port, there))

        return await self._accept(request, plan)

    async def remove_port(self, request: ChangeRequest, name: str) -> Operation:
        """Accept the removal of a port; refuses with `NotFound`."""

        async def plan(found: FoundMachine) -> JsonObject:
            async with reading_pack():
                there = await network_ports(found.place, found.machine)
            return _port_of(_existing(name, there))

        return await self._accept(request, plan)

    async def resolve(self, operation: Operation, resolution: Resolution, _by: Actor) -> Operation:
        """Resolve a creation of unknown outcome: `started` names the machine; refuses with `NotInDoubt`, and with 400 without a name."""
        started = resolution.outcome is ResolvedAs.STARTED
        if started and operation.action == Action.CREATE and not is_guid(resolution.resource):
            raise wrong("resourceId", "Send the id of the machine that VMM shows for this creation.")

        def guard(row: Active) -> None:
            waits = row.attention is not None and row.attention.code == ErrorCode.OUTCOME_UNKNOWN
            if row.intent is None or not row.intent.own or not waits:
                raise not_in_doubt(operation, VIRTUAL_MACHINE.noun)

        return await self.commands.submit_input(operation, {RESOLUTION: str(resolution.outcome), RESOLVED_ID: resolution.resource}, guard)

    async def _accept_call(self, request: ChangeRequest, call: MachineCall) -> Operation:
        async def plan(found: FoundMachine) -> JsonObject:
            if decide(call, found.machine.status_string) is Decision.REFUSE:
                message = f"The machine is {found.machine.status_string}: {request.action} is not possible."
                raise Refused(refusal_code(call), message, target=found.machine.name)
            return {"call": str(call)}

        return await self._accept(request, plan)

    async def _accept(self, request: ChangeRequest, plan: _Plan) -> Operation:
        """Accept a change of the machine that is found, or return the operation that the request started before."""
        new = replace(request.as_operation(), first_step=ADMITTING)
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        found = await self._found(request)
        mapped, machine = found.place.mapped, found.machine
        data: JsonObject = {
            "installation": mapped.installation, "subscription": mapped.id, "user": found.place.user, "machine": str(machine.id),
            "stamp": str(machine.stamp), "name": machine.name or str(machine.id), **await plan(found),
        }  # fmt: skip
        return (await self.acceptance.accept(replace(new, data=data, locks=(_lock(found),)))).operation

    async def _found(self, request: ChangeRequest) -> FoundMachine:
        """Return the machine of a change; refuses with `DataCenterSuspended`, `ScopeBusy` and `BelongsToVmRole`."""
        found = await self.places.machine(request.tenant, request.named)
        held = await self.locks.holder([_lock(found)], self.acceptance.store.id_for(request.as_operation()))
        if held is not None:
            message = f"Operation {held.owner} is working on the same resource. Wait until it has ended."
            raise Refused(ErrorCode.SCOPE_BUSY, message, target=held.name)
        require_open(found.place)
        if request.action in _OF_ROLES and found.machine.role is not None:
            message = f"The machine belongs to the VM role '{found.machine.role}'. Scale the role instead."
            raise Refused(ErrorCode.BELONGS_TO_VM_ROLE, message, target=found.machine.name)
        return found


def _lock(found: FoundMachine) -> str:
    mapped = found.place.mapped
    return lock_of(mapped.installation, mapped.id, str(found.machine.id))


def _planned(port: PackPort, there: NetworkPorts) -> PlannedPort:
    protocol = str(port.protocol)
    if any(rule.external_port == port.port and (rule.protocol or "tcp").lower() == protocol for rule in there.rules):
        raise Refused(ErrorCode.PORT_TAKEN, f"The port {port.port} of the gateway is in use.", target="port")
    if any(same_text(rule.name or "", port.name) for rule in there.of_machine):
        raise Refused(ErrorCode.NAME_TAKEN, f"The machine has a port '{port.name}' already.", target="name")
    return PlannedPort(
        name=port.name, connection=str(there.connection.id), stamp=str(there.connection.stamp), external_port=port.port,
        internal_port=port.local_port, internal_address=there.address, protocol=protocol.upper(),
    )  # fmt: skip


def _existing(name: str, there: NetworkPorts) -> PlannedPort:
    rule = next((one for one in there.of_machine if same_text(one.name or "", name)), None)
    if rule is None:
        raise not_found(f"port '{name}'")
    return PlannedPort(
        name=name, connection=str(there.connection.id), stamp=str(rule.stamp), external_port=rule.external_port or 0,
        internal_port=rule.internal_port or 0, internal_address=there.address, protocol=rule.protocol or "TCP", rule=str(rule.id),
    )  # fmt: skip


def _port_of(planned: PlannedPort) -> JsonObject:
    return {"port": planned.model_dump(mode="json", by_alias=True)}


async def _checkpoints(found: FoundMachine) -> tuple[Checkpoint, ...]:
    async with reading_pack():
        return await found.place.checkpoints(found.machine.key)


def _checkpoint(listed: tuple[Checkpoint, ...], named: str) -> Checkpoint:
    if is_guid(named):
        found = [one for one in listed if one.id == UUID(named)]
    else:
        found = [one for one in listed if same_text(one.name or "", named)]
    if not found:
        raise not_found(f"checkpoint '{named}'")
    if len(found) > 1:
        raise Refused(ErrorCode.AMBIGUOUS_NAME, f"Several checkpoints have the name '{named}'. Name one by its id.", target=named)
    return found[0]
