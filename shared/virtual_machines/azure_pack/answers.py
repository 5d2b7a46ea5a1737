"""What answers show of machines on Azure Pack, and of what they are made of. Members that this backend has not are null."""

from pydantic import Field

from shared.moments import Moment
from shared.values.documents import Document
from shared.virtual_machines.answers import RunningOperation
from shared.virtual_machines.azure_pack.rules import Shown
from shared.virtual_machines.rules.names import OsType


class PackFacts(Document):
    """What only a machine on Azure Pack has; `role` is the VM role that it belongs to."""

    subscription_id: str
    stamp_id: str
    cloud_id: str | None
    status_string: str | None
    role: str | None


class PackDisk(Document):
    """A disk of a machine."""

    id: str
    name: str | None
    lun: int | None


class PackMachine(Document):
    """A machine on Azure Pack."""

    id: str
    name: str
    tenant: str
    subscription_id: str
    service: None = None
    deployment: None = None
    slot: None = None
    region: None = None
    zone: None = None
    size: None = None
    cores: int | None
    memory_gb: float | None = Field(alias="memoryGB")
    size_gb: int | None = Field(alias="sizeGB")
    os_type: OsType | None
    operating_system: str | None
    power_state: Shown
    update_domain: None = None
    fault_domain: None = None
    computer_name: str | None
    description: str | None
    networks: tuple[str, ...]
    private_ip: str | None
    disks: tuple[PackDisk, ...]
    tags: dict[str, str] = Field(default_factory=dict)
    created_at: Moment | None
    azure_pack: PackFacts
    operation: RunningOperation | None = None


class PackImage(Document):
    """What a machine can be made of: a template, or a disk with an operating system, which needs a size."""

    id: str
    name: str
    kind: str
    os_type: OsType | None
    cores: int | None
    memory_gb: float | None = Field(alias="memoryGB")
    size_gb: int | None = Field(alias="sizeGB")
    generation: int | None
    subscription_id: str


class PackSize(Document):
    """A size: a hardware profile."""

    id: str
    name: str
    cores: int | None
    memory_gb: float | None = Field(alias="memoryGB")
    subscription_id: str


class PackSubnet(Document):
    """A subnet of a network."""

    id: str
    name: str | None
    address_prefix: str | None


class PackNetwork(Document):
    """A network of VMM; `hasGateway`: its machines can have ports."""

    id: str
    name: str
    logical_network: str | None
    subnets: tuple[PackSubnet, ...]
    has_gateway: bool
    subscription_id: str


class PackCheckpoint(Document):
    """A checkpoint of a machine."""

    id: str
    name: str
    description: str | None
    created_at: Moment | None


class PackPortBody(Document):
    """A port of a machine."""

    name: str
    protocol: str
    port: int | None
    local_port: int | None
    public_ip: None = None
