"""Writes the answers of machines on Azure Pack, and of what they are made of."""

from typing import Final

from shared.access.records.azure_pack_subscriptions import MappedSubscription
from shared.azure_pack.vmm.machines import Machine
from shared.azure_pack.vmm.models import Checkpoint, Disk, HardwareProfile, NatRule, Network, Subnet, Template
from shared.virtual_machines.answers import RunningOperation
from shared.virtual_machines.azure_pack.answers import (
    PackCheckpoint,
    PackDisk,
    PackFacts,
    PackImage,
    PackMachine,
    PackNetwork,
    PackPortBody,
    PackSize,
    PackSubnet,
)
from shared.virtual_machines.azure_pack.rules import shown_state
from shared.virtual_machines.rules.names import OsType

_MB: Final = 1024
_GB: Final = 1 << 30


def machine_body(machine: Machine, mapped: MappedSubscription, operation: RunningOperation | None = None) -> PackMachine:
    """Return a machine as its own answer shows it."""
    addresses = [address for adapter in machine.adapters for address in adapter.addresses]
    return PackMachine(
        id=str(machine.id),
        name=machine.name or str(machine.id),
        tenant=mapped.tenant,
        subscription_id=mapped.id,
        cores=machine.cpu_count,
        memory_gb=gigabytes(machine.memory),
        size_gb=_size(machine.total_size),
        os_type=os_type(machine.operating_system),
        operating_system=machine.operating_system,
        power_state=shown_state(machine.status_string),
        computer_name=machine.computer_name,
        description=machine.description or None,
        networks=tuple(adapter.vm_network_name for adapter in machine.adapters if adapter.vm_network_name),
        private_ip=addresses[0] if addresses else None,
        disks=tuple(PackDisk(id=str(disk.id), name=disk.name, lun=disk.lun) for disk in machine.disks),
        created_at=machine.added_time,
        azure_pack=PackFacts(
            subscription_id=mapped.id,
            stamp_id=str(machine.stamp),
            cloud_id=str(machine.cloud_id) if machine.cloud_id is not None else None,
            status_string=machine.status_string,
            role=machine.role,
        ),
        operation=operation,
    )


def template_body(template: Template, subscription: str) -> PackImage:
    """Return a template as an image."""
    return PackImage(
        id=str(template.id), name=template.name or str(template.id), kind="template", os_type=os_type(template.operating_system),
        cores=template.cpu_count, memory_gb=gigabytes(template.memory), size_gb=_size(template.total_size),
        generation=template.generation, subscription_id=subscription,
    )  # fmt: skip


def disk_body(disk: Disk, subscription: str) -> PackImage:
    """Return a disk with an operating system as an image."""
    return PackImage(
        id=str(disk.id), name=disk.name or str(disk.id), kind="disk", os_type=os_type(disk.operating_system), cores=None, memory_gb=None,
        size_gb=_size(disk.maximum_size), generation=None, subscription_id=subscription,
    )  # fmt: skip


def size_body(profile: HardwareProfile, subscription: str) -> PackSize:
    """Return a hardware profile as a size."""
    return PackSize(
        id=str(profile.id), name=profile.name or str(profile.id), cores=profile.cpu_count, memory_gb=gigabytes(profile.memory),
        subscription_id=subscription,
    )  # fmt: skip


def network_body(network: Network, subnets: tuple[Subnet, ...], subscription: str, *, has_gateway: bool) -> PackNetwork:
    """Return a network with its subnets."""
    return PackNetwork(
        id=str(network.id), name=network.name or str(network.id), logical_network=network.logical_network_name,
        subnets=tuple(PackSubnet(id=str(one.id), name=one.name, address_prefix=one.subnet) for one in subnets),
        has_gateway=has_gateway, subscription_id=subscription,
    )  # fmt: skip


def checkpoint_body(checkpoint: Checkpoint) -> PackCheckpoint:
    """Return a checkpoint."""
    name = checkpoint.name or str(checkpoint.id)
    return PackCheckpoint(id=str(checkpoint.id), name=name, description=checkpoint.description or None, created_at=checkpoint.added_time)


def port_body(rule: NatRule) -> PackPortBody:
    """Return a port."""
    return PackPortBody(
        name=rule.name or str(rule.id), protocol=(rule.protocol or "tcp").lower(), port=rule.external_port, local_port=rule.internal_port
    )


def os_type(operating_system: str | None) -> OsType | None:
    """Return the type of an operating system by its name; None where none is named."""
    if not operating_system:
        return None
    return OsType.WINDOWS if "windows" in operating_system.lower() else OsType.LINUX


def gigabytes(megabytes: int | None) -> float | None:
    """Return an amount of memory in GB, a fraction below one."""
    return None if megabytes is None else megabytes / _MB


def _size(octets: int | None) -> int | None:
    return None if octets is None else -(-octets // _GB)
