"""What Microsoft.Compute answers of disks: bodies as in the REST specification (2024-03-02)."""

from datetime import datetime

from local.simulation.arm.tables import Json
from local.simulation.compute.disks.disk import DISK, Disk
from local.simulation.compute.machines import VirtualMachine
from local.simulation.ids import name
from local.simulation.times import to_text

PLATFORM_KEY = "EncryptionAtRestWithPlatformKey"
#: The sorts of disk whose data arrives in the background visibly.
FILLED_SLOWLY = ("ultrassd_lrs", "premiumv2_lrs")


def disk_state(row: Disk, owners: list[VirtualMachine], now: datetime) -> str:
    """Return Azure's `diskState`."""
    if row.accessed(now):
        return "ActiveSAS"
    if owners:
        return "Reserved" if all(_at_rest(each, now) for each in owners) else "Attached"
    return "Attached" if row.detached_at is not None and now < row.detached_at else "Unattached"


def _at_rest(machine: VirtualMachine, now: datetime) -> bool:
    return machine.power(now) == "deallocated" or machine.never_ran(now)


def disk(row: Disk, owners: list[VirtualMachine], now: datetime) -> Json:
    """Return a `Disk`; `owners` are the virtual machines that it is attached to."""
    customer_key = row.disk_encryption_set is not None
    properties: Json = {
        "creationData": dict(row.creation or {"createOption": "FromImage" if row.os_type else "Empty"}),
        "diskSizeGB": row.size_gb,
        "diskSizeBytes": row.size_gb * 2**30,
        "uniqueId": row.unique_id,
        "provisioningState": provisioning_state(row, now),
        "diskState": disk_state(row, owners, now),
        "encryption": {"type": "EncryptionAtRestWithCustomerKey" if customer_key else PLATFORM_KEY}
        | ({"diskEncryptionSetId": row.disk_encryption_set} if customer_key else {}),
        "networkAccessPolicy": row.network_access,
        "publicNetworkAccess": "Enabled",
    }
    properties |= _of_operating_system(row)
    if row.created_at is not None:
        properties["timeCreated"] = to_text(row.created_at)
    if row.filled_at is not None:
        properties["completionPercent"] = _filled(row, now)
    if row.auth_mode is not None:
        properties["dataAccessAuthMode"] = row.auth_mode
    if row.max_shares > 1:
        properties |= {"maxShares": row.max_shares, "shareInfo": [{"vmUri": each.id} for each in owners]}
    body: Json = {
        "id": row.id,
        "name": name(row.id),
        "type": DISK,
        "location": row.location,
        "tags": dict(row.tags),
        "sku": {"name": row.sku, "tier": row.sku.split("_", maxsplit=1)[0]},
        "properties": properties,
    }
    if row.zones:
        body["zones"] = list(row.zones)
    return body | ({"managedBy": owners[0].id} if owners else {})


def _of_operating_system(row: Disk) -> Json:
    if row.os_type is None:
        return {}
    properties: Json = {"osType": row.os_type, "hyperVGeneration": row.generation or "V2"}
    if row.security_type is not None:
        properties["securityProfile"] = {"securityType": row.security_type}
    if row.purchase_plan is not None:
        properties["purchasePlan"] = dict(row.purchase_plan)
    return properties


def provisioning_state(row: Disk, now: datetime) -> str:
    """Return the disk's provisioning state."""
    if row.deleted_at is not None:
        return "Deleting"
    return "Succeeded" if row.activity is None else row.activity.provisioning_state(now)


def _filled(row: Disk, now: datetime) -> float:
    if row.filled_at is None or now >= row.filled_at or row.created_at is None:
        return 100.0
    return round(99.0 * (now - row.created_at).total_seconds() / (row.filled_at - row.created_at).total_seconds(), 1)
