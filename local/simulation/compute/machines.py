"""Virtual machines and what is attached to them, as the estate holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.common.activity import CREATING, Activity
from local.simulation.ids import derived, group_id, name
from local.simulation.times import moment, text_or_none


@dataclass(frozen=True, slots=True)
class AttachedDisk:
    """A disk of a machine: its LUN (None: the OS disk), its caching, and what becomes of it when the machine is deleted."""

    id: str
    lun: int | None
    caching: str
    delete_option: str = "Detach"
    create_option: str = "Attach"

    @staticmethod
    def from_json(item: str | Mapping[str, Any], index: int, vm_id: str) -> "AttachedDisk":
        """Read a disk of a machine: an id or a name, or an object with one; the first is the OS disk, the others lie on LUN 0, 1, …"""
        body = item if isinstance(item, Mapping) else {}
        lun = None if index == 0 else int(body.get("lun", index - 1))
        return AttachedDisk(
            id=disk_id(item, vm_id),
            lun=lun,
            caching=str(body.get("caching", _default_caching(lun))),
            delete_option=str(body.get("deleteOption", "Detach")),
            create_option=str(body.get("createOption", _default_creation(lun))),
        )

    def as_json(self, index: int) -> Json | str:
        """Write it: its id alone where nothing else is unusual."""
        usual = AttachedDisk(
            self.id, None if index == 0 else index - 1, _default_caching(self.lun), create_option=_default_creation(self.lun)
        )
        if self == usual:
            return self.id
        body: Json = {"id": self.id, "caching": self.caching, "deleteOption": self.delete_option, "createOption": self.create_option}
        return body if self.lun is None else {**body, "lun": self.lun}


def _default_caching(lun: int | None) -> str:
    return "ReadWrite" if lun is None else "None"


def _default_creation(lun: int | None) -> str:
    return "FromImage" if lun is None else "Attach"


@dataclass(frozen=True, slots=True)
class AttachedInterface:
    """A network interface of a machine."""

    id: str
    primary: bool = True
    delete_option: str = "Detach"

    @staticmethod
    def from_json(item: str | Mapping[str, Any]) -> "AttachedInterface":
        """Read an interface of a machine of the estate: an id, or an object with one."""
        body = {"id": item} if isinstance(item, str) else item
        return AttachedInterface(str(body["id"]), bool(body.get("primary", True)), str(body.get("deleteOption", "Detach")))

    def as_json(self) -> Json:
        """Write it as the estate has it."""
        return {"id": self.id, "primary": self.primary, "deleteOption": self.delete_option}


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """A virtual machine; the first of `disks` is the OS disk.

    `power_state` is the one after its `activity` has ended well, `power_before` the one that it had before. `scale_set` is the
    orchestration mode of a scale set that it is in; `agent` False makes application consistency fail; `create_seconds` is how long a
    restore point takes, None lets chance decide. `os_profile` never has a password; `further` are members of ARM's `properties` that are
    kept as they were sent, and `plan`, `identity` and `managedBy` beside them. `revision` counts changes, for the ETag.
    """

    id: str
    location: str
    disks: tuple[AttachedDisk, ...]
    size: str = "Standard_D2s_v3"
    os_type: str = "Windows"
    power_state: str = "running"
    power_before: str = "running"
    security_type: str | None = None
    scale_set: str | None = None
    agent: bool = True
    create_seconds: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    zones: tuple[str, ...] = ()
    generation: str = "V2"
    given_vm_id: str | None = None
    os_profile: Mapping[str, Any] | None = None
    availability_set: str | None = None
    fault_domain: int = 0
    update_domain: int = 0
    interfaces: tuple[AttachedInterface, ...] = ()
    image: Mapping[str, Any] | None = None
    generalized: bool = False
    hibernated: bool = False
    further: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    activity: Activity | None = None
    revision: int = 1
    deleted_at: datetime | None = None

    @property
    def vm_id(self) -> str:
        """The `vmId` of the machine: another one for a machine that was made anew under the same name."""
        return self.given_vm_id or derived("vm", self.id)

    @property
    def etag(self) -> str:
        """The ETag as Compute writes it: a number in quotes."""
        return f'"{self.revision}"'

    def gone(self, now: datetime) -> bool:
        """Return whether its deletion has ended."""
        return self.deleted_at is not None and self.deleted_at <= now

    def busy(self, now: datetime) -> bool:
        """Return whether an activity runs."""
        return self.activity is not None and self.activity.running(now)

    def provisioning_state(self, now: datetime) -> str:
        """Return `Creating`, `Updating`, `Deleting`, `Succeeded` or `Failed`."""
        return "Succeeded" if self.activity is None else self.activity.provisioning_state(now)

    def power(self, now: datetime) -> str | None:
        """Return the suffix of `PowerState/…`; None where Azure shows none."""
        return self.power_state if self.activity is None else self.activity.power_state(self.power_before, self.power_state, now)

    def never_ran(self, now: datetime) -> bool:
        """Return whether its creation has failed before it ran."""
        activity = self.activity
        return activity is not None and activity.kind == CREATING and not activity.running(now) and activity.runs_at is None

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "VirtualMachine":
        """Read a virtual machine of the estate; a disk is an id, a name in the same resource group, or an object with an id."""
        vm_id, seconds, activity = str(body["id"]), body.get("createSeconds"), body.get("activity")
        profile = body.get("osProfile")
        if "adminUsername" in body:
            profile = {"computerName": name(vm_id), "adminUsername": str(body["adminUsername"])} | (profile or {})
        power = str(body.get("powerState", "running"))
        return VirtualMachine(
            id=vm_id,
            location=str(body["location"]).lower(),
            disks=tuple(AttachedDisk.from_json(item, index, vm_id) for index, item in enumerate(body["disks"])),
            size=str(body.get("size", "Standard_D2s_v3")),
            os_type=str(body.get("osType", "Windows")),
            power_state=power,
            power_before=str(body.get("powerBefore", power)),
            security_type=body.get("securityType"),
            scale_set=body.get("scaleSet"),
            agent=bool(body.get("agent", True)),
            create_seconds=None if seconds is None else float(seconds),
            tags=dict(body.get("tags") or {}),
            zones=tuple(str(zone) for zone in body.get("zones") or ()),
            generation=str(body.get("generation", "V2")),
            given_vm_id=body.get("vmId"),
            os_profile=profile,
            availability_set=body.get("availabilitySet"),
            fault_domain=int(body.get("faultDomain", 0)),
            update_domain=int(body.get("updateDomain", 0)),
            interfaces=tuple(AttachedInterface.from_json(item) for item in body.get("networkInterfaces") or ()),
            image=body.get("image"),
            generalized=bool(body.get("generalized", False)),
            hibernated=bool(body.get("hibernated", False)),
            further=dict(body.get("further") or {}),
            created_at=moment(body, "createdAt"),
            activity=None if activity is None else Activity.from_json(activity),
            revision=int(body.get("revision", 1)),
            deleted_at=moment(body, "deletedAt"),
        )

    def as_json(self) -> Json:
        """Write a virtual machine as the estate has it."""
        return _without_nothing(
            {
                "id": self.id,
                "location": self.location,
                "disks": [disk.as_json(index) for index, disk in enumerate(self.disks)],
                "size": self.size,
                "osType": self.os_type,
                "powerState": self.power_state,
                "powerBefore": None if self.power_before == self.power_state else self.power_before,
                "securityType": self.security_type,
                "scaleSet": self.scale_set,
                "agent": None if self.agent else False,
                "createSeconds": self.create_seconds,
                "tags": dict(self.tags),
                "zones": list(self.zones),
                "generation": None if self.generation == "V2" else self.generation,
                "vmId": self.given_vm_id,
                "osProfile": None if self.os_profile is None else dict(self.os_profile),
                "availabilitySet": self.availability_set,
                "faultDomain": self.fault_domain or None,
                "updateDomain": self.update_domain or None,
                "networkInterfaces": [each.as_json() for each in self.interfaces],
                "image": None if self.image is None else dict(self.image),
                "generalized": self.generalized or None,
                "hibernated": self.hibernated or None,
                "further": dict(self.further),
                "createdAt": text_or_none(self.created_at),
                "activity": None if self.activity is None else self.activity.as_json(),
                "revision": None if self.revision == 1 else self.revision,
                "deletedAt": text_or_none(self.deleted_at),
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
                "computerName": (self.os_profile or {}).get("computerName", name(self.id)),
                "vmId": self.given_vm_id,
                "generation": None if self.generation == "V2" else self.generation,
                "licenseType": self.further.get("licenseType"),
                "caching": {str(disk.lun): disk.caching for disk in self.disks if disk.caching != _default_caching(disk.lun)},
            }
        )


def _without_nothing(body: Json) -> Json:
    return {member: value for member, value in body.items() if value not in (None, {}, [], ())}


def disk_id(item: str | Mapping[str, Any], vm_id: str) -> str:
    """Return the id of a disk that a virtual machine of the estate names."""
    text = str(item if isinstance(item, str) else item.get("id") or item["name"])
    return text if "/" in text else f"{group_id(vm_id)}/providers/Microsoft.Compute/disks/{text}"
