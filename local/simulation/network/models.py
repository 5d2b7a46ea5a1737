"""What Microsoft.Network keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json, Table
from local.simulation.common.document import Document
from local.simulation.ids import key

#: Resource types of this namespace that are kept as documents, by the member of the estate.
KINDS = {
    "networkInterfaces": "Microsoft.Network/networkInterfaces",
    "networkSecurityGroups": "Microsoft.Network/networkSecurityGroups",
    "publicIPAddresses": "Microsoft.Network/publicIPAddresses",
    "loadBalancers": "Microsoft.Network/loadBalancers",
}

_OF_SUBNETS = ("networkSecurityGroup", "natGateway", "routeTable", "defaultOutboundAccess")


@dataclass(frozen=True, slots=True)
class VirtualNetwork:
    """A virtual network: address prefixes, and subnets as name and prefix.

    `further` is by subnet what it has beside: ids as `networkSecurityGroup`, `natGateway`, `routeTable`, and `defaultOutboundAccess`.
    `peerings` have `name`, `remote` (an id) and `state`.
    """

    id: str
    location: str
    address_prefixes: tuple[str, ...] = ("10.0.0.0/16",)
    subnets: tuple[tuple[str, str], ...] = (("default", "10.0.0.0/24"),)
    tags: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    peerings: tuple[Mapping[str, Any], ...] = ()

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
            further={
                str(item["name"]): {member: item[member] for member in _OF_SUBNETS if member in item}
                for item in body.get("subnets", [])
                if any(member in item for member in _OF_SUBNETS)
            },
            peerings=tuple(dict(item) for item in body.get("peerings") or ()),
        )

    def as_json(self) -> Json:
        """Write a virtual network as the estate has it."""
        body: Json = {
            "id": self.id,
            "location": self.location,
            "addressPrefixes": list(self.address_prefixes),
            "subnets": [{"name": name, "addressPrefix": prefix, **self.further.get(name, {})} for name, prefix in self.subnets],
        }
        if self.tags:
            body["tags"] = dict(self.tags)
        if self.peerings:
            body["peerings"] = [dict(peering) for peering in self.peerings]
        return body


class NetworkState:
    """Virtual networks, and per kind the documents of everything else, by id."""

    def __init__(self) -> None:
        self.networks: Table[VirtualNetwork] = Table("virtualNetworks", VirtualNetwork.from_json, VirtualNetwork.as_json)
        self.documents: dict[str, Table[Document]] = {kind: Table(kind, Document.from_json, Document.as_json) for kind in KINDS}
        self.operations: Table[Json] = Table("networkOperations", dict, dict)

    @property
    def interfaces(self) -> Table[Document]:
        """The network interfaces."""
        return self.documents["networkInterfaces"]

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table, for the store."""
        return (self.networks, *self.documents.values(), self.operations)

    def there(self, kind: str, resource_id: str, now: datetime) -> Document | None:
        """Return a document that is there, or whose deletion still runs."""
        found = self.documents[kind].get(key(resource_id))
        return None if found is None or found.gone(now) else found

    def live(self, kind: str, now: datetime) -> list[Document]:
        """Return the documents of a kind."""
        return [each for each in self.documents[kind].values() if not each.gone(now)]

    def subnet(self, subnet_id: str) -> tuple[VirtualNetwork, str] | None:
        """Return the virtual network and the address prefix of a subnet; None where there is none."""
        network_id, _, wanted = key(subnet_id).partition("/subnets/")
        network = self.networks.get(network_id)
        for subnet, prefix in network.subnets if network is not None else ():
            if network is not None and subnet.lower() == wanted:
                return network, prefix
        return None

    def load(self, estate: Mapping[str, Any], _: datetime, __: int) -> None:
        """Take over the virtual networks and the documents of an estate."""
        for item in estate.get("virtualNetworks", []):
            row = VirtualNetwork.from_json(item)
            self.networks.put(key(row.id), row)
        for kind, table in self.documents.items():
            for item in estate.get(kind, []):
                document = Document.from_json(item)
                table.put(key(document.id), document)

    def dump(self, now: datetime) -> Json:
        """Write them as the estate has them."""
        return {
            "virtualNetworks": [row.as_json() for row in self.networks.values()],
            **{kind: rows for kind in self.documents if (rows := [row.as_json() for row in self.live(kind, now)])},
        }
