"""An inventory: the VMs of some subscriptions, as the rules of selection take them, and whether all of it was read."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, region_of, resource_id
from shared.copies.copying.rules.naming import source_collection_id
from shared.copies.facts import InterfaceFacts, VirtualMachineFacts
from shared.copies.inventory.sources import InventorySource
from shared.copies.policies.coverage import Machine
from shared.errors import Problem
from shared.values.reading import Json, an_object, objects, same_text, text


@dataclass(frozen=True, slots=True)
class InventoryMachine:
    """A VM: what selects it, what a copy must know of it, its own `vmId`, whether it is provisioned, and its network interfaces."""

    machine: Machine
    facts: VirtualMachineFacts
    vm_id: str
    provisioned: bool = True
    interfaces: tuple[InterfaceFacts, ...] = ()

    @property
    def key(self) -> str:
        """The form by which its id is compared."""
        return self.machine.id.key


@dataclass(frozen=True, slots=True)
class Documents:
    """What Azure showed of some subscriptions: VMs, disks, restore point collections and network interfaces."""

    machines: Sequence[Json]
    disks: Sequence[Json]
    collections: Sequence[Json]
    interfaces: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """The VMs, the collections by their ids in lower case, and how many there are per subscription and region.

    `collections_of` are the collections of each VM, by its id in lower case, that others than Farshore have made.
    `problems` are what was not read to its end; without any it is complete. `listed` are the subscriptions of which each sort of resource
    was listed, `graph_queries` the queries that took the place of that.
    """

    source: InventorySource
    taken_at: datetime
    machines: tuple[InventoryMachine, ...]
    collections: frozenset[str] = frozenset()
    collections_in: Mapping[tuple[str, str], int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    listed: tuple[str, ...] = ()
    graph_queries: int = 0
    collections_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everything was read."""
        return not self.problems

    def has_collection(self, machine: Machine) -> bool:
        """Return whether the collection for the restore points of a VM is there."""
        return source_collection_id(machine.id).key in self.collections

    def collections_beside(self, machine: Machine) -> int:
        """Return how many collections there are in the subscription and region of a VM."""
        return self.collections_in.get((machine.id.subscription_id, machine.region), 0)


@dataclass(frozen=True, slots=True)
class TenantInventory:
    """The inventory of a tenant for a selector; `gone` are the VMs that the selector names and of which Resource Manager shows a 404."""

    inventory: Inventory
    gone: tuple[ResourceId, ...] = ()


def machine_of(body: Json, disks: Mapping[str, Json]) -> InventoryMachine | None:
    """Read a VM; `disks` are found by their ids in lower case. None for a document without a readable id."""
    properties = an_object(body, "properties")
    own = own_id(body)
    if id_key(own) is None:
        return None
    facts = VirtualMachineFacts.from_arm(body, {key: disks[key] for key in disk_keys(body) if key in disks})
    tags = {name: str(value) for name, value in an_object(body, "tags").items()}
    machine = Machine(ResourceId.parse(own), facts.region, tags, facts.uniform_scale_set_member)
    state = text(properties, "provisioningState")
    provisioned = state is None or same_text(state, "Succeeded") or same_text(state, "Updating")
    return InventoryMachine(machine, facts, (text(properties, "vmId") or "").lower(), provisioned)


def disk_keys(body: Json) -> list[str]:
    """Return the ids, in lower case, of the managed disks that are attached to a VM."""
    storage = an_object(an_object(body, "properties"), "storageProfile")
    attached = [an_object(storage, "osDisk"), *objects(storage, "dataDisks")]
    keys = [id_key(text(an_object(disk, "managedDisk"), "id")) for disk in attached]
    return [key for key in keys if key is not None]


def inventory_of(source: InventorySource, taken_at: datetime, documents: Documents, problems: Iterable[Problem]) -> Inventory:
    """Put an inventory together from what Azure showed; the order of the documents does not matter."""
    disks = {key: disk for disk in documents.disks if (key := id_key(own_id(disk))) is not None}
    found = [machine for body in documents.machines if (machine := machine_of(body, disks)) is not None]
    interfaces = {key: InterfaceFacts.from_arm(body) for body in documents.interfaces if (key := id_key(own_id(body))) is not None}
    by_key = {machine.key: _with_interfaces(machine, interfaces) for machine in found}
    parsed = [(ResourceId.parse(own), region_of(one)) for one in documents.collections if id_key(own := own_id(one)) is not None]
    return Inventory(
        source=source,
        taken_at=taken_at,
        machines=tuple(by_key[key] for key in sorted(by_key)),
        collections=frozenset(one.key for one, _ in parsed),
        collections_in=Counter((one.subscription_id, region) for one, region in parsed),
        problems=tuple(problems),
        collections_of=_by_machine(documents.collections),
    )


def _with_interfaces(machine: InventoryMachine, interfaces: Mapping[str, InterfaceFacts]) -> InventoryMachine:
    """Return a VM with what is known of its network interfaces: of those that are not shown, the id."""
    own = machine.facts.beside.interfaces
    return replace(machine, interfaces=tuple(interfaces.get(id_key(one) or "", InterfaceFacts(one)) for one in own))


def _by_machine(collections: Iterable[Json]) -> dict[str, tuple[str, ...]]:
    """Return the collections of each VM, by its id in lower case, but the one that Farshore makes for it."""
    found: dict[str, list[str]] = {}
    for body in collections:
        vm = id_key(resource_id(an_object(an_object(body, "properties"), "source"), "id"))
        if vm is not None and "/virtualmachines/" in vm and id_key(own_id(body)) != source_collection_id(ResourceId.parse(vm)).key:
            found.setdefault(vm, []).append(own_id(body))
    return {vm: tuple(sorted(ids)) for vm, ids in found.items()}
