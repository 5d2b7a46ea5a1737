"""Sizes: what Azure offers in a region, what a hosting plan allows of it, and what a size allows (`Microsoft.Compute/skus`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from shared.access.records.plan import PlanSize

MOST_SIMILAR = 10
_LEAST_SIMILAR = 0.3


@dataclass(frozen=True, slots=True)
class SizeFacts:
    """A size in one region, as Azure lists it.

    `generations` are `V1` and `V2`; `zones` those in which it is offered; `restriction` is Azure's reason code where the subscription
    cannot use it in the region, `restricted_zones` the zones in which it cannot.
    """

    name: str
    cores: int
    memory_gb: float
    max_data_disks: int
    premium: bool = True
    generations: tuple[str, ...] = ("V1", "V2")
    zones: tuple[str, ...] = ()
    trusted_launch: bool = True
    restriction: str | None = None
    restricted_zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfferedSize:
    """A size under the name by which callers choose it: the plan's, else Azure's."""

    label: str
    facts: SizeFacts


def offered_sizes(plan: Sequence[PlanSize], listed: Iterable[SizeFacts]) -> tuple[OfferedSize, ...]:
    """Return the sizes that a tenant can choose: the plan's, of those that Azure lists; without a list in the plan all, by name."""
    by_name = {size.name.lower(): size for size in listed}
    if not plan:
        return tuple(OfferedSize(size.name, size) for _, size in sorted(by_name.items()))
    return tuple(OfferedSize(one.name, by_name[one.size.lower()]) for one in plan if one.size.lower() in by_name)


def azure_size(plan: Sequence[PlanSize], label: str) -> str | None:
    """Return Azure's name of the size that a caller named, None where the plan does not have it; names ignore case."""
    if not plan:
        return label
    return next((one.size for one in plan if one.name.lower() == label.lower()), None)


def label_of(plan: Sequence[PlanSize], size: str) -> str | None:
    """Return the plan's name of a size of Azure, or None."""
    return next((one.name for one in plan if one.size.lower() == size.lower()), None)


def similar_names(wanted: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return up to ten of the known names that are most like the wanted one, the nearest first."""
    names: Mapping[str, str] = {name.lower(): name for name in known}
    return tuple(names[one] for one in get_close_matches(wanted.lower(), list(names), MOST_SIMILAR, _LEAST_SIMILAR))


@dataclass(frozen=True, slots=True)
class SizeUse:
    """What a machine needs of its size."""

    disks: int
    skus: tuple[str, ...] = ()
    zone: str | None = None
    generation: str | None = None
    trusted_launch: bool = False


@dataclass(frozen=True, slots=True)
class SizeProblem:
    """What a size does not allow: the field at fault, and whether it is the number of disks (409), not a wrong value (400)."""

    target: str
    message: str
    too_many_disks: bool = False


def size_problems(size: SizeFacts, use: SizeUse) -> tuple[SizeProblem, ...]:
    """Return everything that a size does not allow."""
    found: list[SizeProblem] = []
    if size.restriction is not None:
        found.append(SizeProblem("size", f"The size {size.name} cannot be used in this region: {size.restriction}."))
    if use.disks > size.max_data_disks:
        message = f"The size {size.name} takes {size.max_data_disks} data disks; {use.disks} are requested."
        found.append(SizeProblem("dataDisks", message, too_many_disks=True))
    if use.zone is not None and (use.zone not in size.zones or use.zone in size.restricted_zones):
        found.append(SizeProblem("zone", f"The size {size.name} is not offered in zone {use.zone} of this region."))
    if not size.premium and (sku := next((one for one in use.skus if one.lower().startswith("premium")), None)) is not None:
        found.append(SizeProblem("osDisk.sku", f"The size {size.name} does not take disks of the type {sku}."))
    if use.generation is not None and use.generation not in size.generations:
        found.append(SizeProblem("image", f"The size {size.name} cannot start a machine of generation {use.generation}."))
    if use.trusted_launch and (not size.trusted_launch or "V2" not in size.generations):
        found.append(SizeProblem("securityType", f"The size {size.name} does not offer trusted launch."))
    return tuple(found)
