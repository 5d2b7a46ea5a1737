"""The document of a copy policy (docs/design/copy-policies.md, "The document")."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictBool, field_validator

from shared.copies.copying.models import DiskId, Region, SubscriptionId, check_tag
from shared.copies.policies.fields import (
    DurationSchema,
    DurationText,
    GroupName,
    Part,
    SentMoment,
    SubnetId,
    duration_between,
    lowered,
    once,
    refuse,
    whole,
)
from shared.copies.policies.selector import Selector
from shared.copies.policies.timing import ScheduleDocument

MAX_TAGS = 10
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Consistency(StrEnum):
    """What a restore point promises of the data on its disks; Azure takes only these two as a wish."""

    APPLICATION_CONSISTENT = "ApplicationConsistent"
    CRASH_CONSISTENT = "CrashConsistent"


class Fallback(StrEnum):
    """What is tried once where an application-consistent restore point fails because of the guest."""

    NONE = "None"
    CRASH_CONSISTENT = "CrashConsistent"


class DrillKind(StrEnum):
    """What a drill restores."""

    DISKS = "disks"
    VIRTUAL_MACHINE = "virtualMachine"


class ConsistencyDocument(Part):
    """The consistency of restore points; on Linux `ApplicationConsistent` becomes file-system-consistent."""

    mode: Consistency = Consistency.APPLICATION_CONSISTENT
    fallback: Fallback = Fallback.NONE


class Disks(Part):
    """Disks that restore points leave out: those named, and with `excludeUnsupported` those that Azure does not support."""

    exclude: Annotated[tuple[DiskId, ...], Field(max_length=100), once(lowered)] = ()
    exclude_unsupported: StrictBool = False


class DrillPlace(Part):
    """Where drills of a target restore; `subnetId` null: disks only."""

    resource_group: GroupName
    subnet_id: SubnetId | None


class Target(Part):
    """A region to copy to, and the resource group of the copies."""

    region: Region
    resource_group: GroupName
    subscription_id: SubscriptionId | None = None
    drill_in: DrillPlace | None = None


class SourceRetention(Part):
    """How many restore points of a VM are kept in the collection that was made for it."""

    keep_last: Annotated[int, whole(1, 100)] = 3


class Retention(Part):
    """How many copies of a VM are kept in a region: the newest, and the newest of each of so many days, weeks, months, years."""

    keep_last: Annotated[int, whole(1, 100)]
    daily: Annotated[int, whole(0, 366)] = 0
    weekly: Annotated[int, whole(0, 260)] = 0
    monthly: Annotated[int, whole(0, 120)] = 0
    yearly: Annotated[int, whole(0, 20)] = 0
    source: SourceRetention = Field(default_factory=SourceRetention)

    @property
    def most(self) -> int:
        """The largest number of copies that are kept."""
        return self.keep_last + self.daily + self.weekly + self.monthly + self.yearly


class Limits(Part):
    """The bounds of a run: with more VMs it does nothing, with fewer it deletes nothing."""

    virtual_machines: Annotated[int, whole(1, 20000)] = 500
    minimum_virtual_machines: Annotated[int, whole(0, 20000)] = 1
    deletions_per_place: Annotated[int, whole(1, 100)] = 6


class Drill(Part):
    """Drills on rotating VMs."""

    every: Annotated[timedelta, duration_between(DAY, 366 * DAY), DurationText, DurationSchema]
    machines: Annotated[int, whole(1, 10)] = 1
    kind: DrillKind
    size: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,79}$")] | None = None
    keep_for: Annotated[timedelta, duration_between(timedelta(), 7 * DAY), DurationText, DurationSchema] = timedelta()


class PolicyDocument(Part):
    """A copy policy as PUT takes it and GET shows it; its JSON is the normal form, which the ETag is made of."""

    description: Annotated[str, Field(max_length=500)] = ""
    enabled: StrictBool = True
    paused_until: SentMoment | None = None
    priority: Annotated[int, whole(0, 1000)] = 100
    selector: Selector
    schedule: ScheduleDocument
    consistency: ConsistencyDocument = Field(default_factory=ConsistencyDocument)
    disks: Disks = Field(default_factory=Disks)
    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=5)]
    objective: Annotated[timedelta, duration_between(HOUR, 31 * DAY), DurationText, DurationSchema] | None = None
    retention: Retention
    limits: Limits = Field(default_factory=Limits)
    drill: Drill | None = None
    tags: dict[str, str] = {}

    @field_validator("tags")
    @classmethod
    def _tags_fit(cls, tags: dict[str, str]) -> dict[str, str]:
        """Limits of a copy's tags, but for their number."""
        if len(tags) > MAX_TAGS:
            raise refuse(f"{len(tags)} tags are given. Give {MAX_TAGS} at most.")
        for name, value in tags.items():
            check_tag(name, value)
        if len({name.lower() for name in tags}) < len(tags):
            raise refuse("Two tags differ only in the case of their names, which Azure treats as equal.")
        return tags
