"""The models of the answers about restores."""

from pydantic import Field

from shared.copies.copying.models import Percent
from shared.copies.restores.request import RestoreKind
from shared.copies.restores.rules.captured import MachineAsItWas
from shared.copies.restores.rules.check import Check
from shared.copies.restores.state import ResourceState, RestoredState, Verified
from shared.errors import ProblemJson
from shared.moments import Moment
from shared.operations.model.models import Actor, Attention, Status
from shared.values.documents import Document


class ResourceBody(Document):
    """One resource of a restore."""

    id: str
    state: ResourceState


class SourceBody(Document):
    """What a machine is made from."""

    copy_id: str | None
    restore_point_id: str
    virtual_machine_id: str | None
    taken_at: Moment | None


class MachineTimings(Document):
    """How long a machine took: its disks, from the acceptance, and its boot."""

    disks_seconds: int | None = None
    boot_seconds: int | None = None


class MachineBody(Document):
    """One machine of a restore; `was` is the machine as it was captured."""

    index: int
    name: str
    group: int | None
    source: SourceBody
    state: RestoredState
    power_state: str | None
    agent: str | None
    resources: tuple[ResourceBody, ...]
    was: MachineAsItWas | None
    not_restored: tuple[str, ...]
    timings: MachineTimings
    error: ProblemJson | None


class RecoveryPoint(Document):
    """The moments of the copies: how far apart they are, and how old the oldest was at the acceptance."""

    oldest: Moment
    newest: Moment
    spread_seconds: int
    age_seconds: int


class RestoreTimings(Document):
    """How long the parts of a restore took, in seconds."""

    accepted_to_disks: int | None = None
    disks_to_ready: int | None = None


class RestoreBody(Document):
    """A restore as callers see it; `recoveryTimeSeconds` is from its acceptance to its last check."""

    id: str
    tenant: str
    status: Status
    step: str
    percent_complete: Percent
    kind: RestoreKind
    drill: bool
    policy: str | None
    reason: str | None
    requested_by: Actor
    region: str | None
    machines: tuple[MachineBody, ...]
    recovery_point: RecoveryPoint | None
    timings: RestoreTimings
    recovery_time_seconds: int | None
    verified: Verified
    cleaned_up: bool | None = Field(description="Of a drill, and of a failed restore whose remains were deleted.")
    left_behind: tuple[str, ...]
    attention: Attention | None
    created_at: Moment
    completed_at: Moment | None
    error: ProblemJson | None


class PlanBody(Document):
    """The plan of a dry run. `hash` covers what would be made, without the names that only an accepted restore has."""

    hash: str
    region: str | None
    machines: tuple[MachineBody, ...]
    recovery_point: RecoveryPoint | None
    checks: tuple[Check, ...]
