"""The stored state of a failover: `FailoverState` is what scheduling and checks need, `FailoverDetail` what an answer shows.

The stored form (docs/design/failovers.md) is read and written here only: `data` of a row is the state, the detail is a document beside it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator
from pydantic.alias_generators import to_camel

from shared.arm.ids import ResourceId
from shared.arm.reading import ArmDocument
from shared.clock import from_text, to_text
from shared.errors import ProblemJson
from shared.failovers.approvals.rules import ApprovalRecord
from shared.failovers.failing_over.answers import JobView, Plan, UsedRecoveryPoint
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules.legs import Leg
from shared.failovers.vault.names import Action
from shared.moments import Moment
from shared.operations.model.models import Actor, Operation, Status
from shared.operations.running.claims import Claim
from shared.values.absence import AbsenceJson
from shared.values.sent import SentBody
from shared.values.stored import StoredView


def _leg(stored: object) -> Leg:
    if isinstance(stored, Leg):
        return stored
    if not isinstance(stored, list | tuple):
        raise ValueError("a stored leg is a list of action, status, job and end")
    action, status, job, ended = stored
    return Leg(Action(action), Status(status), job, from_text(ended) if ended else None)


def _leg_json(leg: Leg) -> list[str | None]:
    return [str(leg.action), str(leg.status), leg.job, to_text(leg.ended_at) if leg.ended_at else None]


StoredLeg = Annotated[Leg, PlainValidator(_leg), PlainSerializer(_leg_json, return_type=list[str | None])]


class FailoverState(StoredView):
    """What scheduling and the checks need.

    `leg` is the index of the leg that is started or followed, `started_at` when its job was found, `end` the status that the failover will
    end with. `naming` is the job that sets the name and size of the machine, empty where Azure set them without one. The absences count
    the looks that have not shown the job of the leg, the job of `naming`, and the item or plan itself; `unready` those at which the same
    checks (`unready_causes`, as digests) refused the start, `unready_since` is when one did so first.
    """

    legs: tuple[StoredLeg, ...] = ()
    leg: int = 0
    vault: str | None = None
    started_at: Moment | None = None
    end: Status | None = None
    naming: str | None = None
    job_absent: AbsenceJson = None
    naming_absent: AbsenceJson = None
    scope_absent: AbsenceJson = None
    unready: AbsenceJson = None
    unready_causes: tuple[str, ...] = ()
    unready_since: Moment | None = None

    @property
    def running_leg(self) -> Leg:
        """The leg that is started or followed."""
        return self.legs[self.leg]

    @property
    def vault_id(self) -> ResourceId:
        """The id of the vault; raises `ValueError` before planning has set it."""
        return ResourceId.parse(self.vault or "")


class RunningJob(BaseModel):
    """The job of a leg as a check read it."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    leg: int = 0
    job: JobView


class FailoverDetail(StoredView):
    """What an answer shows.

    `jobs` are the jobs of the legs as steps last read them, by the index of the leg, `running` the one that a check read. `items` are the
    members of the scope right before the start, in Azure's own form. `protected_item_ids` are the ids that the items have had, the newest
    last. `legs` and `leg` are set at the end, when the state is removed.
    """

    plan: Plan | None = None
    approval: ApprovalRecord | None = None
    protected_item_ids: tuple[str, ...] = ()
    items: tuple[ArmDocument, ...] = ()
    jobs: dict[int, JobView] = Field(default_factory=dict)
    running: RunningJob | None = None
    recovery_point: UsedRecoveryPoint | None = None
    problem: ProblemJson | None = None
    legs: tuple[StoredLeg, ...] = ()
    leg: int = 0

    def put_job(self, leg: int, job: JobView) -> None:
        """Set the job of a leg as it was last read."""
        self.jobs = {**self.jobs, leg: job}


class InputName(StrEnum):
    """What a person can decide about a failover under way."""

    APPROVE = "approve"
    REJECT = "reject"
    RESUME = "resume"
    RESOLVE = "resolve"


class FailoverInput(BaseModel):
    """A person's decision on its way to the step that waits for it; `name` is stored as `word`."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)

    name: InputName = Field(alias="word")
    by: Actor
    plan_hash: str | None = None
    reason: str | None = None
    outcome: str | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class FailoverWork:
    """What a step works on: the request, and the views of the stored state and detail."""

    request: FailoverRequest
    state: FailoverState
    detail: FailoverDetail

    @classmethod
    def of(cls, claim: Claim) -> Self:
        """Return the work of a claim; assigning to `state` and `detail` changes the claim."""
        return cls(request_of(claim.operation), FailoverState.of(claim.data), FailoverDetail.of(claim.detail))


def pending_input(claim: Claim, *names: InputName) -> FailoverInput | None:
    """Take the pending input of a claim if it has one of these names, once; other inputs stay pending."""
    stored = claim.row.pending_input
    if stored is None or stored.get("word") not in names:
        return None
    claim.take_input()
    return FailoverInput.model_validate(stored)


def return_input(claim: Claim, decision: FailoverInput) -> None:
    """Make an input that was taken pending again."""
    claim.return_input(decision.model_dump(mode="json", by_alias=True, exclude_unset=True))


def request_of(operation: Operation) -> FailoverRequest:
    """Read the request of an operation."""
    return FailoverRequest.model_validate(sent_of(operation).members)


def sent_of(operation: Operation) -> SentBody:
    """Return the request of an operation as it was sent, without the reserved members of a message."""
    return SentBody(operation.body).without("id", "tenant")
