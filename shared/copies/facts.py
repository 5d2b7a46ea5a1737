"""What the rules need to know of a VM, its disks and a restore point, read from the JSON of Azure Resource Manager.

A member that is missing, null or of another type counts as unknown and raises nothing, because Azure adds and leaves out members as it
likes. The rules decide what an unknown value means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, region_of, resource_id
from shared.copies.copying.models import VIRTUAL_MACHINE_TYPE, ConsistencyMode
from shared.copies.provisioning import ProvisioningState, provisioning_state
from shared.values.reading import Json, an_object, flag, member, moment, objects, same_text, text, texts, whole

_SCALE_SET_MEMBER_TYPE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """One disk of a VM.

    `id` is None where Azure shows no managed disk, which then cannot be excluded; `sku` is Azure's name, such as `UltraSSD_LRS`, None
    where it is unknown; `private_link` is true where the disk's network access goes through a disk access resource.
    """

    name: str
    id: str | None
    is_os: bool = False
    sku: str | None = None
    size_gb: int | None = None
    shared: bool = False
    ephemeral: bool = False
    write_accelerator: bool = False
    private_link: bool = False
    unmanaged: bool = False

    @property
    def key(self) -> str:
        """Return the form by which ids are compared; empty where there is no id."""
        return id_key(self.id) or ""

    @classmethod
    def from_arm(cls, attached: Json, disk: Json, *, is_os: bool) -> Self:
        """Read a disk from the storage profile of its VM (`osDisk` or one of `dataDisks`) and from the disk resource, empty if unknown."""
        managed = an_object(attached, "managedDisk")
        properties = an_object(disk, "properties")
        # without a disk access resource "AllowPrivate" has no meaning, but each of them shows the intent
        private = same_text(text(properties, "networkAccessPolicy"), "AllowPrivate") or text(properties, "diskAccessId") is not None
        return cls(
            name=text(attached, "name") or text(disk, "name") or "",
            id=text(managed, "id") or text(disk, "id"),
            is_os=is_os,
            sku=text(an_object(disk, "sku"), "name") or text(managed, "storageAccountType"),
            size_gb=whole(properties, "diskSizeGB") or whole(attached, "diskSizeGB"),
            shared=(whole(properties, "maxShares") or 1) > 1,
            ephemeral=same_text(text(an_object(attached, "diffDiskSettings"), "option"), "Local"),
            write_accelerator=flag(attached, "writeAcceleratorEnabled") is True,
            private_link=private,
            unmanaged=bool(an_object(attached, "vhd")) and not managed,
        )


@dataclass(frozen=True, slots=True)
class MachineBeside:
    """What a VM has that no restore point of it holds, and that a restore needs; tags and members of the plan by their names."""

    zones: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    availability_set_id: str | None = None
    plan: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ()

    @classmethod
    def from_arm(cls, vm: Json) -> Self:
        """Read the JSON of a VM; interfaces are ids."""
        properties = an_object(vm, "properties")
        network = objects(an_object(properties, "networkProfile"), "networkInterfaces")
        return cls(
            zones=texts(vm, "zones") or (),
            tags=_texts_of(an_object(vm, "tags")),
            availability_set_id=resource_id(an_object(properties, "availabilitySet"), "id"),
            plan=_texts_of(an_object(vm, "plan")),
            interfaces=tuple(id_ for one in network if (id_ := resource_id(one, "id")) is not None),
        )


@dataclass(frozen=True, slots=True)
class InterfaceFacts:
    """A network interface of a VM; None is what is not known. Of several addresses it has the primary one."""

    id: str
    subnet_id: str | None = None
    private_ip_address: str | None = None
    network_security_group_id: str | None = None
    accelerated_networking: bool | None = None

    @classmethod
    def from_arm(cls, body: Json) -> Self:
        """Read the JSON of a network interface."""
        properties = an_object(body, "properties")
        configurations = [an_object(one, "properties") for one in objects(properties, "ipConfigurations")]
        primary = next((one for one in configurations if flag(one, "primary")), configurations[0] if configurations else {})
        return cls(
            id=text(body, "id") or "",
            subnet_id=resource_id(an_object(primary, "subnet"), "id"),
            private_ip_address=text(primary, "privateIPAddress"),
            network_security_group_id=resource_id(an_object(properties, "networkSecurityGroup"), "id"),
            accelerated_networking=flag(properties, "enableAcceleratedNetworking"),
        )


@dataclass(frozen=True, slots=True)
class VirtualMachineFacts:
    """The properties of a VM that matter for restore points; `region` is ARM's name of it."""

    id: str
    region: str
    disks: tuple[DiskFacts, ...]
    confidential: bool = False
    uniform_scale_set_member: bool = False
    beside: MachineBeside = field(default_factory=MachineBeside)

    @property
    def size_gb(self) -> int | None:
        """Return the size of all disks in GB, None where one is unknown."""
        sizes = [disk.size_gb for disk in self.disks]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @classmethod
    def from_arm(cls, vm: Json, disks: Mapping[str, Json]) -> Self:
        """Read the JSON of a VM and of its disks, by their ids in any case; a missing disk is read from the VM."""
        by_key = {id_key(name) or name: disk for name, disk in disks.items()}
        properties = an_object(vm, "properties")
        storage = an_object(properties, "storageProfile")
        attached = [(disk, False) for disk in objects(storage, "dataDisks")]
        if an_object(storage, "osDisk"):
            attached.insert(0, (an_object(storage, "osDisk"), True))
        id_ = text(vm, "id") or ""
        return cls(
            id=id_,
            region=region_of(vm),
            disks=tuple(
                DiskFacts.from_arm(disk, by_key.get(id_key(text(an_object(disk, "managedDisk"), "id")) or "", {}), is_os=is_os)
                for disk, is_os in attached
            ),
            confidential=_is_confidential(properties),
            uniform_scale_set_member=_type_of(id_) == _SCALE_SET_MEMBER_TYPE.lower(),
            beside=MachineBeside.from_arm(vm),
        )


@dataclass(frozen=True, slots=True)
class RestorePointFacts:
    """A restore point of a VM, or a copy of one.

    `virtual_machine_id` is None where the collection names no VM (the collection of a copy names the source collection:
    `source_collection_id`). `captured` is the number of disks in it, None where Azure does not show it; `captured_disks` are the known ids
    of the VM's disks, `disk_sizes` their known sizes in GB by the ids in lower case. `vm_id` is the VM's own id, empty where Azure does not
    show it. `taken_at` is `timeCreated`; the documentation does not define whether that of a copy is its source's or its own.
    """

    id: str
    name: str
    region: str
    collection_id: str
    virtual_machine_id: str | None = None
    source_collection_id: str | None = None
    source_restore_point_id: str | None = None
    taken_at: datetime | None = None
    state: ProvisioningState | None = None
    consistency: ConsistencyMode | None = None
    captured: int | None = None
    captured_disks: tuple[str, ...] = ()
    size_gb: int | None = None
    confidential: bool = False
    vm_id: str = ""
    disk_sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_copy(self) -> bool:
        """Return whether it is a copy of another restore point."""
        return self.source_restore_point_id is not None or self.source_collection_id is not None

    @classmethod
    def from_arm(cls, point: Json, collection: Json) -> Self:
        """Read the JSON of a restore point and of the collection that it lies in.

        The disks captured are the data disks and the OS disk of `sourceMetadata.storageProfile` without `excludeDisks`
        (docs/azure/restore-points.md).
        """
        properties = an_object(point, "properties")
        metadata = an_object(properties, "sourceMetadata")
        disks = _captured(properties)
        sizes = [whole(disk, "diskSizeGB") for disk in disks or ()]
        source = resource_id(an_object(an_object(collection, "properties"), "source"), "id")
        of_vm = source is not None and _type_of(source) in {VIRTUAL_MACHINE_TYPE.lower(), _SCALE_SET_MEMBER_TYPE.lower()}
        id_ = text(point, "id") or ""
        return cls(
            id=id_,
            name=text(point, "name") or id_.rpartition("/")[2],
            region=region_of(collection),
            collection_id=text(collection, "id") or _collection_of(id_),
            virtual_machine_id=source if of_vm else None,
            source_collection_id=None if of_vm else source,
            source_restore_point_id=resource_id(an_object(properties, "sourceRestorePoint"), "id"),
            taken_at=moment(properties, "timeCreated"),
            state=provisioning_state(text(properties, "provisioningState")),
            consistency=_consistency(text(properties, "consistencyMode")),
            captured=None if disks is None else len(disks),
            captured_disks=tuple(disk_id for disk in disks or () if (disk_id := _disk_id(disk)) is not None),
            size_gb=None if disks is None or None in sizes else sum(size or 0 for size in sizes),
            confidential=_is_confidential(metadata),
            vm_id=(text(metadata, "vmId") or "").lower(),
            disk_sizes={
                disk_id.lower(): gb
                for disk, gb in zip(disks or (), sizes, strict=True)
                if (disk_id := _disk_id(disk)) is not None and gb is not None
            },
        )


def _texts_of(holder: Json) -> dict[str, str]:
    return {str(name): value for name in holder if isinstance(value := member(holder, name), str)}


def _captured(properties: Json) -> list[Json] | None:
    storage = an_object(an_object(properties, "sourceMetadata"), "storageProfile")
    if not storage:
        return None
    excluded = {key for disk in objects(properties, "excludeDisks") if (key := id_key(text(disk, "id"))) is not None}
    names = {key.rpartition("/")[2] for key in excluded}
    attached = [*([an_object(storage, "osDisk")] if an_object(storage, "osDisk") else []), *objects(storage, "dataDisks")]
    # a disk without an id is identified by its name, which within a VM is the last segment of its id
    return [
        disk
        for disk in attached
        if (id_key(_disk_id(disk)) not in excluded if _disk_id(disk) else (text(disk, "name") or "").lower() not in names)
    ]


def _disk_id(attached: Json) -> str | None:
    return text(an_object(attached, "managedDisk"), "id")


def _is_confidential(holder: Json) -> bool:
    return same_text(text(an_object(holder, "securityProfile"), "securityType"), "ConfidentialVM")


def _consistency(value: str | None) -> ConsistencyMode | None:
    return next((mode for mode in ConsistencyMode if same_text(value, mode)), None)


def _collection_of(point_id: str) -> str:
    try:
        return str(ResourceId.parse(point_id).parent or "")
    except ValueError:
        return ""


def _type_of(id_: str) -> str:
    try:
        return ResourceId.parse(id_).type.lower()
    except ValueError:
        return ""


def machine_of_point(point: RestorePointFacts) -> ResourceId | None:
    """Return the VM that a restore point is of, None where Azure does not show it."""
    return ResourceId.parse(point.virtual_machine_id) if point.virtual_machine_id else None
