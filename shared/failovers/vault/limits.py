"""Azure's limits on what Site Recovery protects: provider versions, copy frequencies, virtual machines.

Sources: docs/azure/site-recovery.md, "Limits" and "Hosters and CSP partners".
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.arm.reading import own_id
from shared.failovers.vault.names import Provider
from shared.values.checks import CheckResult
from shared.values.reading import Json, an_object, objects, same_text, text, whole

if TYPE_CHECKING:
    from shared.failovers.vault.facts import ProviderFacts  # requests need the limits, not what is read of a vault

LEAST_PROVIDER = (5, 1, 1256, 0)
"""An older provider fails with "unknown error" when it reads the vault's certificate."""
MAX_OS_DISK_GB = {1: 2048, 2: 300}
"""By the generation of the virtual machine."""
MAX_DATA_DISKS = 16
MAX_DATA_DISK_GB = 4095

MAX_RECOVERY_POINT_HOURS = {Provider.HYPER_V_REPLICA_AZURE: 24, Provider.A2A: 360}
"""How long a replication policy keeps recovery points at most: 24 hours of Hyper-V, 15 days of machines in Azure."""
MAX_SNAPSHOT_HOURS = {Provider.HYPER_V_REPLICA_AZURE: 12}
"""The longest time between two application-consistent recovery points; of machines in Azure, Azure decides."""
MAX_BOOT_GROUPS = 7
"""How many groups of the type Boot a recovery plan has at most."""

_VM_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine that can be protected; members that the host does not report are None. Sizes in GB."""

    name: str
    generation: int | None = None
    os_disk_gb: int | None = None
    data_disks_gb: tuple[int, ...] | None = None
    bitlocker: bool | None = None
    shared_vhd: bool | None = None
    fibre_channel: bool | None = None


def version_check(provider: "ProviderFacts") -> tuple[CheckResult, str]:
    """Compare the version of a provider with the least supported one, number by number: 5.1.999 is older than 5.1.1256."""
    least = ".".join(str(number) for number in LEAST_PROVIDER)
    version = version_numbers(provider.version)
    if version is None:
        return CheckResult.UNKNOWN, f"the version of the provider is not known; {least} is the least"
    if version < LEAST_PROVIDER:
        return CheckResult.FAILURE, f"version {provider.version} is older than {least}, and cannot read the vault's certificate: update it"
    return CheckResult.PASS, f"version {provider.version} is {least} or newer"


def version_numbers(text: str | None) -> tuple[int, int, int, int] | None:
    """Read a version of up to four numbers, missing ones being 0; None for anything else."""
    parts = (text or "").strip().split(".")
    if not 1 <= len(parts) <= 4 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        return None
    numbers = [int(part) for part in parts] + [0] * (4 - len(parts))
    return numbers[0], numbers[1], numbers[2], numbers[3]


def frequency_check(seconds: int) -> tuple[CheckResult, str]:
    """Check that a copy frequency is one that Azure offers: 30 or 300 seconds; 900 is legacy."""
    if seconds in {30, 300}:
        return CheckResult.PASS, f"changes are copied every {seconds} seconds"
    if seconds == 900:
        return CheckResult.WARNING, "changes are copied every 900 seconds, which Azure no longer offers: change it to 30 or 300"
    return CheckResult.FAILURE, f"Azure has no copy frequency of {seconds} seconds: 30 or 300 are possible"


def is_vm_name(name: str) -> bool:
    """Return whether Azure accepts a name for a virtual machine: 1 to 63 letters, digits and hyphens, none of them at an end."""
    return _VM_NAME.fullmatch(name) is not None


def machine_faults(machine: Machine) -> tuple[str, ...]:
    """Return each limit of Azure's that a virtual machine exceeds, as text."""
    faults = []
    if not is_vm_name(machine.name):
        faults.append(f"its name '{machine.name}' has other characters than letters, digits and hyphens, or more than 63")
    limit = MAX_OS_DISK_GB.get(machine.generation or 1, min(MAX_OS_DISK_GB.values()))
    if machine.os_disk_gb is not None and machine.os_disk_gb > limit:
        faults.append(f"its OS disk has {machine.os_disk_gb} GB, and {limit} GB are possible")
    disks = machine.data_disks_gb or ()
    if len(disks) > MAX_DATA_DISKS:
        faults.append(f"it has {len(disks)} data disks, and {MAX_DATA_DISKS} are possible")
    faults += [f"a data disk has {size} GB, and {MAX_DATA_DISK_GB} GB are possible" for size in disks if size > MAX_DATA_DISK_GB]
    unfit = ((machine.bitlocker, "BitLocker"), (machine.shared_vhd, "a shared VHD"), (machine.fibre_channel, "a Fibre Channel adapter"))
    return (*faults, *(f"it uses {what}, which Azure does not support" for used, what in unfit if used))


def machine_of(item: Json) -> Machine:
    """Read a replicationProtectableItem, as far as Azure limits it; what it does not report is None."""
    properties = an_object(item, "properties")
    details = an_object(properties, "customDetails")
    disks = objects(details, "diskDetails")
    sizes = {text(disk, "vhdId") or str(number): whole(disk, "maxSizeMB") for number, disk in enumerate(disks)}
    boot = next((text(disk, "vhdId") for disk in disks if same_text(text(disk, "vhdType"), "OperatingSystem")), None)
    generation = whole(details, "generation")
    os_mb = sizes.get(boot) if boot is not None else None
    return Machine(
        name=text(properties, "friendlyName") or own_id(item).rpartition("/")[2],
        generation=generation,
        os_disk_gb=-(-os_mb // 1024) if os_mb is not None else None,
        data_disks_gb=tuple(-(-size // 1024) for id_, size in sizes.items() if id_ != boot and size is not None) if disks else None,
        shared_vhd=_present(details, "hasSharedVhd"),
        fibre_channel=_present(details, "hasFibreChannelAdapter"),
    )


def _present(details: Json, member: str) -> bool | None:
    return {"present": True, "notpresent": False}.get((text(details, member) or "").lower())
