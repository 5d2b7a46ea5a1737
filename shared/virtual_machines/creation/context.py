"""What is known when a machine is to be created: facts of Azure, the hosting plan and the registry. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.access.records.plan import HostingPlan
from shared.arm.failures import in_doubt
from shared.arm.ids import ResourceId
from shared.arm.reading import own_id, region_of, resource_id
from shared.values.reading import Json, an_object, known_text, objects, text, texts, whole
from shared.virtual_machines.facts import GENERATIONS, LABEL_TAG, OS_TYPES, SECURITY_TYPES, SLOT_TAG, tags_of
from shared.virtual_machines.resource_manager.catalogue import ImageFacts, Region
from shared.virtual_machines.rules.ports import OpenPort, Protocol

FOR_TAG = "farshore-for"
"""The tag of a balancer: the ARM id of the availability set or the machine whose ports it has."""


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """A managed disk."""

    id: str
    region: str
    zone: str | None
    size_gb: int
    sku: str
    state: str
    attached_to: str | None
    os_type: str | None
    generation: str
    security_type: str
    max_shares: int
    network_access: str = "AllowAll"
    auth_mode: str | None = None

    @staticmethod
    def from_arm(body: Json) -> "DiskFacts":
        """Read a `Disk`; raises `CallFailure`, so that the read is repeated, where it shows nothing of it: no state, no size."""
        properties, zones = an_object(body, "properties"), texts(body, "zones") or ()
        if not properties:
            raise in_doubt("NotShown", f"Azure shows {own_id(body)} without its properties. The read is retried.")
        return DiskFacts(
            id=own_id(body),
            region=region_of(body),
            zone=zones[0] if zones else None,
            size_gb=whole(properties, "diskSizeGB") or 0,
            sku=text(an_object(body, "sku"), "name") or "",
            state=text(properties, "diskState") or "",
            attached_to=resource_id(body, "managedBy"),
            os_type=known_text(properties, "osType", OS_TYPES),
            generation=known_text(properties, "hyperVGeneration", GENERATIONS) or "V1",
            security_type=known_text(an_object(properties, "securityProfile"), "securityType", SECURITY_TYPES) or "Standard",
            max_shares=whole(properties, "maxShares") or 1,
            network_access=text(properties, "networkAccessPolicy") or "AllowAll",
            auth_mode=text(properties, "dataAccessAuthMode"),
        )


@dataclass(frozen=True, slots=True)
class SetFacts:
    """An availability set: a deployment."""

    id: str
    region: str
    slot: str | None
    label: str | None
    update_domains: int
    fault_domains: int
    machines: tuple[str, ...]

    @staticmethod
    def from_arm(body: Json) -> "SetFacts":
        """Read an `AvailabilitySet`."""
        properties, tags = an_object(body, "properties"), tags_of(body)
        return SetFacts(
            id=own_id(body),
            region=region_of(body),
            slot=tags.get(SLOT_TAG),
            label=tags.get(LABEL_TAG),
            update_domains=whole(properties, "platformUpdateDomainCount") or 5,
            fault_domains=whole(properties, "platformFaultDomainCount") or 2,
            machines=tuple(found for one in objects(properties, "virtualMachines") if (found := resource_id(one, "id")) is not None),
        )


@dataclass(frozen=True, slots=True)
class BalancerFacts:
    """The balancer of a deployment or a machine: its first front end, the address of that, and the ports of its NAT rules."""

    id: str
    front_end: str
    address: str | None
    pools: tuple[str, ...]
    rules: tuple[str, ...]
    ports: tuple[OpenPort, ...]
    tags: Mapping[str, str]

    @staticmethod
    def from_arm(body: Json) -> "BalancerFacts":
        """Read a `LoadBalancer`."""
        properties = an_object(body, "properties")
        front = next(iter(objects(properties, "frontendIPConfigurations")), {})
        rules = objects(properties, "inboundNatRules")
        return BalancerFacts(
            id=own_id(body),
            front_end=text(front, "id") or f"{own_id(body)}/frontendIPConfigurations/frontend",
            address=resource_id(an_object(an_object(front, "properties"), "publicIPAddress"), "id"),
            pools=tuple(found for one in objects(properties, "backendAddressPools") if (found := text(one, "id")) is not None),
            rules=tuple(found for one in rules if (found := text(one, "id")) is not None),
            ports=tuple(port for one in rules if (port := _port_of(one)) is not None),
            tags=tags_of(body),
        )


@dataclass(frozen=True, slots=True)
class CreationContext:
    """What a request for a machine is checked against, and what its plan is made from.

    `image` or `os_disk` is what it starts from. `existing` and `sources` are the disks that the body names, by the position of the data
    disk. `deployment_network` is the virtual network of the machines that the deployment has. `slot_holder` is the other deployment of the
    wanted slot. `subnet_region` is None where the subnet does not exist; `subnet` are its properties in Azure. `behind_another` is whether
    the deployment is behind a public balancer that others made.
    """

    subscription_id: str
    service: str
    service_region: str
    region: str
    region_known: bool
    plan: HostingPlan | None
    here: Region
    size: str | None
    name_taken: bool
    image: ImageFacts | None
    os_disk: DiskFacts | None
    existing: Mapping[int, DiskFacts | None]
    subnet_id: str | None
    subnet_region: str | None
    subnet: Json
    deployment: SetFacts | None
    deployment_network: str | None
    slot_holder: str | None
    balancer: BalancerFacts | None
    behind_another: bool = False

    @property
    def group(self) -> str:
        """The path of the service."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.service}"

    def id_of(self, provider: str, kind: str, name: str) -> ResourceId:
        """Return the id of a resource in the service."""
        return ResourceId.parse(f"{self.group}/providers/{provider}/{kind}/{name}")


def network_of(subnet: str) -> str:
    """Return the virtual network of a subnet."""
    return subnet.rpartition("/subnets/")[0]


def _port_of(rule: Json) -> OpenPort | None:
    """Return the port of a NAT rule of version 2; its pool is named after its machine."""
    properties = an_object(rule, "properties")
    public, local = whole(properties, "frontendPortRangeStart", "frontendPort"), whole(properties, "backendPort")
    protocol = (text(properties, "protocol") or "").lower()
    if public is None or local is None or protocol not in set(Protocol):
        return None
    pool = resource_id(an_object(properties, "backendAddressPool"), "id") or ""
    machine = pool.rpartition("/")[2].rpartition("-pool-")[0]
    name = (text(rule, "name") or "").rpartition("-")[0]
    return OpenPort(Protocol(protocol), public, local, machine, name)
