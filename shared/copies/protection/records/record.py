"""The protection of a VM as it is stored: one row per VM, written when something happens to it."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict

from shared.arm.ids import ResourceId
from shared.copies.policies.fields import DurationText
from shared.copies.protection.states import Recovery, State, TargetFacts, TargetState, state_of_target
from shared.copies.reconciling.rules import DriftKind
from shared.moments import StoredMoment
from shared.values.documents import Document


class Reason(StrEnum):
    """Why a VM is unprotected."""

    NO_POLICY = "NoPolicy"
    POLICY_DISABLED = "PolicyDisabled"
    SAME_REGION = "SameRegion"
    NOT_SUPPORTED = "NotSupported"


class NoticeKind(StrEnum):
    """An event of protection, by the last part of its type."""

    BREACHED = "breached"
    RECOVERED = "recovered"
    LIMIT_NEAR = "limitNear"
    UNPROTECTED = "unprotected"


class NewestUsable(Document):
    """The newest usable copy of a VM in a region; `taken_at` is the moment of its source, `copy_id` empty where others made it."""

    model_config = ConfigDict(extra="ignore")

    copy_id: str
    restore_point_id: str
    taken_at: StoredMoment
    completed_at: StoredMoment


class MadeBy(StrEnum):
    """Who made a restore point: a policy, a caller's copy, or something else than this tenant's Farshore."""

    POLICY = "policy"
    CALLER = "caller"
    OTHER = "other"


class NewestPoint(Document):
    """The newest restore point of a VM; `consistency_mode` is empty where it is not known."""

    model_config = ConfigDict(extra="ignore")

    id: str
    taken_at: StoredMoment
    consistency_mode: str = ""
    made_by: MadeBy


class LastFailure(Document):
    """The last copy of a VM to a region that failed."""

    model_config = ConfigDict(extra="ignore")

    copy_id: str
    code: str
    message: str
    at: StoredMoment


class DriftRecord(Document):
    """A difference between the ledger and Azure, and when it was first seen."""

    model_config = ConfigDict(extra="ignore")

    kind: DriftKind
    id: str
    seen_at: StoredMoment


class RegionRecord(Document):
    """A region that a policy copies a VM to, or that has copies of it: then `policy` is None, and so is `covered_since`.

    `breached_since` is the breach that has been recorded, and of which the event has been written.
    """

    model_config = ConfigDict(extra="ignore")

    region: str
    policy: str | None = None
    objective: Annotated[timedelta, DurationText] | None = None
    covered_since: StoredMoment | None = None
    newest: NewestUsable | None = None
    usable_copies: int = 0
    breached_since: StoredMoment | None = None
    last_failure: LastFailure | None = None

    @property
    def facts(self) -> TargetFacts | None:
        """What its state is decided by; None where no policy is in charge of it."""
        if self.covered_since is None:
            return None
        return TargetFacts(self.region, self.objective, self.covered_since, self.newest.taken_at if self.newest is not None else None)

    def state_at(self, now: datetime) -> TargetState:
        """Return its state; a region of which no policy is in charge is unprotected."""
        return state_of_target(self.facts, now) if self.facts is not None else TargetState(State.UNPROTECTED)


class Notice(Document):
    """An event that has been decided and is sent after the row is written; `target` is the region as it was then, None of the VM itself."""

    model_config = ConfigDict(extra="ignore")

    id: str
    kind: NoticeKind
    target: RegionRecord | None = None
    by: Recovery | None = None
    limit: int | None = None


class ProtectionRecord(Document):
    """A VM: `state` is that of the last look, `gone` is true once Azure shows that it is not there.

    `restore_points` is how many it has, None where that is not known; `collections` are those of its collections that others have made.
    """

    model_config = ConfigDict(extra="ignore")

    tenant: str
    virtual_machine_id: str
    vm_id: str = ""
    region: str = ""
    state: State = State.UNPROTECTED
    gone: bool = False
    reasons: tuple[Reason, ...] = ()
    policies: tuple[str, ...] = ()
    targets: tuple[RegionRecord, ...] = ()
    notices: tuple[Notice, ...] = ()
    drift: tuple[DriftRecord, ...] = ()
    restore_points: int | None = None
    newest_point: NewestPoint | None = None
    collections: tuple[str, ...] = ()

    @property
    def vm(self) -> ResourceId:
        """The VM."""
        return ResourceId.parse(self.virtual_machine_id)
