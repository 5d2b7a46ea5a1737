"""How inventories are read."""

from enum import StrEnum


class InventorySource(StrEnum):
    """How an inventory was read."""

    RESOURCE_GRAPH = "resourceGraph"
    LISTING = "listing"
