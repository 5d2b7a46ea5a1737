"""What the capability needs of the place where machines run. Resource Manager is one; each backend of tenants has its own."""

from collections.abc import Mapping
from typing import Protocol

from shared.access.records.tenant import Backend, Tenant
from shared.arm.ids import ResourceId
from shared.arm.operations import OperationStatus
from shared.errors import ErrorCode, Problem, Refused
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.rules.power import PowerAction


class MachineGateway(Protocol):
    """Reads machines, and starts what changes them. Every failure is a `CallFailure`.

    Writes are sent once, with the client request id of the intent, and return the URL of Azure's operation where there is one.
    """

    async def machines(self, subscription_id: str) -> tuple[MachineFacts, ...]:
        """Return the machines of a subscription, with their instance views: two calls."""
        ...

    async def states(self, subscription_id: str) -> tuple[MachineFacts, ...]:
        """Return the machines of a subscription with their instance views and little else: one call."""
        ...

    async def machine(self, machine_id: ResourceId) -> MachineFacts | None:
        """Return a machine with its instance view; None where Azure answers 404."""
        ...

    async def find(self, subscription_id: str, name: str) -> tuple[ResourceId, ...]:
        """Return the ids of a subscription's machines of a name."""
        ...

    async def slot_of(self, set_id: str) -> str | None:
        """Return the slot of the deployment that an availability set is; None for one without a slot, or that is gone."""
        ...

    async def open_access(self, disk_ids: tuple[str, ...]) -> str | None:
        """Return the name of the first of some disks that can be read by a SAS, or None."""
        ...

    async def change_power(self, machine_id: ResourceId, action: PowerAction, request_id: str, timeout: float) -> str | None:
        """Start, stop, deallocate or restart a machine."""
        ...

    async def error_of_operation(self, url: str | None) -> Problem | None:
        """Return the error of one of Azure's operations that has failed, None where it has not or can no longer be read."""
        ...

    async def status_of_operation(self, url: str | None) -> OperationStatus | None:
        """Return the status of one of Azure's operations, None where it can no longer be read."""
        ...


Gateways = Mapping[Backend, MachineGateway]
"""The gateway of each backend that this deployment serves."""


def gateway_of(gateways: Gateways, tenant: Tenant) -> MachineGateway:
    """Return the gateway of a tenant; refuses with `NotSupportedByBackend` where its backend has none."""
    found = gateways.get(tenant.backend)
    if found is None:
        message = f"This is not offered for tenants of the backend {tenant.backend}; it is for {', '.join(sorted(gateways))}."
        raise Refused(ErrorCode.NOT_SUPPORTED_BY_BACKEND, message, target="tenant")
    return found
