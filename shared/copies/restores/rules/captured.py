"""The machine as it was: read from the `sourceMetadata` of a restore point, which outlives the machine (docs/azure/restore-points.md)."""

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict

from shared.arm.reading import id_key
from shared.values.documents import Document
from shared.values.reading import Json, an_object, flag, member, objects, same_text, text, texts, whole

CONFIDENTIAL = "ConfidentialVM"
TRUSTED_LAUNCH = "TrustedLaunch"


class _Part(Document):
    model_config = ConfigDict(extra="ignore")


class CapturedDisk(_Part):
    """One disk; `lun` None is the OS disk, `restore_point_id` its disk restore point."""

    restore_point_id: str
    lun: int | None = None
    name: str = ""
    caching: str | None = None
    size_gb: int | None = None
    sku: str | None = None
    encrypted: bool = False

    @property
    def is_os(self) -> bool:
        """Whether it is the OS disk."""
        return self.lun is None


class CapturedInterface(_Part):
    """A network interface that the machine had; None is what is not known."""

    id: str
    subnet_id: str | None = None
    private_ip_address: str | None = None
    network_security_group_id: str | None = None
    accelerated_networking: bool | None = None


class MachineAsItWas(_Part):
    """The machine when the restore point was taken.

    A restore point holds its size, disks, security profile, generation and licence; zones, tags, availability set, interfaces and plan are
    there only where the ledger has them.
    """

    size: str | None = None
    os_type: str | None = None
    generation: str | None = None
    security_type: str | None = None
    uefi: dict[str, bool] = {}
    encryption_at_host: bool | None = None
    license_type: str | None = None
    disk_controller_type: str | None = None
    user_data: str | None = None
    computer_name: str | None = None
    vm_id: str | None = None
    region: str | None = None
    plan: dict[str, str] | None = None
    zones: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    availability_set_id: str | None = None
    network_interfaces: tuple[CapturedInterface, ...] = ()
    disks: tuple[CapturedDisk, ...] = ()

    @property
    def os_disk(self) -> CapturedDisk | None:
        """The OS disk; None where the restore point left it out."""
        return next((disk for disk in self.disks if disk.is_os), None)

    @property
    def confidential(self) -> bool:
        """Whether it is a confidential VM."""
        return same_text(self.security_type, CONFIDENTIAL)


def captured(point: Json, os_disk_point: Json | None = None) -> MachineAsItWas:
    """Read a restore point, and the disk restore point of its OS disk where it was read.

    Disks without a disk restore point were not captured: they have none to be made from.
    """
    properties = an_object(point, "properties")
    metadata = an_object(properties, "sourceMetadata")
    storage, security = an_object(metadata, "storageProfile"), an_object(metadata, "securityProfile")
    os_properties = an_object(os_disk_point or {}, "properties")
    attached = [(an_object(storage, "osDisk"), None), *((disk, whole(disk, "lun")) for disk in objects(storage, "dataDisks"))]
    uefi = an_object(security, "uefiSettings")
    return MachineAsItWas(
        size=text(an_object(metadata, "hardwareProfile"), "vmSize"),
        os_type=text(an_object(storage, "osDisk"), "osType") or text(os_properties, "osType"),
        generation=text(metadata, "hyperVGeneration") or text(os_properties, "hyperVGeneration"),
        security_type=_security_type(security, os_properties),
        uefi={name: value for name in ("secureBootEnabled", "vTpmEnabled") if (value := flag(uefi, name)) is not None},
        encryption_at_host=flag(security, "encryptionAtHost"),
        license_type=text(metadata, "licenseType"),
        disk_controller_type=text(storage, "diskControllerType"),
        user_data=text(metadata, "userData"),
        computer_name=text(an_object(metadata, "osProfile"), "computerName"),
        vm_id=text(metadata, "vmId"),
        region=text(metadata, "location"),
        plan=_plan(an_object(os_properties, "purchasePlan")),
        disks=tuple(disk for item, lun in attached if (disk := _disk(item, lun, is_os=item is attached[0][0])) is not None),
    )


def os_disk_point(point: Json) -> str | None:
    """Return the id of the disk restore point of the OS disk; None where the restore point left it out."""
    storage = an_object(an_object(an_object(point, "properties"), "sourceMetadata"), "storageProfile")
    return text(an_object(an_object(storage, "osDisk"), "diskRestorePoint"), "id")


def with_ledger(was: MachineAsItWas, kept: Json) -> MachineAsItWas:
    """Return the machine with what only the ledger has of it."""
    interfaces = tuple(CapturedInterface.model_validate(one) for one in objects(kept, "networkInterfaces") if text(one, "id"))
    plan = _plan(an_object(kept, "plan"))
    return was.model_copy(
        update={
            "zones": texts(kept, "zones") or was.zones,
            "tags": _texts(an_object(kept, "tags")),
            "availability_set_id": text(kept, "availabilitySetId"),
            "network_interfaces": interfaces,
            "plan": was.plan or plan,
        }
    )


def chosen(disks: Sequence[CapturedDisk], only: Sequence[int | str] | None) -> list[CapturedDisk]:
    """Return the disks that a request means; None means all."""
    return [disk for disk in disks if only is None or ("os" if disk.is_os else disk.lun) in only]


def absent(disks: Sequence[CapturedDisk], only: Sequence[int | str] | None) -> list[int | str]:
    """Return what a request names and the restore point does not have."""
    there = {"os" if disk.is_os else disk.lun for disk in disks}
    return [one for one in only or () if one not in there]


def _disk(attached: Json, lun: int | None, *, is_os: bool) -> CapturedDisk | None:  # read by position, in one place
    point = text(an_object(attached, "diskRestorePoint"), "id")
    if point is None or id_key(point) is None or (lun is None and not is_os):
        return None
    return CapturedDisk(
        restore_point_id=point,
        lun=lun,
        name=text(attached, "name") or "",
        caching=text(attached, "caching"),
        size_gb=whole(attached, "diskSizeGB"),
        sku=text(an_object(attached, "managedDisk"), "storageAccountType"),
        encrypted=flag(an_object(attached, "encryptionSettings"), "enabled") is True,
    )


def _security_type(security: Json, os_properties: Json) -> str | None:
    """Return the security type; Standard, which newer api-versions write, is none."""
    found = text(security, "securityType") or text(an_object(os_properties, "securityProfile"), "securityType")
    return None if same_text(found, "Standard") else found


def _plan(given: Json) -> dict[str, str] | None:
    found = {name: value for name in ("name", "publisher", "product", "promotionCode") if (value := text(given, name)) is not None}
    return found or None


def _texts(holder: Json) -> dict[str, str]:
    return {str(name): str(value) for name in holder if isinstance(value := _member(holder, name), str)}


def _member(holder: Json, name: str) -> Any:  # noqa: ANN401  # any JSON
    return member(holder, name)
