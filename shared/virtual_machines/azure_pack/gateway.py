"""The calls to VMM that machines need: the library's, with failures as the core reads them. The one module here that calls it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar
from uuid import UUID

from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions, MappedSubscription
from shared.azure_pack.odata.literals import Key, eq
from shared.azure_pack.subscriptions import Subscription, SubscriptionState
from shared.azure_pack.vmm.client import Vmm
from shared.azure_pack.vmm.jobs import Job
from shared.azure_pack.vmm.machines import Machine, MachineChange, MachineOwner, NewMachine
from shared.azure_pack.vmm.models import (
    Checkpoint,
    Cloud,
    Disk,
    HardwareProfile,
    NatConnection,
    NatRule,
    Network,
    NewNatRule,
    Subnet,
    Template,
    TemplateAdapter,
)
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.installations.document import InstallationRequest
from shared.installations.reach.failures import translated
from shared.installations.subscriptions.reach import ReachedSubscription, SubscriptionReach
from shared.virtual_machines.azure_pack.rules import OPERATIONS, MachineCall

T = TypeVar("T")
_PARTS: Final = ("VirtualNetworkAdapters", "VirtualDiskDrives")
MARKER: Final = "farshore:"
"""What the tag of a machine that an operation made begins with; VMM is inferred to keep the tag."""


@dataclass(frozen=True, slots=True)
class PackMachines:
    """The machines of one subscription; each method raises `CallFailure`. Reads of one thing return None where it is not there."""

    reached: ReachedSubscription
    user: str
    state: SubscriptionState = SubscriptionState.UNKNOWN

    @property
    def mapped(self) -> MappedSubscription:
        """The subscription's row."""
        return self.reached.mapped

    @property
    def settings(self) -> InstallationRequest:
        """The installation's document."""
        return self.reached.settings

    @property
    def owner(self) -> MachineOwner | None:
        """Whose a new machine is to be."""
        return self.reached.owner(self.user)

    @property
    def vmm(self) -> Vmm:
        """The library's client."""
        return self.reached.machines(self.user)

    async def machines(self) -> tuple[Machine, ...]:
        """Return all machines, with adapters and disks."""
        return await _all(self.vmm.machines(expand=_PARTS))

    async def machine(self, key: Key) -> Machine | None:
        """Return a machine, with adapters and disks."""
        try:
            with translated():
                return await self.vmm.machine(key, expand=_PARTS)
        except CallFailure as failure:
            _require_not_found(failure)
            return None

    async def by_id(self, machine: UUID) -> tuple[Machine, ...]:
        """Return the machine of an id, of any stamp."""
        return await _all(self.vmm.machines(filter=eq("ID", machine), expand=_PARTS))

    async def named(self, name: str) -> tuple[Machine, ...]:
        """Return the machines of a name; VMM keeps no name unique."""
        return await _all(self.vmm.machines(filter=eq("Name", name), expand=_PARTS))

    async def made_by(self, operation: str) -> Machine | None:
        """Return the machine that an operation made, by its marker."""
        found = await _all(self.vmm.machines(filter=eq("Tag", MARKER + operation)))
        return found[0] if found else None

    async def create(self, machine: NewMachine) -> tuple[Key | None, Machine | None]:
        """Begin to make a machine, and return the job and what VMM shows of it."""
        with translated():
            started = await self.vmm.create_machine(machine)
        return started.job, started.entity

    async def operate(self, key: Key, call: MachineCall) -> Key | None:
        """Begin a call on a machine's power, and return its job."""
        operation = self.settings.machines.save_operation if call is MachineCall.SAVE else OPERATIONS[call]
        with translated():
            return (await self.vmm.operate(key, operation)).job

    async def update(self, key: Key, change: MachineChange) -> Key | None:
        """Begin to change a machine, and return the job."""
        with translated():
            return (await self.vmm.update_machine(key, change)).job

    async def delete(self, key: Key) -> Key | None:
        """Begin to delete a machine, and return the job."""
        with translated():
            return (await self.vmm.delete_machine(key)).job

    async def job(self, key: Key, age: timedelta) -> Job | None:
        """Return a job; within a minute one that is not found is not there yet."""
        try:
            with translated():
                return await self.vmm.job(key, age=age)
        except CallFailure as failure:
            _require_not_found(failure)
            return None

    # checkpoints

    async def checkpoints(self, machine: Key) -> tuple[Checkpoint, ...]:
        """Return the checkpoints of a machine."""
        return await _all(self.vmm.checkpoints(machine))

    async def create_checkpoint(self, machine: Key, name: str, description: str) -> Key | None:
        """Begin to make a checkpoint, and return the job."""
        with translated():
            return (await self.vmm.create_checkpoint(machine, name, description)).job

    async def restore_checkpoint(self, checkpoint: Key) -> Key | None:
        """Begin to restore a checkpoint, and return the job."""
        with translated():
            return (await self.vmm.restore_checkpoint(checkpoint)).job

    async def delete_checkpoint(self, checkpoint: Key) -> Key | None:
        """Begin to delete a checkpoint, and return the job."""
        with translated():
            return (await self.vmm.delete_checkpoint(checkpoint)).job

    # what a machine is made of

    async def clouds(self) -> tuple[Cloud, ...]:
        """Return the clouds."""
        return await _all(self.vmm.clouds())

    async def templates(self) -> tuple[Template, ...]:
        """Return the templates."""
        return await _all(self.vmm.templates())

    async def template_adapters(self, template: Key) -> tuple[TemplateAdapter, ...]:
        """Return the adapters of a template."""
        with translated():
            return await self.vmm.template_adapters(template)

    async def disks(self) -> tuple[Disk, ...]:
        """Return the disks of the library."""
        return await _all(self.vmm.disks())

    async def sizes(self) -> tuple[HardwareProfile, ...]:
        """Return the hardware profiles."""
        return await _all(self.vmm.hardware_profiles())

    async def networks(self) -> tuple[Network, ...]:
        """Return the networks."""
        return await _all(self.vmm.networks())

    async def subnets(self, network: Key) -> tuple[Subnet, ...]:
        """Return the subnets of a network."""
        return await _all(self.vmm.subnets(network))

    # ports

    async def connections(self, network: Key) -> tuple[NatConnection, ...]:
        """Return the NAT connections of a network's gateways; none without a gateway."""
        return await _all(self.vmm.nat_connections(network))

    async def rules(self, connection: Key) -> tuple[NatRule, ...]:
        """Return the ports that a NAT connection passes on."""
        return await _all(self.vmm.nat_rules(connection))

    async def open_port(self, rule: NewNatRule) -> None:
        """Pass on a port."""
        with translated():
            await self.vmm.create_nat_rule(rule)

    async def close_port(self, rule: Key) -> None:
        """Stop passing on a port; one that is gone is closed."""
        try:
            with translated():
                await self.vmm.delete("NATRules", rule)
        except CallFailure as failure:
            _require_not_found(failure)


@dataclass(frozen=True, slots=True)
class PackGateways:
    """Opens the subscriptions of tenants."""

    subscriptions: AzurePackSubscriptions
    reach: SubscriptionReach

    async def of_tenant(self, tenant: str) -> Sequence[MappedSubscription]:
        """Return a tenant's subscriptions, by id."""
        return sorted([row async for row in self.subscriptions.of_tenant(tenant)], key=lambda row: (row.id, row.installation))

    async def open(self, mapped: MappedSubscription) -> PackMachines:
        """Return the machines of a subscription, which is read: its state, and its account administrator."""
        reached = await self.reach.open(mapped)
        found: Subscription = await reached.subscription()
        return PackMachines(reached, found.account_admin or "", found.state)

    async def known(self, installation: str, subscription: str, user: str) -> PackMachines:
        """Return the machines of a subscription whose account administrator is known; raises `CallFailure` where it has no owner."""
        mapped = await self.subscriptions.get(installation, subscription)
        if mapped is None:
            message = f"The subscription {subscription} is no longer mapped to a tenant."
            raise CallFailure(FailureKind.REFUSED, code=ErrorCode.OWNER_CHANGED, message=message)
        return PackMachines(await self.reach.open(mapped), user)


async def _all(found: AsyncIterator[T]) -> tuple[T, ...]:
    with translated():
        return tuple([one async for one in found])


def _require_not_found(failure: CallFailure) -> None:
    """Raise any other failure than that something is not there."""
    if failure.kind is not FailureKind.NOT_FOUND:
        raise failure
