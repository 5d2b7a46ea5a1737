"""The sizes that the simulation knows, as `ResourceSkus_List` and `VirtualMachineSizes_List` show them.

An estate changes one by an entry of its `skus`: `{"name", "locations"?, "restricted"?, "zones"?}`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from local.simulation.arm.errors import ArmError, invalid_parameter
from local.simulation.arm.tables import Json
from local.simulation.compute.state import ComputeState

ZONES = ("1", "2", "3")


@dataclass(frozen=True, slots=True)
class Size:
    """A size of virtual machine; `restricted`: the subscription may not use it."""

    name: str
    family: str
    cores: int
    memory_gb: float
    data_disks: int
    premium: bool = True
    generations: tuple[str, ...] = ("V1", "V2")
    temporary_gb: int = 0
    trusted_launch: bool = True
    zones: tuple[str, ...] = ZONES
    restricted: bool = False


SIZES = (
    Size(
        "Standard_A2_v2", "standardAv2Family", 2, 4, 4, premium=False, generations=("V1",), temporary_gb=20, trusted_launch=False, zones=()
    ),
    Size("Standard_B1s", "standardBSFamily", 1, 1, 2, temporary_gb=4),
    Size("Standard_B2s", "standardBSFamily", 2, 4, 4, temporary_gb=8),
    Size("Standard_D2_v3", "standardDv3Family", 2, 8, 4, premium=False, temporary_gb=50),
    Size("Standard_D2s_v3", "standardDSv3Family", 2, 8, 4, temporary_gb=16),
    Size("Standard_D4s_v3", "standardDSv3Family", 4, 16, 8, temporary_gb=32),
    Size("Standard_D8s_v3", "standardDSv3Family", 8, 32, 16, temporary_gb=64),
    Size("Standard_D2s_v5", "standardDSv5Family", 2, 8, 4),
    Size("Standard_D4s_v5", "standardDSv5Family", 4, 16, 8),
    Size("Standard_E4s_v5", "standardESv5Family", 4, 32, 8, zones=("1", "2")),
    Size("Standard_F2s_v2", "standardFSv2Family", 2, 4, 4, temporary_gb=16),
    Size("Standard_M64s", "standardMSFamily", 64, 1024, 64, temporary_gb=2048, restricted=True),
)
_BY_NAME = {size.name.lower(): size for size in SIZES}


def sizes_in(state: ComputeState, location: str) -> Iterable[Size]:
    """Return every size with what it is in a location."""
    for size in SIZES:
        yield _there(state, size, location)


def find(state: ComputeState, name: str, location: str) -> Size | None:
    """Return a size by name, without regard to case."""
    size = _BY_NAME.get(name.lower())
    return None if size is None else _there(state, size, location)


def _there(state: ComputeState, size: Size, location: str) -> Size:
    for row in state.restrictions.values():
        if str(row["name"]).lower() == size.name.lower() and location in row.get("locations", [location]):
            size = replace(size, restricted=bool(row.get("restricted", size.restricted)), zones=tuple(row.get("zones", size.zones)))
    return size


def usable(state: ComputeState, name: str, location: str, zones: tuple[str, ...]) -> Size:
    """Return a size that a machine may have; raises `ArmError` 400 for an unknown one, 409 for one that is not available there."""
    size = find(state, name, location)
    if size is None:
        known = ", ".join(each.name for each in SIZES)
        raise invalid_parameter(
            f"The value {name} provided for the VM size is not valid. The valid sizes in the current region are: {known}.", "vmSize"
        )
    if size.restricted or not set(zones) <= set(size.zones):
        where = f" zone '{zones[0]}'" if zones and not size.restricted else ""
        raise ArmError(
            409,
            "SkuNotAvailable",
            f"The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {size.name}' is currently not "
            f"available in location '{location}'{where}. Please try another size or deploy to a different location or different zone.",
        )
    return size


def sku(size: Size, location: str) -> Json:
    """Return a `ResourceSku`."""
    capabilities = {
        "MaxResourceVolumeMB": size.temporary_gb * 1024,
        "OSVhdSizeMB": 1047552,
        "vCPUs": size.cores,
        "HyperVGenerations": ",".join(size.generations),
        "MemoryGB": f"{size.memory_gb:g}",
        "MaxDataDiskCount": size.data_disks,
        "CpuArchitectureType": "x64",
        "PremiumIO": size.premium,
        "vCPUsAvailable": size.cores,
        "EncryptionAtHostSupported": True,
        "AcceleratedNetworkingEnabled": size.cores > 1,
        "MaxNetworkInterfaces": 2,
    }
    if not size.trusted_launch:
        capabilities["TrustedLaunchDisabled"] = True
    body: Json = {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.removeprefix("Standard_"),
        "family": size.family,
        "locations": [location],
        "locationInfo": [{"location": location, "zones": list(size.zones), "zoneDetails": []}],
        "capabilities": [{"name": name, "value": str(value)} for name, value in capabilities.items()],
        "restrictions": [],
    }
    if size.restricted:
        body["restrictions"] = [
            {
                "type": "Location",
                "values": [location],
                "restrictionInfo": {"locations": [location]},
                "reasonCode": "NotAvailableForSubscription",
            }
        ]
    return body


def availability_set_sku(location: str) -> Json:
    """Return the `ResourceSku` of availability sets of managed disks, with the fault domains of the region."""
    return {
        "resourceType": "availabilitySets",
        "name": "Aligned",
        "locations": [location],
        "locationInfo": [{"location": location, "zones": [], "zoneDetails": []}],
        "capabilities": [{"name": "MaximumPlatformFaultDomainCount", "value": str(FAULT_DOMAINS)}],
        "restrictions": [],
    }


#: How many fault domains an availability set of managed disks has at most.
FAULT_DOMAINS = 3


def vm_size(size: Size) -> Json:
    """Return a `VirtualMachineSize`."""
    return {
        "name": size.name,
        "numberOfCores": size.cores,
        "osDiskSizeInMB": 1047552,
        "resourceDiskSizeInMB": size.temporary_gb * 1024,
        "memoryInMB": int(size.memory_gb * 1024),
        "maxDataDiskCount": size.data_disks,
    }
