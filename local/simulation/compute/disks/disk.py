"""A managed disk, as the estate holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from local.simulation.arm.tables import Json
from local.simulation.common.activity import Activity
from local.simulation.ids import derived
from local.simulation.times import moment, text_or_none, to_text

DISK = "Microsoft.Compute/disks"


@dataclass(frozen=True, slots=True)
class Disk:
    """A managed disk.

    `copy_minutes` is how long its copy to another region takes, in minutes of Azure's time; None lets size and chance decide;
    `coarse` is whether it then shows only 0 and 100, None leaves that to chance. `detached_at` is when the detachment from its last
    machine ends, `sas_until` the end of the access that was granted last, `filled_at` when its data has arrived in the background.
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
    zones: tuple[str, ...] = ()
    generation: str | None = None
    security_type: str | None = None
    auth_mode: str | None = None
    creation: Mapping[str, Any] | None = None
    purchase_plan: Mapping[str, Any] | None = None
    created_at: datetime | None = None
    activity: Activity | None = None
    detached_at: datetime | None = None
    filled_at: datetime | None = None
    sas_until: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def unique_id(self) -> str:
        """The `uniqueId` of the disk: another one for a disk that was made anew under the same name."""
        return derived("disk", self.id, *([self.created_at.isoformat()] if self.created_at else []))

    def gone(self, now: datetime) -> bool:
        """Return whether its deletion has ended."""
        return self.deleted_at is not None and self.deleted_at <= now

    def accessed(self, now: datetime) -> bool:
        """Return whether a shared access signature is open."""
        return self.sas_until is not None and self.sas_until > now

    def signature(self) -> str:
        """Return the SAS of the access that was granted last."""
        until = to_text(self.sas_until) if self.sas_until is not None else ""
        blob = f"https://md-{derived('blob', self.id)[:12]}.z1.blob.storage.azure.net/{derived('container', self.id)[:12]}/abcd"
        return f"{blob}?sv=2018-03-28&sr=b&se={quote(until)}&sig={derived('sas', self.unique_id, until)}"

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Disk":
        """Read a disk of the estate; everything but id and location may be left out."""
        minutes, activity = body.get("copyMinutes"), body.get("activity")
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
            zones=tuple(str(zone) for zone in body.get("zones") or ()),
            generation=body.get("generation"),
            security_type=body.get("securityType"),
            auth_mode=body.get("dataAccessAuthMode"),
            creation=body.get("creationData"),
            purchase_plan=body.get("purchasePlan"),
            created_at=moment(body, "createdAt"),
            activity=None if activity is None else Activity.from_json(activity),
            detached_at=moment(body, "detachedAt"),
            filled_at=moment(body, "filledAt"),
            sas_until=moment(body, "sasUntil"),
            deleted_at=moment(body, "deletedAt"),
        )

    def as_json(self) -> Json:
        """Write a disk as the estate has it."""
        body: Json = {
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
            "zones": list(self.zones),
            "generation": self.generation,
            "securityType": self.security_type,
            "dataAccessAuthMode": self.auth_mode,
            "creationData": None if self.creation is None else dict(self.creation),
            "purchasePlan": None if self.purchase_plan is None else dict(self.purchase_plan),
            "createdAt": text_or_none(self.created_at),
            "activity": None if self.activity is None else self.activity.as_json(),
            "detachedAt": text_or_none(self.detached_at),
            "filledAt": text_or_none(self.filled_at),
            "sasUntil": text_or_none(self.sas_until),
            "deletedAt": text_or_none(self.deleted_at),
        }
        return {member: value for member, value in body.items() if value not in (None, {}, [])}
