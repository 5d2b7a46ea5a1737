"""Accepts creations of machines, for HTTP and queue alike."""

from dataclasses import dataclass

from shared.access.records.tenant import Tenant
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Refused, as_seen_in_azure
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Actor, NewOperation, Operation
from shared.secrets.references import SecretReferences, VaultOwner
from shared.secrets.requests import Separated
from shared.values.hidden import Hidden
from shared.virtual_machines.admission import Admission
from shared.virtual_machines.creation.checks import check_creation
from shared.virtual_machines.creation.planning import claims_of_creation, plan_creation
from shared.virtual_machines.creation.reading import CreationReader, require_own, subscription_of_body
from shared.virtual_machines.gateway import Gateways, gateway_of
from shared.virtual_machines.kinds import VIRTUAL_MACHINE, Action
from shared.virtual_machines.reading.asking import reading_azure
from shared.virtual_machines.reading.machines import lock_of
from shared.virtual_machines.requests.machine import CreateMachine, DiskSource
from shared.virtual_machines.workflow import BEGINNING

_READS_SECONDS = 4.5
_COUNT_SECONDS = 3.0
NO_OPERATION = "a" * 26
"""Takes the place of the id of an operation that is not accepted yet, where only the count of what it makes matters."""


@dataclass(frozen=True, slots=True)
class CreationRequest:
    """A request for a machine: `sent` is its JSON without the plain secrets. `of_provider`: it may refer to the provider's key vault."""

    tenant: Tenant
    body: CreateMachine
    sent: Separated
    actor: Actor
    key: str | None
    of_provider: bool = False
    trace: str | None = None
    first_sent: str | None = None

    @property
    def password(self) -> Hidden | None:
        """The plain password, where the request has one."""
        return self.sent.secrets.get(("adminPassword",))

    def as_operation(self, machine: ResourceId) -> NewOperation:
        """Return the operation that it becomes."""
        return NewOperation(
            kind=VIRTUAL_MACHINE.name,
            tenant=self.tenant.name,
            key=self.key,
            body={"action": str(Action.CREATE), "target": self.body.name, "body": dict(self.sent.body.members)},
            actor=self.actor,
            first_step=BEGINNING,
            data={"machine": str(machine)},
            locks=(lock_of(machine), *_disk_locks(self.body, machine)),
            trace=self.trace,
            first_sent=self.first_sent,
            action=str(Action.CREATE),
            secrets=self.sent.below("body"),
        )


@dataclass(frozen=True, slots=True)
class MachineCreations:
    """Accepts creations."""

    acceptance: Acceptance
    locks: Locks
    gateways: Gateways
    reader: CreationReader
    admission: Admission
    references: SecretReferences

    async def create(self, creation: CreationRequest) -> Operation:
        """Accept a creation, or find the operation that this request became earlier.

        Refuses with 400 and a detail for each field, with 404 what is not the tenant's, with 409 what is in the way; what Azure does not
        answer within five seconds is left to the first step.
        """
        tenant, request = creation.tenant, creation.body
        gateway_of(self.gateways, tenant)
        subscription = subscription_of_body(tenant, request.subscription_id)
        machine = ResourceId.parse(
            f"/subscriptions/{subscription}/resourceGroups/{request.service}/providers/Microsoft.Compute/virtualMachines/{request.name}"
        )
        new = creation.as_operation(machine)
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        require_own(tenant, request)
        owner = VaultOwner(tenant.name, tenant.key_vault_url)
        await self.references.require(owner, creation.sent.references, of_provider=creation.of_provider)
        held = await self.locks.holder(new.locks, self.acceptance.store.id_for(new))
        if held is not None:
            message = f"Operation {held.owner} is working on the same resource. Wait until it has ended."
            raise Refused(ErrorCode.SCOPE_BUSY, message, target=held.name)
        await self._check(creation)
        return (await self.acceptance.accept(new)).operation

    async def _check(self, creation: CreationRequest) -> None:
        tenant, request, password = creation.tenant, creation.body, creation.password
        try:
            async with reading_azure(_READS_SECONDS):
                place = await self.reader.place(tenant, request)
                context = await self.reader.context(tenant, request, place)
        except Refused as refused:
            if refused.code is ErrorCode.SERVICE_UNAVAILABLE:
                return
            raise
        with as_seen_in_azure():
            check_creation(request, context, password.reveal() if password is not None else None)
        plan = plan_creation(request, context, NO_OPERATION, tenant.name)
        await self.admission.require_room(tenant, claims_of_creation(request, context, plan), _COUNT_SECONDS)


def _disk_locks(request: CreateMachine, machine: ResourceId) -> tuple[str, ...]:
    """Return the locks of the disks that a request names."""
    named = [request.os_disk.existing, *(disk.existing for disk in request.data_disks)]
    named += [disk.source.id for disk in request.data_disks if isinstance(disk.source, DiskSource)]
    ids = (ResourceId.parse(name) if "/" in name else machine.sibling("disks", name) for name in named if name is not None)
    return tuple(dict.fromkeys(disk_lock(one) for one in ids))


def disk_lock(disk: ResourceId) -> str:
    """Return the lock of a disk."""
    return f"disk|{disk.key}"
