"""The plan of a machine that is made anew: its document, its new adapter, and what stays. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from shared.arm.ids import ResourceId
from shared.arm.reading import resource_id
from shared.operations.model.models import Operation
from shared.values.reading import Json, an_object, objects, text
from shared.values.sent import SentBody
from shared.virtual_machines.creation.pieces import OPERATION_TAG, TENANT_TAG, Piece, tags_with
from shared.virtual_machines.creation.planning import LATER, attachment, os_profile
from shared.virtual_machines.facts import MachineFacts, shown_tags, tags_of
from shared.virtual_machines.requests.changes import Capture, Reprovision
from shared.virtual_machines.requests.stored import stored_request
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.rules.names import OsType, made_name

PLANNING: Final = "planningAnew"
CLOSING: Final = "closingAnew"


@dataclass(frozen=True, slots=True)
class Found:
    """What Azure shows of a machine that is made anew: itself, its adapter, the sort of its OS disk."""

    machine: MachineFacts
    adapter_id: str
    adapter: Json
    os_disk_sku: str | None


def capture_of(operation: Operation) -> Capture:
    """Read the request of a capture; a message names its machine, and has no confirmation."""
    body = operation.body.get("body")
    return stored_request(Capture, SentBody({"confirm": "by message", **body} if isinstance(body, dict) else {}))


def os_type_of(machine: MachineFacts) -> OsType | None:
    """Return the operating system of a machine."""
    return OsType(machine.os_type) if machine.os_type in set(OsType) else None


def document_of(found: Found, request: Reprovision, image: ResourceId, operation: str, tenant: str) -> dict[str, Any]:
    """Return the document of the machine made anew, without its password: size, set, zone, tags and data disks as before."""
    machine = found.machine
    system = machine.os_disk
    disk: dict[str, Any] = {
        "name": made_name(machine.name, "os", operation), "createOption": "FromImage", "deleteOption": "Detach",
        "caching": system.caching if system is not None else "ReadWrite",
    }  # fmt: skip
    if system is not None and system.size_gb is not None:
        disk["diskSizeGB"] = system.size_gb
    sku = found.os_disk_sku or (system.sku if system is not None else None)
    if sku is not None:
        disk["managedDisk"] = {"storageAccountType": sku}
    data = [attachment(one.lun or 0, one.id or "", one.caching) for one in machine.data_disks]
    adapter = {"id": str(_new_adapter(found, operation)), "properties": {"primary": True, "deleteOption": "Delete"}}
    properties: dict[str, Any] = {
        "hardwareProfile": {"vmSize": machine.size},
        "storageProfile": {"imageReference": {"id": str(image)}, "osDisk": disk, "dataDisks": data},
        "networkProfile": {"networkInterfaces": [adapter]},
        "osProfile": os_profile(
            request.computer_name or machine.computer_name or machine.name, request.admin_username, request.ssh_public_keys,
            os_type_of(machine), has_password=True,
        ),
    }  # fmt: skip
    if machine.availability_set is not None:
        properties["availabilitySet"] = {"id": machine.availability_set}
    tags = tags_with(machine.tags, {TENANT_TAG: tenant, OPERATION_TAG: operation})
    body: dict[str, Any] = {"location": machine.region, "tags": tags, "properties": properties}
    return body | ({"zones": [machine.zone]} if machine.zone is not None else {})


def pieces_of(found: Found, image: Piece, operation: str, tenant: str) -> tuple[Piece, ...]:
    """Return what is made, and what was there and is kept: image, disks, security group and pools.

    The old adapter goes with its machine; it is kept where Farshore did not make it.
    """
    machine = found.machine
    old = Piece(
        part=Part.ADAPTER, id=found.adapter_id, existing=True, ready=True, known=True, keep=TENANT_TAG not in tags_of(found.adapter)
    )  # fmt: skip
    tags = tags_with(shown_tags(tags_of(found.adapter)), {TENANT_TAG: tenant, OPERATION_TAG: operation})
    body = {"location": machine.region, "tags": tags, "properties": _adapter_properties(found.adapter)}
    os_disk = machine.resource.sibling("disks", made_name(machine.name, "os", operation))
    return (
        image.model_copy(update={"keep": True, "ready": True}),
        old,
        *_staying(found),
        Piece(part=Part.ADAPTER, id=str(_new_adapter(found, operation)), body=body),
        Piece(part=Part.MACHINE, id=machine.id, stage=LATER),
        Piece(part=Part.OS_DISK, id=str(os_disk), stage=LATER, tagged=False),
    )


def _staying(found: Found) -> Iterator[Piece]:
    machine, properties = found.machine, an_object(found.adapter, "properties")
    disks = [(Part.DATA_DISK, disk.id) for disk in machine.data_disks]
    system = machine.os_disk.id if machine.os_disk is not None else None
    group = resource_id(an_object(properties, "networkSecurityGroup"), "id")
    pools = [(Part.POOL, pool) for pool in _pools(properties)]
    for part, id_ in ((Part.OS_DISK, system), *disks, (Part.SECURITY_GROUP, group), *pools):
        if id_ is not None:
            yield Piece(part=part, id=id_, existing=True, ready=True, known=True, keep=True, tagged=False)


def _pools(properties: Json) -> Iterator[str]:
    for configuration in objects(properties, "ipConfigurations"):
        for pool in objects(an_object(configuration, "properties"), "loadBalancerBackendAddressPools"):
            if (found := text(pool, "id")) is not None:
                yield found


def _adapter_properties(adapter: Json) -> dict[str, Any]:
    """Return the properties of the new adapter: subnet, pools and security group of the old one, another private address."""
    properties = an_object(adapter, "properties")
    first = an_object(next(iter(objects(properties, "ipConfigurations")), {}), "properties")
    configuration: dict[str, Any] = {
        "subnet": {"id": resource_id(an_object(first, "subnet"), "id")}, "privateIPAllocationMethod": "Dynamic", "primary": True,
    }  # fmt: skip
    pools = [{"id": pool} for pool in _pools(properties)]
    if pools:
        configuration["loadBalancerBackendAddressPools"] = pools
    found: dict[str, Any] = {"ipConfigurations": [{"name": "primary", "properties": configuration}]}
    group = resource_id(an_object(properties, "networkSecurityGroup"), "id")
    return found | ({"networkSecurityGroup": {"id": group}} if group is not None else {})


def _new_adapter(found: Found, operation: str) -> ResourceId:
    old = ResourceId.parse(found.adapter_id)
    return old.sibling("networkInterfaces", made_name(found.machine.name, "nic", operation))
