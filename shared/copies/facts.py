"""What the rules need to know of a VM, its disks and a restore point, read from ARM's JSON.

The readers are tolerant: what is missing or of another type is read as unknown, never as an error, because Azure adds and
leaves out members as it likes. The rules decide what to do with the unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from shared.arm.ids import ResourceId
from shared.clock import from_text
from shared.copies.copying.models import VIRTUAL_MACHINE_TYPE, ConsistencyMode

Json = Mapping[str, object]
"""A JSON object as `json.loads` gives it."""

_SCALE_SET_MEMBER_TYPE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """One disk of a VM.

    `id` is None where Azure shows no managed disk (then it cannot be excluded); `sku` is Azure's name, such as
    `UltraSSD_LRS`, None when unknown; `private_link` is true where the disk's network access goes through a disk access resource.
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
        """The id in the form that ids are compared by; empty when there is none."""
        return id_key(self.id) or ""

    @classmethod
    def from_arm(cls, attached: Json, disk: Json, *, is_os: bool) -> Self:
        """Read a disk from the VM's storage profile (`osDisk` or one of `dataDisks`) and the disk resource, empty if unknown."""
        managed = _object(attached, "managedDisk")
        properties = _object(disk, "properties")
        # without a disk access resource "AllowPrivate" has no meaning, but either one shows the intent
        private = _text(properties, "networkAccessPolicy") == "AllowPrivate" or _text(properties, "diskAccessId") is not None
        return cls(
            name=_text(attached, "name") or _text(disk, "name") or "",
            id=_text(managed, "id") or _text(disk, "id"),
            is_os=is_os,
            sku=_text(_object(disk, "sku"), "name") or _text(managed, "storageAccountType"),
            size_gb=_whole(properties, "diskSizeGB") or _whole(attached, "diskSizeGB"),
            shared=(_whole(properties, "maxShares") or 1) > 1,
            ephemeral=_text(_object(attached, "diffDiskSettings"), "option") == "Local",
            write_accelerator=attached.get("writeAcceleratorEnabled") is True,
            private_link=private,
            unmanaged=bool(_object(attached, "vhd")) and not managed,
        )


@dataclass(frozen=True, slots=True)
class VirtualMachineFacts:
    """A VM as far as restore points are concerned; `region` is ARM's name of it."""

    id: str
    region: str
    disks: tuple[DiskFacts, ...]
    confidential: bool = False
    uniform_scale_set_member: bool = False

    @property
    def size_gb(self) -> int | None:
        """The size of all disks in GB, None when one is unknown."""
        sizes = [disk.size_gb for disk in self.disks]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @classmethod
    def from_arm(cls, vm: Json, disks: Mapping[str, Json]) -> Self:
        """Read the JSON of a VM and of its disks, by their ids in any case; one that is missing is read from the VM."""
        by_key = {id_key(name) or name: disk for name, disk in disks.items()}
        properties = _object(vm, "properties")
        storage = _object(properties, "storageProfile")
        attached = [(disk, False) for disk in _objects(storage, "dataDisks")]
        if _object(storage, "osDisk"):
            attached.insert(0, (_object(storage, "osDisk"), True))
        id_ = _text(vm, "id") or ""
        return cls(
            id=id_,
            region=_region(vm),
            disks=tuple(
                DiskFacts.from_arm(disk, by_key.get(id_key(_text(_object(disk, "managedDisk"), "id")) or "", {}), is_os=is_os)
                for disk, is_os in attached
            ),
            confidential=_is_confidential(properties),
            uniform_scale_set_member=_type_of(id_) == _SCALE_SET_MEMBER_TYPE.lower(),
        )


@dataclass(frozen=True, slots=True)
class RestorePointFacts:
    """A restore point, of a VM or a copy of one.

    `virtual_machine_id` is None where the collection names no VM (that of a copy names the source collection:
    `source_collection_id`). `captured` is the number of disks in it, None when Azure does not tell; `captured_disks` are the
    ids of the VM's disks as far as known. `taken_at` is `timeCreated`; of a copy the documentation does not say whether
    that is its source's or its own.
    """

    id: str
    name: str
    region: str
    collection_id: str
    virtual_machine_id: str | None = None
    source_collection_id: str | None = None
    source_restore_point_id: str | None = None
    taken_at: datetime | None = None
    state: str | None = None
    consistency: ConsistencyMode | None = None
    captured: int | None = None
    captured_disks: tuple[str, ...] = ()
    size_gb: int | None = None
    confidential: bool = False

    @property
    def is_copy(self) -> bool:
        """Whether it is itself a copy of another restore point."""
        return self.source_restore_point_id is not None or self.source_collection_id is not None

    @classmethod
    def from_arm(cls, point: Json, collection: Json) -> Self:
        """Read the JSON of a restore point and of the collection that it lies in.

        The disks captured are the data disks and the OS disk of `sourceMetadata.storageProfile` without `excludeDisks`
        (facts/restore-points.md, "Completion").
        """
        properties = _object(point, "properties")
        metadata = _object(properties, "sourceMetadata")
        disks = _captured(properties)
        sizes = [_whole(disk, "diskSizeGB") for disk in disks or ()]
        source = _text(_object(_object(collection, "properties"), "source"), "id")
        of_vm = source is not None and _type_of(source) in {VIRTUAL_MACHINE_TYPE.lower(), _SCALE_SET_MEMBER_TYPE.lower()}
        id_ = _text(point, "id") or ""
        return cls(
            id=id_,
            name=_text(point, "name") or id_.rpartition("/")[2],
            region=_region(collection),
            collection_id=_text(collection, "id") or id_.rpartition("/restorePoints/")[0],
            virtual_machine_id=_normal(source) if of_vm else None,
            source_collection_id=None if of_vm else _normal(source),
            source_restore_point_id=_normal(_text(_object(properties, "sourceRestorePoint"), "id")),
            taken_at=_moment(properties, "timeCreated"),
            state=_text(properties, "provisioningState"),
            consistency=_consistency(_text(properties, "consistencyMode")),
            captured=None if disks is None else len(disks),
            captured_disks=tuple(disk_id for disk in disks or () if (disk_id := _disk_id(disk)) is not None),
            size_gb=None if disks is None or None in sizes else sum(size or 0 for size in sizes),
            confidential=_is_confidential(metadata),
        )


def id_key(id_: str | None) -> str | None:
    """Return the form that ids are compared by (facts/restore-points.md, "Ids"), or None for what is no id."""
    if id_ is None:
        return None
    try:
        return ResourceId.parse(id_).key
    except ValueError:
        return None


def _captured(properties: Json) -> list[Json] | None:
    storage = _object(_object(properties, "sourceMetadata"), "storageProfile")
    if not storage:
        return None
    excluded = {key for disk in _objects(properties, "excludeDisks") if (key := id_key(_text(disk, "id"))) is not None}
    names = {key.rpartition("/")[2] for key in excluded}
    attached = [*([_object(storage, "osDisk")] if _object(storage, "osDisk") else []), *_objects(storage, "dataDisks")]
    # a disk without an id is told by its name, which within a VM is its id's last segment
    return [
        disk
        for disk in attached
        if (id_key(_disk_id(disk)) not in excluded if _disk_id(disk) else (_text(disk, "name") or "").lower() not in names)
    ]


def _disk_id(attached: Json) -> str | None:
    return _text(_object(attached, "managedDisk"), "id")


def _is_confidential(holder: Json) -> bool:
    return _text(_object(holder, "securityProfile"), "securityType") == "ConfidentialVM"


def _consistency(text: str | None) -> ConsistencyMode | None:
    return next((mode for mode in ConsistencyMode if text is not None and mode.lower() == text.lower()), None)


def _normal(id_: str | None) -> str | None:
    try:
        return str(ResourceId.parse(id_)) if id_ is not None else None
    except ValueError:
        return id_


def _type_of(id_: str) -> str:
    try:
        return ResourceId.parse(id_).type.lower()
    except ValueError:
        return ""


def _region(resource: Json) -> str:
    return "".join((_text(resource, "location") or "").split()).lower()


def _moment(holder: Json, name: str) -> datetime | None:
    text = _text(holder, name)
    try:
        return from_text(text) if text is not None else None
    except ValueError:
        return None


def _object(holder: Json, name: str) -> Json:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def _objects(holder: Json, name: str) -> list[Json]:
    value = holder.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _text(holder: Json, name: str) -> str | None:
    value = holder.get(name)
    return value if isinstance(value, str) and value else None


def _whole(holder: Json, name: str) -> int | None:
    value = holder.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
