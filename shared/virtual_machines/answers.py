"""What answers show of machines (docs/design/virtual-machines.md, "Answers")."""

from pydantic import Field

from shared.access.records.plan import PlanSize
from shared.access.records.tenant import Tenant
from shared.moments import Moment
from shared.values.documents import Document
from shared.values.reading import last_segment
from shared.virtual_machines.facts import SLOT_TAG, AttachedDisk, MachineFacts, shown_tags
from shared.virtual_machines.rules.ports import Protocol
from shared.virtual_machines.rules.power import PowerState
from shared.virtual_machines.rules.sizes import label_of


class OsDiskBody(Document):
    """A machine's OS disk."""

    name: str
    id: str | None
    size_gb: int | None = Field(alias="sizeGB")
    sku: str | None
    caching: str


class DataDiskBody(Document):
    """A data disk of a machine."""

    lun: int
    name: str
    id: str | None
    size_gb: int | None = Field(alias="sizeGB")
    sku: str | None
    caching: str


class MachinePort(Document):
    """A port of a machine on its public address; `ours` is false for a rule that others made."""

    name: str
    protocol: Protocol
    port: int
    local_port: int
    allowed_sources: tuple[str, ...]
    public_ip: str | None
    is_ours: bool = Field(alias="ours")


class RunningOperation(Document):
    """The operation that changes a machine at present."""

    id: str
    action: str | None


class ListedMachine(Document):
    """A machine as lists show it: without what would cost a call for each."""

    id: str
    name: str
    tenant: str
    subscription_id: str
    service: str
    deployment: str | None
    slot: str | None
    region: str
    zone: str | None
    size: str
    size_name: str | None = Field(description="The hosting plan's name of the size.")
    os_type: str | None
    generation: str | None
    security_type: str
    priority: str
    managed_by: str | None
    provisioning_state: str
    power_state: PowerState
    generalized: bool
    image: str | None
    computer_name: str | None
    admin_username: str | None
    os_disk: OsDiskBody | None
    data_disks: tuple[DataDiskBody, ...]
    tags: dict[str, str]
    created_at: Moment | None


class Machine(ListedMachine):
    """A machine; a list leaves out what would cost a call for each: domains, addresses, ports and `operation`."""

    update_domain: int | None = None
    fault_domain: int | None = None
    private_ip: str | None = None
    public_ip: str | None = None
    subnet_id: str | None = None
    ports: tuple[MachinePort, ...] = ()
    operation: RunningOperation | None = None


def machine_body(
    facts: MachineFacts, tenant: Tenant, sizes: tuple[PlanSize, ...], slot: str | None = None, operation: RunningOperation | None = None
) -> Machine:
    """Return a machine as its own answer shows it."""
    view = facts.view
    return Machine(
        id=facts.id,
        name=facts.name,
        tenant=tenant.name,
        subscription_id=facts.resource.subscription_id,
        service=facts.service,
        deployment=last_segment(facts.availability_set) or None,
        slot=slot,
        region=facts.region,
        zone=facts.zone,
        size=facts.size,
        size_name=label_of(sizes, facts.size),
        os_type=facts.os_type,
        generation=view.generation if view is not None else None,
        security_type=facts.security_type,
        priority=facts.priority,
        managed_by=facts.managed_by or facts.scale_set,
        provisioning_state=facts.provisioning,
        power_state=facts.power_state,
        generalized=view is not None and view.generalized,
        update_domain=view.update_domain if view is not None and facts.availability_set is not None else None,
        fault_domain=view.fault_domain if view is not None and facts.availability_set is not None else None,
        image=facts.image,
        computer_name=facts.computer_name,
        admin_username=facts.admin_username,
        os_disk=_os_disk(facts.os_disk) if facts.os_disk is not None else None,
        data_disks=tuple(_data_disk(disk, disk.lun) for disk in facts.data_disks if disk.lun is not None),
        tags=shown_tags(facts.tags),
        created_at=facts.created_at,
        operation=operation,
    )


def listed_machine(facts: MachineFacts, tenant: Tenant, sizes: tuple[PlanSize, ...]) -> ListedMachine:
    """Return a machine as lists show it; the slot is that of the machine's own tag."""
    body = machine_body(facts, tenant, sizes, facts.tags.get(SLOT_TAG))
    return ListedMachine(**{name: value for name, value in body if name in ListedMachine.model_fields})


def _os_disk(disk: AttachedDisk) -> OsDiskBody:
    return OsDiskBody(name=disk.name, id=disk.id, size_gb=disk.size_gb, sku=disk.sku, caching=disk.caching)


def _data_disk(disk: AttachedDisk, lun: int) -> DataDiskBody:
    return DataDiskBody(lun=lun, name=disk.name, id=disk.id, size_gb=disk.size_gb, sku=disk.sku, caching=disk.caching)
