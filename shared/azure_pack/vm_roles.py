"""VM roles and the gallery: groups of equal machines that are scaled as one."""

from collections.abc import AsyncIterator
from typing import Any, Final

from pydantic import Field

from shared.azure_pack.odata.documents import Document, read_document, single
from shared.azure_pack.wire.calls import Endpoint, segment
from shared.azure_pack.wire.model import Input, Model

_VERSION: Final = {"api-version": "2013-03"}
_SERVICES: Final = "/CloudServices"


class GalleryItem(Model):
    """An item of the gallery."""

    name: str
    publisher: str | None = None
    version: str | None = None
    description: str | None = None


class CloudService(Model):
    """A group of VM roles."""

    name: str
    label: str | None = None
    provisioning_state: str | None = None


class ScaleOut(Model):
    """How many machines a role has."""

    initial_instance_count: int | None = None
    minimum_instance_count: int | None = None
    maximum_instance_count: int | None = None


class VmRole(Model):
    """A VM role."""

    name: str
    label: str | None = None
    instance_count: int | None = None
    provisioning_state: str | None = None
    instance_view: dict[str, Any] | None = None
    scale_out: ScaleOut | None = Field(default=None, alias="ScaleOutSettings")


class RoleVm(Model):
    """A machine of a VM role."""

    id: str
    computer_name: str | None = None
    run_time_state: str | None = None


class RoleDefinition(Input):
    """A VM role to create; the two documents are Azure Pack's own: of a gallery item, and the values that it asks for."""

    name: str
    label: str
    resource_definition: dict[str, Any]
    resource_configuration: dict[str, Any]
    instance_count: int = 1


class VmRoles:
    """The gallery and the VM roles of a subscription."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def gallery(self) -> AsyncIterator[GalleryItem]:
        """Return the items of the gallery."""
        for entity in (await self._read("/Gallery/GalleryItems")).entities:
            yield GalleryItem.read(entity)

    async def gallery_item(self, item: str) -> GalleryItem:
        """Return one item of the gallery."""
        return GalleryItem.read(single(await self._read(f"/Gallery/GalleryItems/{segment(item)}")))

    async def cloud_services(self) -> AsyncIterator[CloudService]:
        """Return the groups of VM roles."""
        for entity in (await self._read(_SERVICES)).entities:
            yield CloudService.read(entity)

    async def create_cloud_service(self, name: str, label: str) -> CloudService:
        """Create a group of VM roles."""
        reply = await self._endpoint.call("POST", _SERVICES, json={"Name": name, "Label": label}, params=_VERSION)
        return CloudService.read(single(read_document(reply.body)))

    async def delete_cloud_service(self, name: str) -> None:
        """Delete a group with its VM roles."""
        await self._endpoint.call("DELETE", f"{_SERVICES}/{segment(name)}", params=_VERSION)

    async def roles(self, service: str) -> AsyncIterator[VmRole]:
        """Return the VM roles of a group."""
        for entity in (await self._read(_roles(service))).entities:
            yield VmRole.read(entity)

    async def role(self, service: str, role: str) -> VmRole:
        """Return one VM role."""
        return VmRole.read(single(await self._read(_role(service, role))))

    async def create_role(self, service: str, role: RoleDefinition) -> VmRole:
        """Create a VM role."""
        reply = await self._endpoint.call("POST", _roles(service), json=role.as_json(), params=_VERSION)
        return VmRole.read(single(read_document(reply.body)))

    async def delete_role(self, service: str, role: str) -> None:
        """Delete a VM role with its machines."""
        await self._endpoint.call("DELETE", _role(service, role), params=_VERSION)

    async def scale(self, service: str, role: str, instances: int) -> None:
        """Set how many machines a role has."""
        await self._endpoint.call("POST", f"{_role(service, role)}/Scale", json={"InstanceCount": instances}, params=_VERSION)

    async def repair(self, service: str, role: str, vm: str, *, skip: bool = False) -> None:
        """Repair a machine of a role; `skip` leaves out the step that failed."""
        await self._endpoint.call("POST", f"{_role(service, role)}/VMs/{segment(vm)}/Repair", json={"Skip": skip}, params=_VERSION)

    async def vms(self, service: str, role: str) -> tuple[RoleVm, ...]:
        """Return the machines of a role."""
        return tuple(RoleVm.read(each) for each in (await self._read(f"{_role(service, role)}/VMs")).entities)

    async def _read(self, path: str) -> Document:
        return await self._endpoint.read(path, params=_VERSION)


def _roles(service: str) -> str:
    return f"{_SERVICES}/{segment(service)}/Resources/MicrosoftCompute/VMRoles"


def _role(service: str, role: str) -> str:
    return f"{_roles(service)}/{segment(role)}"
