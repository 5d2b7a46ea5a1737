"""Which VMs a selector covers (docs/design/copy-policies.md, "Selector")."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.arm.ids import ResourceId
from shared.copies.policies.selector import Selector, WantedTag

RESTORED_TAG = "farshore-restore"
"""The tag of VMs that a restore has made."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A VM of an inventory: its id, its region by ARM's name, its tags; `in_uniform_scale_set` where it is a member of such a set."""

    id: ResourceId
    region: str
    tags: Mapping[str, str]
    in_uniform_scale_set: bool = False


def covers(selector: Selector, machine: Machine) -> bool:
    """Return whether a selector covers a VM of its tenant: exclusion first, then ids, then the dimensions."""
    tags = {name.lower(): value for name, value in machine.tags.items()}
    if machine.in_uniform_scale_set or RESTORED_TAG in tags or _is_excluded(selector, machine, tags):
        return False
    return _is_named(selector.virtual_machine_ids, machine) or _fits(selector, machine, tags)


def _is_excluded(selector: Selector, machine: Machine, tags: Mapping[str, str]) -> bool:
    exclude = selector.exclude
    return (
        _is_named(exclude.virtual_machine_ids, machine)
        or _is_in_group(exclude.resource_groups, machine)
        or any(_has(tags, name, wanted) for name, wanted in exclude.tags.any.items())
    )


def _fits(selector: Selector, machine: Machine, tags: Mapping[str, str]) -> bool:
    """Return whether a VM fits every dimension that is given; without one only `everything` fits."""
    if not selector.has_dimension:
        return selector.everything
    return (
        (not selector.subscriptions or machine.id.subscription_id in selector.subscriptions)
        and (not selector.resource_groups or _is_in_group(selector.resource_groups, machine))
        and (not selector.regions or machine.region in selector.regions)
        and all(_has(tags, name, wanted) for name, wanted in selector.tags.all.items())
        and (not selector.tags.any or any(_has(tags, name, wanted) for name, wanted in selector.tags.any.items()))
        and not any(_has(tags, name, wanted) for name, wanted in selector.tags.none.items())
    )


def _is_named(ids: tuple[str, ...], machine: Machine) -> bool:
    return any(one.lower() == machine.id.key for one in ids)


def _is_in_group(groups: tuple[str, ...], machine: Machine) -> bool:
    group = f"/subscriptions/{machine.id.subscription_id}/resourcegroups/{machine.id.resource_group.lower()}"
    return any(one.lower() == group for one in groups)


def _has(tags: Mapping[str, str], name: str, wanted: WantedTag) -> bool:
    value = tags.get(name.lower())
    if value is None or wanted is None:
        return value is not None
    return value == wanted if isinstance(wanted, str) else value in wanted
