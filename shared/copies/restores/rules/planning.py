"""What a restore makes of each machine: its name and its resources, all of them intended before anything is sent."""

from dataclasses import dataclass

from shared.arm.ids import ResourceId
from shared.copies.restores.request import ResolvedSource, RestoredMachine, RestoreKind, RestoreRequest
from shared.copies.restores.rules.captured import MachineAsItWas, chosen
from shared.copies.restores.rules.documents import MachineSpec, not_restored
from shared.copies.restores.rules.names import disk_name, interface_name, machine_name, tags_of
from shared.copies.restores.state import MachineDetail, Part, ResourceDetail, SourceDetail
from shared.values.reading import last_segment


@dataclass(frozen=True, slots=True)
class Place:
    """Where a restore makes its resources."""

    subscription_id: str
    resource_group: str
    region: str

    def resource(self, provider: str, type_: str, name: str) -> ResourceId:
        """Return the id of a resource there."""
        return ResourceId(self.subscription_id, self.resource_group, provider, (type_,), (name,))


def place_of(request: RestoreRequest, restore_point_id: str, region: str) -> Place:
    """Return the place of a request; its subscription is that of the first copy where none is given."""
    return Place(request.subscription_id or ResourceId.parse(restore_point_id).subscription_id, request.resource_group, region)


def plan_machine(
    request: RestoreRequest, index: int, source: ResolvedSource, was: MachineAsItWas, place: Place, suffix: str
) -> MachineDetail:
    """Return a machine with its resources: disks first, then interface and VM."""
    machine = request.machines[index]
    base = machine_name(machine.name, source_name(source, was), suffix)
    disks = [
        ResourceDetail(
            id=str(place.resource("Microsoft.Compute", "disks", disk_name(base, suffix, disk.lun))), part=Part.DISK, lun=disk.lun
        )
        for disk in chosen(was.disks, machine.disks.only)
    ]
    of_machine = []
    if request.kind is RestoreKind.VIRTUAL_MACHINE:
        interface = place.resource("Microsoft.Network", "networkInterfaces", interface_name(base, suffix))
        of_machine = [
            ResourceDetail(id=str(interface), part=Part.INTERFACE),
            ResourceDetail(id=str(place.resource("Microsoft.Compute", "virtualMachines", base)), part=Part.MACHINE),
        ]
    return MachineDetail(
        index=index,
        name=base,
        group=(machine.group or 1) if request.kind is RestoreKind.VIRTUAL_MACHINE else None,
        source=SourceDetail(
            copy_id=source.copy_id,
            restore_point_id=source.restore_point_id,
            virtual_machine_id=source.virtual_machine_id,
            taken_at=source.taken_at,
        ),
        resources=(*disks, *of_machine),
        was=was,
        not_restored=not_restored(was) if of_machine else (),
    )


def spec_of(request: RestoreRequest, machine: MachineDetail, operation: str, region: str) -> MachineSpec:
    """Return what the documents of a machine are made of."""
    asked: RestoredMachine = request.machines[machine.index]
    own = {name.lower() for name in asked.tags}  # Azure treats names of tags that differ in their case as equal
    given = {**{name: value for name, value in request.tags.items() if name.lower() not in own}, **asked.tags}
    return MachineSpec(
        request=asked,
        was=machine.was or MachineAsItWas(),
        region=region,
        network=request.network,
        drill=request.drill,
        tags=tags_of(operation, machine.index, drill=request.drill, given=given),
    )


def source_name(source: ResolvedSource, was: MachineAsItWas) -> str:
    """Return the name of the machine that a restore point is of, as far as it is known."""
    found = last_segment(source.virtual_machine_id) if source.virtual_machine_id else was.computer_name or ""
    return found or "restored"


def machine_lock(machine: ResourceId) -> str:
    """Return the lock of a VM that is to be."""
    return f"vm|{machine.key}"
