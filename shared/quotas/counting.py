"""Counts what is in a subscription by the dimensions of quotas (docs/design/tenants.md, "Quotas"); no I/O."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.access.records.plan import HostingPlan
from shared.access.records.tenant import Quotas, Tenant
from shared.values.reading import Json, an_object, objects, text, whole

_GIB = 1024**3


class Dimension(StrEnum):
    """What a quota limits."""

    VIRTUAL_MACHINES = "virtualMachines"
    CORES = "cores"
    MEMORY_GB = "memoryGB"
    DISK_GB = "diskGB"
    PUBLIC_ADDRESSES = "publicAddresses"
    IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Listed:
    """What a subscription holds, as Azure lists it; None is what was not read. `skus` are the sizes that Azure offers there."""

    machines: Sequence[Json] | None
    disks: Sequence[Json] | None
    addresses: Sequence[Json] | None
    images: Sequence[Json] | None
    skus: Sequence[Json] | None


@dataclass(frozen=True, slots=True)
class Size:
    """Cores and memory of a machine's size."""

    cores: int
    memory_gb: float


Counted = Mapping[Dimension, int | None]
"""How many there are in each dimension, None where it was not counted."""
Amounts = Mapping[Dimension, Mapping[str, float] | None]
"""What each resource counts in each dimension, None where the dimension was not counted."""


def limits_of(tenant: Tenant, plan: HostingPlan | None) -> Counted:
    """Return the limits in force: the tenant's member, else its plan's, else none."""
    return {dimension: _limit(tenant.quotas, plan.quotas if plan is not None else Quotas(), dimension) for dimension in Dimension}


def count(listed: Sequence[Listed]) -> Counted:
    """Return what some subscriptions hold, whoever made it and whether it runs; of a dimension that one was not read for, None."""
    found = amounts_of(listed)
    return {dimension: None if (amounts := found[dimension]) is None else total(amounts) for dimension in Dimension}


def amounts_of(listed: Sequence[Listed]) -> Amounts:
    """Return what each resource of some subscriptions counts in each dimension, by its id in lower case."""
    each = [_amounts(one, place) for place, one in enumerate(listed)]
    return {dimension: _together([one[dimension] for one in each]) for dimension in Dimension}


def total(amounts: Mapping[str, float]) -> int:
    """Return a sum, rounded up."""
    return math.ceil(sum(amounts.values()))


def sizes_of(skus: Sequence[Json]) -> dict[str, Size]:
    """Return the sizes of machines by name in lower case, as far as Azure lists cores and memory."""
    found: dict[str, Size] = {}
    for sku in skus:
        capabilities = {text(one, "name"): text(one, "value") for one in objects(sku, "capabilities")}
        name, cores, memory = text(sku, "name"), _number(capabilities.get("vCPUs")), _number(capabilities.get("MemoryGB"))
        if name is not None and cores is not None and memory is not None:
            found[name.lower()] = Size(int(cores), memory)
    return found


def _amounts(listed: Listed, place: int) -> Amounts:
    sizes = _sizes(listed)
    machines, disks = _keys(listed.machines, place), _keys(listed.disks, place)
    sized = None if sizes is None or machines is None else list(zip(machines, sizes, strict=True))
    provisioned = None if listed.disks is None else [_disk(disk) for disk in listed.disks]
    complete = [size for size in provisioned or () if size is not None]
    return {
        Dimension.VIRTUAL_MACHINES: _ones(machines),
        Dimension.CORES: None if sized is None else {key: float(size.cores) for key, size in sized},
        Dimension.MEMORY_GB: None if sized is None else {key: size.memory_gb for key, size in sized},
        Dimension.DISK_GB: dict(zip(disks, complete, strict=True)) if disks is not None and len(complete) == len(disks) else None,
        Dimension.PUBLIC_ADDRESSES: _ones(_keys(listed.addresses, place)),
        Dimension.IMAGES: _ones(_keys(listed.images, place)),
    }


def _keys(found: Sequence[Json] | None, place: int) -> list[str] | None:
    """Return the ids of listed resources in lower case; one without an id has its position."""
    if found is None:
        return None
    return [(text(one, "id") or f"{place}#{number}").lower() for number, one in enumerate(found)]


def _ones(keys: Sequence[str] | None) -> dict[str, float] | None:
    return None if keys is None else dict.fromkeys(keys, 1.0)


def _together(each: Sequence[Mapping[str, float] | None]) -> dict[str, float] | None:
    """Return the amounts of all subscriptions, None where one was not counted."""
    found: dict[str, float] = {}
    for one in each:
        if one is None:
            return None
        found.update(one)
    return found


def _sizes(listed: Listed) -> list[Size] | None:
    """Return the size of each machine, None where one is not known."""
    if listed.machines == []:
        return []
    if listed.machines is None or listed.skus is None:
        return None
    known = sizes_of(listed.skus)
    names = [text(an_object(an_object(machine, "properties"), "hardwareProfile"), "vmSize") for machine in listed.machines]
    found = [known.get((name or "").lower()) for name in names]
    return None if None in found else [size for size in found if size is not None]


def _disk(disk: Json) -> int | None:
    properties = an_object(disk, "properties")
    size, size_bytes = whole(properties, "diskSizeGB"), whole(properties, "diskSizeBytes")
    return size if size is not None else None if size_bytes is None else math.ceil(size_bytes / _GIB)


def _limit(own: Quotas, of_plan: Quotas, dimension: Dimension) -> int | None:
    for quotas in (own, of_plan):
        name = next(field for field, info in Quotas.model_fields.items() if (info.alias or field) == dimension)
        if name in quotas.model_fields_set:
            limit: int | None = getattr(quotas, name)
            return limit
    return None


def _number(value: str | None) -> float | None:
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None
