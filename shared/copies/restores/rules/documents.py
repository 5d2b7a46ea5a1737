"""The documents that a restore sends to Azure: disks, network interfaces, machines (docs/design/restores.md, "What is made")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.copies.restores.request import RestoredMachine, RestoreNetwork
from shared.copies.restores.rules.captured import CapturedDisk, MachineAsItWas
from shared.copies.restores.rules.fields import NEED_A_ZONE
from shared.values.reading import same_text

Json = dict[str, Any]
_DEFAULT_SIZE = "Standard_D2s_v3"


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What is made of one machine: as captured, or as asked."""

    request: RestoredMachine
    was: MachineAsItWas
    region: str
    network: RestoreNetwork | None
    drill: bool
    tags: Mapping[str, str]

    @property
    def zone(self) -> str | None:
        """The zone, None where it is in none."""
        if self.request.zone is not None or self.request.availability_set_id is not None:
            return self.request.zone
        return next(iter(self.was.zones), None)

    @property
    def size(self) -> str:
        """The size of the machine."""
        return self.request.size or self.was.size or _DEFAULT_SIZE

    @property
    def subnet_id(self) -> str | None:
        """The subnet of its interface."""
        return self.request.subnet_id or (self.network.subnet_id if self.network is not None else None)

    @property
    def security_group_id(self) -> str | None:
        """The security group of its interface."""
        return self.request.network_security_group_id or (self.network.network_security_group_id if self.network is not None else None)

    def sku_of(self, disk: CapturedDisk) -> str | None:
        """Return the sort of a disk."""
        return self.request.disks.sku or disk.sku

    @property
    def delete_option(self) -> str:
        """What becomes of disks and interface when the machine is deleted."""
        return "Delete" if self.drill else "Detach"


def disk_document(spec: MachineSpec, disk: CapturedDisk) -> Json:
    """Return a disk made from a disk restore point, in its region; the data arrives in the background."""
    properties: Json = {"creationData": {"createOption": "Restore", "sourceResourceId": disk.restore_point_id}}
    if disk.size_gb is not None:
        properties["diskSizeGB"] = disk.size_gb
    if disk.is_os:
        properties |= _given(osType=spec.was.os_type, hyperVGeneration=spec.was.generation)
        if spec.was.security_type is not None:
            properties["securityProfile"] = {"securityType": spec.was.security_type}
    if spec.request.disks.disk_encryption_set_id is not None:
        properties["encryption"] = {
            "type": "EncryptionAtRestWithCustomerKey",
            "diskEncryptionSetId": spec.request.disks.disk_encryption_set_id,
        }
    body: Json = {"location": spec.region, "tags": dict(spec.tags), "properties": properties}
    sku = spec.sku_of(disk)
    if sku is not None:
        body["sku"] = {"name": sku}
    if spec.zone is not None and not (sku or "").upper().endswith("_ZRS"):
        body["zones"] = [spec.zone]
    return body


def interface_document(spec: MachineSpec) -> Json:
    """Return the one network interface of a machine; it never has a public address."""
    address = spec.request.private_ip_address
    configuration: Json = {"subnet": {"id": spec.subnet_id}, "privateIPAllocationMethod": "Dynamic" if address is None else "Static"}
    if address is not None:
        configuration["privateIPAddress"] = address
    properties: Json = {"ipConfigurations": [{"name": "ipconfig1", "properties": configuration}]}
    if spec.security_group_id is not None:
        properties["networkSecurityGroup"] = {"id": spec.security_group_id}
    if any(interface.accelerated_networking for interface in spec.was.network_interfaces):
        properties["enableAcceleratedNetworking"] = True
    return {"location": spec.region, "tags": dict(spec.tags), "properties": properties}


def machine_document(spec: MachineSpec, disks: Mapping[int | None, str], interface: str) -> Json:
    """Return a machine of attached disks, by LUN (None: the OS disk). It has no `osProfile`, which Azure refuses for a specialized disk."""
    was, attached = spec.was, [disk for disk in spec.was.disks if disk.lun in disks]
    storage: Json = {
        "dataDisks": [{"lun": disk.lun, **_attached(spec, disk, disks[disk.lun])} for disk in attached if not disk.is_os],
        **_given(diskControllerType=was.disk_controller_type),
    }
    for disk in attached:
        if disk.is_os:
            storage["osDisk"] = {"osType": was.os_type, **_attached(spec, disk, disks[None])}
    properties: Json = {
        "hardwareProfile": {"vmSize": spec.size},
        "storageProfile": storage,
        "networkProfile": {"networkInterfaces": [{"id": interface, "properties": {"primary": True, "deleteOption": spec.delete_option}}]},
        "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
        **_given(licenseType=was.license_type, userData=was.user_data),
    }
    security = _security(was)
    if security:
        properties["securityProfile"] = security
    if spec.request.availability_set_id is not None:
        properties["availabilitySet"] = {"id": spec.request.availability_set_id}
    if any(same_text(spec.sku_of(disk), "UltraSSD_LRS") for disk in attached):
        properties["additionalCapabilities"] = {"ultraSSDEnabled": True}
    body: Json = {"location": spec.region, "tags": dict(spec.tags), "properties": properties, **_given(plan=was.plan)}
    if spec.zone is not None:
        body["zones"] = [spec.zone]
    return body


def fills_slowly(sku: str | None) -> bool:
    """Return whether Azure shows how far the data of such a disk has arrived, and limits how many are filled at a time."""
    return (sku or "").lower() in NEED_A_ZONE


def not_restored(was: MachineAsItWas) -> tuple[str, ...]:
    """Return what a restored machine does not have again."""
    left_out = ["identity", "extensions", "proximityPlacementGroup", "publicAddresses", "loadBalancers"]
    if was.uefi.get("vTpmEnabled") or was.security_type is not None:
        left_out.append("vTpmState")
    if was.availability_set_id is not None:
        left_out.append("availabilitySet")
    if len(was.network_interfaces) > 1:
        left_out.append("furtherNetworkInterfaces")
    if was.tags:
        left_out.append("tags")
    return tuple(left_out)


def _attached(spec: MachineSpec, disk: CapturedDisk, disk_id: str) -> Json:
    return {
        "createOption": "Attach",
        "managedDisk": {"id": disk_id},
        "deleteOption": spec.delete_option,
        **_given(caching=disk.caching),
    }


def _security(was: MachineAsItWas) -> Json:
    security = _given(securityType=was.security_type, encryptionAtHost=was.encryption_at_host)
    return security | ({"uefiSettings": dict(was.uefi)} if was.uefi else {})


def _given(**members: Any) -> Json:  # noqa: ANN401  # any JSON
    return {name: value for name, value in members.items() if value is not None}
