"""What an order can name, and its limits. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Resource(StrEnum):
    """What an order can name."""

    VM_COUNT = "vmCount"
    CPU_COUNT = "cpuCount"
    MEMORY_MB = "memoryMB"
    STORAGE_GB = "storageGB"
    NETWORKS = "networks"
    BANDWIDTH_IN = "bandwidthInMbps"
    BANDWIDTH_OUT = "bandwidthOutMbps"
    VPN_CONNECTIONS = "vpnConnections"
    PUBLIC_ADDRESSES = "publicAddresses"


CLOUD_RESOURCES: Final = (Resource.VM_COUNT, Resource.CPU_COUNT, Resource.MEMORY_MB, Resource.STORAGE_GB)
NETWORK_RESOURCES: Final = (
    Resource.NETWORKS, Resource.BANDWIDTH_IN, Resource.BANDWIDTH_OUT, Resource.VPN_CONNECTIONS, Resource.PUBLIC_ADDRESSES,
)  # fmt: skip
Limits = Mapping[Resource, int | None]
"""A limit for each resource; None is unlimited."""
