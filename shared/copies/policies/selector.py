"""The selector of a copy policy: which VMs it covers, as a document."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool

from shared.copies.copying.models import MAX_TAG_NAME, MAX_TAG_VALUE, Region, SubscriptionId, VirtualMachineId
from shared.copies.policies.fields import Part, ResourceGroupId, lowered, once, refuse

MAX_TAGS = 20
_MAX_VALUES = 100

TagValue = Annotated[str, Field(max_length=MAX_TAG_VALUE)]
TagValues = Annotated[tuple[TagValue, ...], Field(min_length=1, max_length=_MAX_VALUES), once(str)]
WantedTag = TagValue | TagValues | None
"""A value, one of several, or null: the tag is there."""


def _names_differ(tags: Mapping[str, WantedTag]) -> Mapping[str, WantedTag]:
    if len(tags) > MAX_TAGS:
        raise refuse(f"{len(tags)} tags are given. Give {MAX_TAGS} at most.")
    for name in tags:
        if not name.strip() or len(name) > MAX_TAG_NAME:
            raise refuse(f"The name of a tag has 1 to {MAX_TAG_NAME} characters.")
    if len({name.lower() for name in tags}) < len(tags):
        raise refuse("Two tags differ only in the case of their names, which Azure treats as equal.")
    return tags


Tags = Annotated[dict[str, WantedTag], AfterValidator(_names_differ)]
VirtualMachineIds = Annotated[tuple[VirtualMachineId, ...], Field(max_length=500), once(lowered)]
ResourceGroupIds = Annotated[tuple[ResourceGroupId, ...], Field(max_length=200), once(lowered)]


class SelectedTags(Part):
    """Tags that a VM must have: `all` of them, `any` of them, `none` of them. Names in any case, values exactly."""

    all: Tags = {}
    any: Tags = {}
    none: Tags = {}

    @property
    def narrow(self) -> bool:
        """Whether a VM can fail them."""
        return bool(self.all or self.any or self.none)


class ExcludedTags(Part):
    """Tags that exclude a VM that has any of them."""

    any: Tags = {}


class Exclusion(Part):
    """VMs that are not covered, whatever else names them."""

    virtual_machine_ids: VirtualMachineIds = ()
    resource_groups: ResourceGroupIds = ()
    tags: ExcludedTags = Field(default_factory=ExcludedTags)


class Selector(Part):
    """The VMs of `virtualMachineIds`, and those that fit every dimension that is given; not those of `exclude`."""

    virtual_machine_ids: VirtualMachineIds = ()
    subscriptions: Annotated[tuple[SubscriptionId, ...], Field(max_length=100), once(str)] = ()
    resource_groups: ResourceGroupIds = ()
    regions: Annotated[tuple[Region, ...], Field(max_length=20), once(str)] = ()
    tags: SelectedTags = Field(default_factory=SelectedTags)
    everything: StrictBool = False
    exclude: Exclusion = Field(default_factory=Exclusion)

    @property
    def has_dimension(self) -> bool:
        """Whether a dimension narrows it: subscriptions, resource groups, regions or tags."""
        return bool(self.subscriptions or self.resource_groups or self.regions or self.tags.narrow)
