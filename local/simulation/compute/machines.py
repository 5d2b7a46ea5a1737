"""Disks and virtual machines, as the estate holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.ids import group_id, name


def _without_nothing(body: Json) -> Json:
    return {member: value for member, value in body.items() if value not in (None, {}, [], ())}


@dataclass(frozen=True, slots=True)
class Disk:
    """A managed disk.

    `copy_minutes` is how long its copy to another region takes, in minutes of Azure's time; None lets size and chance decide;
    `coarse` is whether it then shows only 0 and 100, None leaves that to chance.
    """

    id: str
    location: str
    sku: str = "Premium_LRS"
    size_gb: int = 64
    os_type: str | None = None
    max_shares: int = 1
    network_access: str = "AllowAll"
    write_accelerator: bool = False
    ephemeral: bool = False
    disk_encryption_set: str | None = None
    copy_minutes: float | None = None
    coarse: bool | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Disk":
        """Read a disk of the estate; everything but id and location may be left out."""
        minutes = body.get("copyMinutes")
        return Disk(
            id=str(body["id"]),
            location=str(body["location"]).lower(),
            sku=str(body.get("sku", "Premium_LRS")),
            size_gb=int(body.get("sizeGB", 64)),
            os_type=body.get("osType"),
            max_shares=int(body.get("maxShares", 1)),
            network_access=str(body.get("networkAccessPolicy", "AllowAll")),
            write_accelerator=bool(body.get("writeAccelerator", False)),
            ephemeral=bool(body.get("ephemeral", False)),
            disk_encryption_set=body.get("diskEncryptionSet"),
            copy_minutes=None if minutes is None else float(minutes),
            coarse=body.get("coarse"),
            tags=dict(body.get("tags") or {}),
        )

    def as_json(self) -> Json:
        """Write a disk as the estate has it."""
        return _without_nothing(
            {
                "id": self.id,
                "location": self.location,
                "sku": self.sku,
                "sizeGB": self.size_gb,
                "osType": self.os_type,
                "maxShares": self.max_shares,
                "networkAccessPolicy": self.network_access,
                "writeAccelerator": self.write_accelerator or None,
                "ephemeral": self.ephemeral or None,
                "diskEncryptionSet": self.disk_encryption_set,
                "copyMinutes": self.copy_minutes,
                "coarse": self.coarse,
                "tags": dict(self.tags),
            }
        )


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """A virtual machine; `disks` are ids, the first is the OS disk, the others lie on LUN 0, 1, …

    `scale_set` is the orchestration mode of a scale set that it is in; `agent` False makes application consistency fail;
    `create_seconds` is how long a restore point takes, None lets chance decide.
    """

    id: str
    location: str
    disks: tuple[str, ...]
    size: str = "Standard_D2s_v3"
    os_type: str = "Windows"
    power_state: str = "running"
    security_type: str | None = None
    scale_set: str | None = None
    agent: bool = True
    create_seconds: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "VirtualMachine":
        """Read a virtual machine of the estate; a disk is an id, a name in the same resource group, or an object with an id."""
        vm_id, seconds = str(body["id"]), body.get("createSeconds")
        return VirtualMachine(
            id=vm_id,
            location=str(body["location"]).lower(),
            disks=tuple(disk_id(item, vm_id) for item in body["disks"]),
            size=str(body.get("size", "Standard_D2s_v3")),
            os_type=str(body.get("osType", "Windows")),
            power_state=str(body.get("powerState", "running")),
            security_type=body.get("securityType"),
            scale_set=body.get("scaleSet"),
            agent=bool(body.get("agent", True)),
            create_seconds=None if seconds is None else float(seconds),
            tags=dict(body.get("tags") or {}),
        )

    def as_json(self) -> Json:
        """Write a virtual machine as the estate has it."""
        return _without_nothing(
            {
                "id": self.id,
                "location": self.location,
                "disks": list(self.disks),
                "size": self.size,
                "osType": self.os_type,
                "powerState": self.power_state,
                "securityType": self.security_type,
                "scaleSet": self.scale_set,
                "agent": None if self.agent else False,
                "createSeconds": self.create_seconds,
                "tags": dict(self.tags),
            }
        )

    def snapshot(self) -> Json:
        """Return what a restore point remembers of the machine, also when that is gone."""
        return _without_nothing(
            {
                "id": self.id,
                "location": self.location,
                "size": self.size,
                "osType": self.os_type,
                "securityType": self.security_type,
                "computerName": name(self.id),
            }
        )


def disk_id(item: str | Mapping[str, Any], vm_id: str) -> str:
    """Return the id of a disk that a virtual machine of the estate names."""
    text = str(item if isinstance(item, str) else item.get("id") or item["name"])
    return text if "/" in text else f"{group_id(vm_id)}/providers/Microsoft.Compute/disks/{text}"
