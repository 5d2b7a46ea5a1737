"""Reads and changes virtual machines in Azure: the paths and documents of Microsoft.Compute."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from shared.arm.api_versions import COMPUTE, DISKS
from shared.arm.clients import AzureClients
from shared.arm.failures import in_doubt, passing_refusal
from shared.arm.ids import ResourceId
from shared.arm.operations import OperationStatus, error_of_operation, status_of_operation
from shared.arm.reading import id_key, own_id
from shared.errors import CallFailure, FailureKind, Problem
from shared.values.reading import an_object, last_segment, text
from shared.virtual_machines.facts import SLOT_TAG, MachineFacts, by_key, tags_of
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.rules.power import PowerAction

MACHINE_TYPE: Final = "Microsoft.Compute/virtualMachines"
_POSTS: Final[Mapping[PowerAction, str]] = {
    PowerAction.START: "start",
    PowerAction.STOP: "powerOff",
    PowerAction.DEALLOCATE: "deallocate",
    PowerAction.RESTART: "restart",
}
_OPEN = frozenset({"activesas", "activesasfrozen", "activeupload"})


class ResourceManagerMachines:
    """Machines on Resource Manager."""

    def __init__(self, clients: AzureClients) -> None:
        self._clients = clients

    async def machines(self, subscription_id: str) -> tuple[MachineFacts, ...]:
        """Return the machines of a subscription, with their instance views: two calls."""
        models, states = await asyncio.gather(self._list(subscription_id, {}), self.states(subscription_id))
        views = {key: machine.view for key, machine in by_key(states).items()}
        return tuple(machine.with_view(views.get(machine.resource.key)) for machine in models)

    async def states(self, subscription_id: str) -> tuple[MachineFacts, ...]:
        """Return the machines of a subscription with their instance views and little else: one call."""
        return await self._list(subscription_id, {"statusOnly": "true"})

    async def machine(self, machine_id: ResourceId) -> MachineFacts | None:
        """Return a machine with its instance view; None where Azure answers 404.

        Raises `CallFailure` where the answer does not show which machine it is and what disks it has: a deletion goes by that.
        """
        body = await self._read(machine_id, COMPUTE, {"$expand": "instanceView"})
        if body is None:
            return None
        properties = an_object(body, "properties")
        if id_key(own_id(body)) is None or text(properties, "vmId") is None or not an_object(properties, "storageProfile"):
            raise in_doubt("NotShown", f"Azure shows {machine_id} without its id, vmId or storageProfile. The read is retried.")
        return MachineFacts.from_arm(body)

    async def find(self, subscription_id: str, name: str) -> tuple[ResourceId, ...]:
        """Return the ids of a subscription's machines of a name."""
        return await ResourceManagerResources(self._clients).find(subscription_id, MACHINE_TYPE, name)

    async def slot_of(self, set_id: str) -> str | None:
        """Return the slot of the deployment that an availability set is; None for one without a slot, or that is gone."""
        body = await self._read(ResourceId.parse(set_id), COMPUTE)
        return tags_of(body).get(SLOT_TAG) if body is not None else None

    async def open_access(self, disk_ids: tuple[str, ...]) -> str | None:
        """Return the name of the first of some disks that can be read by a SAS, or None."""
        bodies = await asyncio.gather(*(self._read(ResourceId.parse(disk), DISKS) for disk in disk_ids))
        states = [(text(an_object(body, "properties"), "diskState") or "").lower() if body is not None else "" for body in bodies]
        return next((last_segment(disk) for disk, state in zip(disk_ids, states, strict=True) if state in _OPEN), None)

    async def change_power(self, machine_id: ResourceId, action: PowerAction, request_id: str, timeout: float) -> str | None:
        """Start, stop, deallocate or restart a machine."""
        path = f"{machine_id}/{_POSTS[action]}"
        try:
            answer = await self._clients.write("POST", path, api_version=COMPUTE, request_id=request_id, timeout=timeout)
        except CallFailure as failure:
            raise passing_refusal(failure) from failure
        return answer.operation_url

    async def error_of_operation(self, url: str | None) -> Problem | None:
        """Return the error of one of Azure's operations that has failed, None where it has not or can no longer be read."""
        return await error_of_operation(self._clients, url)

    async def status_of_operation(self, url: str | None) -> OperationStatus | None:
        """Return the status of one of Azure's operations, None where it can no longer be read."""
        return await status_of_operation(self._clients, url)

    async def _list(self, subscription_id: str, params: Mapping[str, str]) -> tuple[MachineFacts, ...]:
        path = f"/subscriptions/{subscription_id}/providers/{MACHINE_TYPE}"
        found = await self._clients.read_all(path, api_version=COMPUTE, params=params)
        return tuple(MachineFacts.from_arm(body) for body in found if id_key(own_id(body)) is not None)

    async def _read(self, resource: ResourceId, api_version: str, params: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        try:
            return (await self._clients.read(resource, api_version=api_version, params=params)).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise
