"""What the fields of a request for a restore refuse in each other's presence (docs/design/restores.md, "Request")."""

from collections.abc import Iterator
from ipaddress import ip_address

from shared.copies.restores.request import RestoredMachine, RestoreKind, RestoreRequest, RestoreSource
from shared.errors import ErrorCode, Problem

_VM_FIELDS = {
    "group": "group",
    "size": "size",
    "availability_set_id": "availabilitySetId",
    "subnet_id": "subnetId",
    "private_ip_address": "privateIpAddress",
    "network_security_group_id": "networkSecurityGroupId",
}
NEED_A_ZONE = frozenset({"ultrassd_lrs", "premiumv2_lrs"})
"""The sorts of disks that exist in availability zones only, and never as OS disks."""
_NOT_MADE = frozenset({"Standard_ZRS", "PremiumV2_ZRS", "UltraSSD_ZRS"})
"""Types of disks that Azure does not have: zone-redundant are Premium_ZRS and StandardSSD_ZRS only."""


def problems_of(request: RestoreRequest) -> list[Problem]:
    """Return what is wrong between the fields of a request, each with its path."""
    return [
        *_of_request(request),
        *(problem for number, machine in enumerate(request.machines) for problem in _of_machine(request, machine, f"machines[{number}]")),
        *_of_names(request),
    ]


def _of_request(request: RestoreRequest) -> Iterator[Problem]:
    if request.kind is RestoreKind.DISKS and request.network is not None:
        yield _wrong("network", "Disks have no network. Leave this out, or restore the kind virtualMachine.")
    if request.at is not None and not any(machine.source.virtual_machine_id for machine in request.machines):
        yield _wrong("at", "No machine names a virtualMachineId, so that this selects nothing. Leave it out.")
    if not request.drill:
        if request.keep_for is not None:
            yield _wrong("keepFor", "Only a drill is deleted again. Leave this out, or set drill.")
        if request.accept_connected_network:
            yield _wrong("acceptConnectedNetwork", "Only a drill needs an isolated network. Leave this out, or set drill.")
        if not (request.reason or "").strip():
            yield _wrong("reason", "This field is required, but for a drill: why the machines are restored.")


def _of_machine(request: RestoreRequest, machine: RestoredMachine, path: str) -> Iterator[Problem]:
    yield from _of_source(machine.source, f"{path}.source")
    if machine.zone is not None and machine.availability_set_id is not None:
        yield _wrong(f"{path}.zone", "A machine is in a zone or in an availability set. Leave one of them out.")
    if request.kind is RestoreKind.DISKS:
        for field, name in _VM_FIELDS.items():
            if getattr(machine, field) is not None:
                yield _wrong(f"{path}.{name}", "This is of a machine. Leave it out, or restore the kind virtualMachine.")
    elif machine.subnet_id is None and request.network is None:
        yield _wrong("network", "This field is required for the kind virtualMachine where a machine has no subnetId.")
    if machine.private_ip_address is not None and not _is_address(machine.private_ip_address):
        yield _wrong(f"{path}.privateIpAddress", f"'{machine.private_ip_address}' is not an IP address, for example 10.0.0.4.")
    yield from _of_disks(request, machine, path)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _of_disks(request: RestoreRequest, machine: RestoredMachine, path: str) -> Iterator[Problem]:
    only = machine.disks.only
    with_os = only is None or "os" in only
    if request.kind is RestoreKind.VIRTUAL_MACHINE and not with_os:
        yield _wrong(f"{path}.disks.only", "A machine needs its OS disk. Add os, or restore the kind disks.")
    if machine.disks.sku in _NOT_MADE:
        yield _wrong(f"{path}.disks.sku", f"Azure has no disks of {machine.disks.sku}. Name another type, for example StandardSSD_ZRS.")
    if (machine.disks.sku or "").lower() in NEED_A_ZONE:
        if machine.zone is None:
            yield _wrong(f"{path}.disks.sku", f"Disks of {machine.disks.sku} exist in zones only. Set zone.")
        if with_os:
            yield _wrong(f"{path}.disks.sku", f"An OS disk cannot be {machine.disks.sku}. Name the LUNs of data disks in only.")


def _of_source(source: RestoreSource, path: str) -> Iterator[Problem]:
    given = [source.copy_id is not None, source.restore_point_id is not None, source.virtual_machine_id is not None]
    if sum(given) != 1:
        yield _wrong(path, "Give exactly one of copyId, restorePointId, and virtualMachineId with region.")
    elif (source.virtual_machine_id is None) != (source.region is None):
        yield _wrong(f"{path}.region", "region and virtualMachineId are given together: the VM's copies in that region.")


def _of_names(request: RestoreRequest) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, machine in enumerate(request.machines):
        name = (machine.name or _same_source(machine.source)).lower()
        if name in seen:
            yield _wrong(f"machines[{number}].name", "Two machines have this name. Give each its own.")
        seen.add(name)


def _same_source(source: RestoreSource) -> str:
    """Return what two machines without names would be called alike by."""
    return f"|{source.copy_id or source.restore_point_id or source.virtual_machine_id}"


def _wrong(path: str, message: str) -> Problem:
    return Problem(ErrorCode.INVALID_REQUEST, message, path)
