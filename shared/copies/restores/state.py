"""What is stored of a restore: what scheduling needs (`RestoreState`), and the record of what it makes (`RestoreDetail`)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.arm.ids import ResourceId
from shared.copies.restores.rules.captured import MachineAsItWas
from shared.errors import ProblemJson
from shared.moments import StoredMoment
from shared.operations.model.models import Operation
from shared.values.absence import AbsenceJson
from shared.values.stored import StoredView

CLEANING = "cleaningUp"
"""The step that deletes what a restore made."""
CLEAN_UP = "cleanUp"
"""The member of an input that asks for the clean-up of a drill."""


class RestoredState(StrEnum):
    """How far one machine is."""

    WAITING = "waiting"
    MAKING_DISKS = "makingDisks"
    BOOTING = "booting"
    READY = "ready"
    NOT_READY = "notReady"
    FAILED = "failed"
    CLEANED = "cleaned"


class Part(StrEnum):
    """What a resource is to its machine."""

    DISK = "disk"
    INTERFACE = "networkInterface"
    MACHINE = "virtualMachine"


class ResourceState(StrEnum):
    """What is known of a resource: `intended` is written before its PUT, `made` after it, `deleted` once Azure no longer has it."""

    INTENDED = "intended"
    MADE = "made"
    DELETED = "deleted"


class Verified(StrEnum):
    """What the checks of a restore have shown."""

    NONE = "none"
    DISKS = "disks"
    RUNNING = "running"
    AGENT = "agent"


class _Stored(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)


class ResourceDetail(_Stored):
    """One resource; `ready` once Azure has made it whole, `deleting` once its DELETE began, `reason` why it could not be deleted.

    `operation_url` is the URL of Azure's operation on it, until that is over: it has the reason of a failure that comes later.
    """

    id: str
    part: Part
    state: ResourceState = ResourceState.INTENDED
    lun: int | None = None
    ready: bool = False
    deleting: bool = False
    reason: str | None = None
    operation_url: str | None = None

    @property
    def resource(self) -> ResourceId:
        """Its id."""
        return ResourceId.parse(self.id)


class SourceDetail(_Stored):
    """What a machine is made from."""

    copy_id: str | None = None
    restore_point_id: str
    virtual_machine_id: str | None = None
    taken_at: StoredMoment | None = None


class MachineDetail(_Stored):
    """One machine of a restore; `group` is None where only disks are made."""

    index: int
    name: str
    group: int | None = None
    source: SourceDetail
    state: RestoredState = RestoredState.WAITING
    power_state: str | None = None
    agent: str | None = None
    resources: tuple[ResourceDetail, ...] = ()
    was: MachineAsItWas | None = None
    not_restored: tuple[str, ...] = ()
    disks_at: StoredMoment | None = None
    booting_since: StoredMoment | None = None
    ready_at: StoredMoment | None = None
    error: ProblemJson | None = None

    def parts(self, part: Part) -> list[ResourceDetail]:
        """Return its resources of a sort."""
        return [resource for resource in self.resources if resource.part is part]

    @property
    def failed(self) -> bool:
        """Whether it could not be made."""
        return self.state is RestoredState.FAILED

    @property
    def settled(self) -> bool:
        """Whether nothing more is done to make it."""
        return self.state in {RestoredState.READY, RestoredState.NOT_READY, RestoredState.FAILED, RestoredState.CLEANED}


class RestoreDetail(StoredView):
    """What an answer shows of a restore, and the record of each resource."""

    machines: tuple[MachineDetail, ...] = ()
    region: str | None = None
    disks_at: StoredMoment | None = None
    ready_at: StoredMoment | None = None
    checked_at: StoredMoment | None = None
    verified: Verified = Verified.NONE
    cleaned_up: bool | None = None

    def replace_machine(self, position: int, **changes: Any) -> MachineDetail:  # noqa: ANN401  # fields of the model
        """Change members of one machine, and return it."""
        machines = list(self.machines)
        machines[position] = machines[position].model_copy(update=changes)
        self.machines = tuple(machines)
        return machines[position]

    def replace_resource(self, position: int, number: int, **changes: Any) -> ResourceDetail:  # noqa: ANN401  # fields of the model
        """Change members of one resource of a machine, and return it."""
        resources = list(self.machines[position].resources)
        resources[number] = resources[number].model_copy(update=changes)
        self.replace_machine(position, resources=tuple(resources))
        return resources[number]


class RestoreState(StoredView):
    """What the steps need.

    `problem` is how a restore ends once what it made is deleted; `late_until` is until when a PUT of unknown outcome may still arrive;
    `kept_until` ends a drill that is kept; `absence` is the series of looks that did not show what the request names,
    later of those that showed none of what is to be deleted; `waits_since` is since when nothing more is ready than `progress` states.
    """

    problem: ProblemJson | None = None
    late_until: StoredMoment | None = None
    kept_until: StoredMoment | None = None
    blocked_since: StoredMoment | None = None
    absence: AbsenceJson = None
    progress: str | None = None
    waits_since: StoredMoment | None = None


def detail_of(operation: Operation) -> RestoreDetail:
    """Return the detail of an operation, for reading."""
    return RestoreDetail.of(dict(operation.detail))


def left_behind(machines: Sequence[MachineDetail]) -> list[str]:
    """Return the ids of what is in Azure, or may be, as the record has it."""
    return [resource.id for machine in machines for resource in machine.resources if resource.state is ResourceState.MADE]
