"""What Microsoft.Network keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json, Table
from local.simulation.ids import key


@dataclass(frozen=True, slots=True)
class VirtualNetwork:
    """A virtual network: address prefixes, and subnets as name and prefix."""

    id: str
    location: str
    address_prefixes: tuple[str, ...] = ("10.0.0.0/16",)
    subnets: tuple[tuple[str, str], ...] = (("default", "10.0.0.0/24"),)
    tags: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "VirtualNetwork":
        """Read a virtual network of the estate; prefixes and subnets may be left out."""
        return VirtualNetwork(
            id=str(body["id"]),
            location=str(body["location"]).lower(),
            address_prefixes=tuple(str(item) for item in body.get("addressPrefixes", ["10.0.0.0/16"])),
            subnets=tuple(
                (str(item["name"]), str(item["addressPrefix"]))
                for item in body.get("subnets", [{"name": "default", "addressPrefix": "10.0.0.0/24"}])
            ),
            tags=dict(body.get("tags") or {}),
        )

    def as_json(self) -> Json:
        """Write a virtual network as the estate has it."""
        body: Json = {
            "id": self.id,
            "location": self.location,
            "addressPrefixes": list(self.address_prefixes),
            "subnets": [{"name": name, "addressPrefix": prefix} for name, prefix in self.subnets],
        }
        if self.tags:
            body["tags"] = dict(self.tags)
        return body


class NetworkState:
    """Virtual networks by id."""

    def __init__(self) -> None:
        self.networks: Table[VirtualNetwork] = Table("virtualNetworks", VirtualNetwork.from_json, VirtualNetwork.as_json)

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table, for the store."""
        return (self.networks,)

    def load(self, estate: Mapping[str, Any], _: datetime, __: int) -> None:
        """Take over the virtual networks of an estate."""
        for item in estate.get("virtualNetworks", []):
            row = VirtualNetwork.from_json(item)
            self.networks.put(key(row.id), row)

    def dump(self, _: datetime) -> Json:
        """Write them as the estate has them."""
        return {"virtualNetworks": [row.as_json() for row in self.networks.values()]}
