"""What VMM holds of a subscription: clouds, templates, disks, networks, and what is sent to make one."""

from typing import Final
from uuid import UUID

from pydantic import Field

from shared.azure_pack.odata.literals import Key
from shared.azure_pack.wire.model import Input, Model, Moment

EMPTY: Final = UUID(int=0)


class Entity(Model):
    """An object of VMM. Its key is its id and its stamp's."""

    id: UUID = Field(alias="ID")
    stamp: UUID = Field(alias="StampId")
    name: str | None = None

    @property
    def key(self) -> Key:
        """The key."""
        return Key(self.id, self.stamp)


class Cloud(Entity):
    """A cloud; a subscription has one."""

    description: str | None = None


class Template(Entity):
    """A template of virtual machines; memory in MB."""

    description: str | None = None
    operating_system: str | None = None
    cpu_count: int | None = Field(default=None, alias="CPUCount")
    memory: int | None = None
    total_size: int | None = None
    generation: int | None = None
    cloud: UUID | None = Field(default=None, alias="CloudID")


class TemplateAdapter(Entity):
    """A network adapter of a template."""

    vm_network_name: str | None = Field(default=None, alias="VMNetworkName")


class Disk(Entity):
    """A virtual hard disk in the library; one with an operating system can be a machine's first disk."""

    operating_system: str | None = None
    maximum_size: int | None = None
    size: int | None = None


class HardwareProfile(Entity):
    """A size; memory in MB."""

    description: str | None = None
    cpu_count: int | None = Field(default=None, alias="CPUCount")
    memory: int | None = None


class LogicalNetwork(Entity):
    """A logical network, which the administrator has made."""

    network_virtualization_enabled: bool | None = None


class Network(Entity):
    """A virtual network."""

    description: str | None = None
    logical_network_id: UUID | None = None
    logical_network_name: str | None = None


class Subnet(Entity):
    """A subnet of a virtual network, such as `10.0.0.0/24`."""

    subnet: str | None = None
    vm_network: UUID | None = Field(default=None, alias="VMNetworkId")


class Pool(Entity):
    """A pool of static addresses of a subnet."""

    subnet: str | None = None
    vm_subnet: UUID | None = Field(default=None, alias="VMSubnetId")
    first_address: str | None = Field(default=None, alias="IPAddressRangeStart")
    last_address: str | None = Field(default=None, alias="IPAddressRangeEnd")


class Gateway(Entity):
    """The gateway of a virtual network."""

    vm_network: UUID | None = Field(default=None, alias="VMNetworkId")


class NatConnection(Entity):
    """A connection of a gateway to the outside, by address translation."""

    gateway: UUID | None = Field(default=None, alias="VMNetworkGatewayId")


class NatRule(Entity):
    """A port that a NAT connection passes on."""

    connection: UUID | None = Field(default=None, alias="NATConnectionId")
    external_port: int | None = None
    internal_port: int | None = None
    internal_address: str | None = Field(default=None, alias="InternalIPAddress")
    protocol: str | None = None


class UsageComponent(Model):
    """A dimension of a quota, and what is used of it."""

    quota_dimension: str
    role_quota: float | None = Field(default=None, alias="UserRoleQuota")
    role_usage: float | None = Field(default=None, alias="UserRoleUsage")


class Checkpoint(Entity):
    """A checkpoint of a machine."""

    description: str | None = None
    machine: UUID | None = Field(default=None, alias="VMId")
    added_time: Moment | None = None


class NewNetwork(Input):
    """A virtual network to create."""

    name: str
    stamp: UUID = Field(alias="StampId")
    logical_network_id: UUID
    description: str = ""


class NewSubnet(Input):
    """A subnet to create."""

    name: str
    stamp: UUID = Field(alias="StampId")
    subnet: str
    vm_network: UUID = Field(alias="VMNetworkId")


class NewPool(Input):
    """A pool of static addresses to create."""

    name: str
    stamp: UUID = Field(alias="StampId")
    subnet: str
    vm_subnet: UUID = Field(alias="VMSubnetId")
    first_address: str = Field(alias="IPAddressRangeStart")
    last_address: str = Field(alias="IPAddressRangeEnd")


class NewNatRule(Input):
    """A port to pass on."""

    name: str
    stamp: UUID = Field(alias="StampId")
    connection: UUID = Field(alias="NATConnectionId")
    external_port: int
    internal_port: int
    internal_address: str = Field(alias="InternalIPAddress")
    protocol: str = "TCP"
