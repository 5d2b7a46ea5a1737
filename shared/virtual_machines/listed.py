"""What answers show of services, deployments, sizes, networks, images and disks (docs/design/virtual-machines.md, "Answers")."""

from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field

from shared.arm.reading import own_id, region_of, resource_id
from shared.moments import Moment
from shared.values.documents import Document
from shared.values.reading import Json, an_object, last_segment, moment, objects, text, texts, whole
from shared.virtual_machines.facts import LABEL_TAG, MachineFacts, settled, shown_tags, tags_of
from shared.virtual_machines.rules.power import PowerState, Provisioning

if TYPE_CHECKING:
    from shared.virtual_machines.access.records import DiskAccess
    from shared.virtual_machines.creation.context import BalancerFacts, SetFacts
    from shared.virtual_machines.rules.sizes import OfferedSize


DESCRIPTION_TAG = "farshore-description"
CATEGORY_TAG = "farshore-category"
SIZE_TAG = "farshore-recommended-size"
_LONGEST_TAG = 256
_KEPT_ADDRESSES = 5


class Service(Document):
    """A service: a resource group for machines."""

    name: str
    subscription_id: str
    region: str
    label: str
    description: str
    tags: dict[str, str]
    state: str


class DeploymentMachine(Document):
    """A machine of a deployment."""

    name: str
    id: str
    power_state: PowerState
    provisioning_state: str
    size: str
    update_domain: int | None
    fault_domain: int | None


class InputPort(Document):
    """A port of a deployment's public address."""

    virtual_machine: str
    name: str
    public_ip: str | None
    port: int
    protocol: str


class DeploymentStatus(StrEnum):
    """What the machines of a deployment do."""

    RUNNING = "Running"
    STOPPED = "Stopped"
    MIXED = "Mixed"
    CHANGING = "Changing"
    EMPTY = "Empty"


class Deployment(Document):
    """A deployment: an availability set."""

    name: str
    id: str
    service: str
    slot: str | None
    label: str
    region: str
    public_ip: str | None
    update_domain_count: int
    fault_domain_count: int
    status: DeploymentStatus
    virtual_machines: tuple[DeploymentMachine, ...]
    input_ports: tuple[InputPort, ...]


class Size(Document):
    """A size that a tenant can choose; `reason` is why it cannot be used here."""

    name: str
    size: str
    cores: int
    memory_gb: float = Field(alias="memoryGB")
    max_data_disks: int
    premium_disks: bool
    generations: tuple[str, ...]
    zones: tuple[str, ...]
    available: bool
    reason: str | None


class Network(Document):
    """A network for new machines."""

    region: str
    subnet_id: str
    address_prefix: str | None
    free_addresses: int | None


class ImageKind(StrEnum):
    """Whose an image is."""

    OWN = "own"
    PLAN = "plan"


class Image(Document):
    """An image: a managed image of the tenant, or one that its hosting plan offers."""

    name: str
    id: str | None
    kind: ImageKind
    label: str
    category: str | None
    os_type: str | None
    generation: str | None
    size_gb: int | None = Field(alias="sizeGB")
    region: str | None
    recommended_size: str | None
    state: str | None
    source: str | None
    reference: dict[str, str] | None
    created_at: Moment | None


class OpenAccess(Document):
    """Read access to a disk that an operation opened; `revealed` is whether its SAS was shown."""

    operation: str
    expires_at: Moment
    revealed: bool


class RevealedAccess(Document):
    """A SAS, which is shown once; it opens the disk until `expiresAt`, or until the access is revoked."""

    access_sas: str
    expires_at: Moment


class Disk(Document):
    """A managed disk; `state` is Azure's `diskState`, `access` the access that was opened here and is not revoked."""

    name: str
    id: str
    service: str
    region: str
    zone: str | None
    size_gb: int | None = Field(alias="sizeGB")
    sku: str | None
    os_type: str | None
    state: str | None
    attached_to: str | None
    network_access_policy: str | None
    access: OpenAccess | None = None


def service_of(body: Json) -> Service:
    """Return a service, as its resource group's document shows it."""
    name, tags = text(body, "name") or "", tags_of(body)
    path = text(body, "id") or ""
    return Service(
        name=name,
        subscription_id=path.split("/")[2].lower() if path.count("/") > 2 else "",
        region=region_of(body),
        label=tags.get(LABEL_TAG, name),
        description="".join(tags[key] for key in sorted(tags) if key.startswith(DESCRIPTION_TAG)),
        tags=shown_tags(tags),
        state=text(an_object(body, "properties"), "provisioningState") or "",
    )


def description_tags(description: str) -> dict[str, str]:
    """Return the tags that hold a description: a tag's value has 256 characters at most."""
    parts = [description[start : start + _LONGEST_TAG] for start in range(0, len(description), _LONGEST_TAG)]
    return {f"{DESCRIPTION_TAG}-{number}": part for number, part in enumerate(parts)}


def deployment_of(
    found: "SetFacts",
    machines: tuple[MachineFacts, ...],
    balancer: "BalancerFacts | None",
    public_ip: str | None,
) -> Deployment:
    """Return a deployment with its machines and ports."""
    name, service = last_segment(found.id), found.id.split("/")[4]
    ports = balancer.ports if balancer is not None else ()
    return Deployment(
        name=name,
        id=found.id,
        service=service,
        slot=found.slot,
        label=found.label or name,
        region=found.region,
        public_ip=public_ip,
        update_domain_count=found.update_domains,
        fault_domain_count=found.fault_domains,
        status=status_of(machines),
        virtual_machines=tuple(_member(one) for one in sorted(machines, key=lambda one: one.name.lower())),
        input_ports=tuple(
            InputPort(virtual_machine=port.machine, name=port.name, public_ip=public_ip, port=port.port, protocol=str(port.protocol))
            for port in ports
        ),
    )


def status_of(machines: tuple[MachineFacts, ...]) -> DeploymentStatus:
    """Return what the machines of a deployment do together."""
    if not machines:
        return DeploymentStatus.EMPTY
    if any(settled(one.provisioning) is Provisioning.BUSY for one in machines):
        return DeploymentStatus.CHANGING
    running = {one.power_state is PowerState.RUNNING for one in machines}
    if len(running) > 1:
        return DeploymentStatus.MIXED
    return DeploymentStatus.RUNNING if True in running else DeploymentStatus.STOPPED


def size_of(offered: "OfferedSize") -> Size:
    """Return a size with Azure's figures."""
    facts = offered.facts
    return Size(
        name=offered.label,
        size=facts.name,
        cores=facts.cores,
        memory_gb=facts.memory_gb,
        max_data_disks=facts.max_data_disks,
        premium_disks=facts.premium,
        generations=facts.generations,
        zones=tuple(zone for zone in facts.zones if zone not in facts.restricted_zones),
        available=facts.restriction is None,
        reason=facts.restriction,
    )


def network_of(region: str, subnet_id: str, body: Json | None) -> Network:
    """Return a network of the registry; without a document of Azure's its addresses are not known."""
    properties = an_object(body or {}, "properties")
    prefix = text(properties, "addressPrefix") or next(iter(texts(properties, "addressPrefixes") or ()), None)
    used = len(objects(properties, "ipConfigurations"))
    return Network(region=region, subnet_id=subnet_id, address_prefix=prefix, free_addresses=_free(prefix, used))


def image_of(body: Json) -> Image:
    """Return a tenant's own image."""
    properties, tags, name = an_object(body, "properties"), tags_of(body), text(body, "name") or last_segment(own_id(body))
    system = an_object(an_object(properties, "storageProfile"), "osDisk")
    holders = (an_object(properties, "sourceVirtualMachine"), an_object(system, "managedDisk"), an_object(system, "snapshot"))
    source = next((found for one in holders if (found := resource_id(one, "id")) is not None), text(system, "blobUri"))
    return Image(
        name=name,
        id=own_id(body),
        kind=ImageKind.OWN,
        label=tags.get(LABEL_TAG, name),
        category=tags.get(CATEGORY_TAG),
        os_type=text(system, "osType"),
        generation=text(properties, "hyperVGeneration"),
        size_gb=whole(system, "diskSizeGB"),
        region=region_of(body),
        recommended_size=tags.get(SIZE_TAG),
        state=text(properties, "provisioningState"),
        source=source,
        reference=None,
        created_at=moment(properties, "timeCreated"),
    )


def plan_image(name: str, label: str, reference: dict[str, str]) -> Image:
    """Return an image that a hosting plan offers."""
    return Image(
        name=name, id=reference.get("id"), kind=ImageKind.PLAN, label=label or name, category=None, os_type=None, generation=None,
        size_gb=None, region=None, recommended_size=None, state=None, source=None, reference=reference, created_at=None,
    )  # fmt: skip


def disk_of(body: Json, access: "DiskAccess | None" = None) -> Disk:
    """Return a disk, with the access that was opened to it."""
    properties, zones, found = an_object(body, "properties"), texts(body, "zones") or (), own_id(body)
    return Disk(
        name=last_segment(found),
        id=found,
        service=found.split("/")[4],
        region=region_of(body),
        zone=zones[0] if zones else None,
        size_gb=whole(properties, "diskSizeGB"),
        sku=text(an_object(body, "sku"), "name"),
        os_type=text(properties, "osType"),
        state=text(properties, "diskState"),
        attached_to=resource_id(body, "managedBy"),
        network_access_policy=text(properties, "networkAccessPolicy"),
        access=OpenAccess(operation=access.operation, expires_at=access.expires_at, revealed=access.revealed) if access else None,
    )


def _member(machine: MachineFacts) -> DeploymentMachine:
    view = machine.view
    return DeploymentMachine(
        name=machine.name,
        id=machine.id,
        power_state=machine.power_state,
        provisioning_state=machine.provisioning,
        size=machine.size,
        update_domain=view.update_domain if view is not None else None,
        fault_domain=view.fault_domain if view is not None else None,
    )


def _free(prefix: str | None, used: int) -> int | None:
    """Return how many addresses of a subnet are free; Azure keeps five."""
    if prefix is None or "/" not in prefix or ":" in prefix:
        return None
    length = prefix.rpartition("/")[2]
    return max(0, 2 ** (32 - int(length)) - _KEPT_ADDRESSES - used) if length.isdecimal() and int(length) <= 32 else None
