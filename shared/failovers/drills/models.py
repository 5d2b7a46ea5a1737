"""The requests, answers and stored documents of drills: policies, runs, the report."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    WithJsonSchema,
    field_serializer,
    model_validator,
)

from shared.errors import ProblemJson
from shared.failovers.policies import Policy
from shared.failovers.vault.answers import Failure
from shared.failovers.vault.fields import At, NetworkId, ProtectedItemId, RecoveryPlanId, Span, refuse
from shared.moments import Moment
from shared.operations.model.models import Status
from shared.values.absence import AbsenceJson
from shared.values.documents import Document
from shared.values.durations import duration_text, parse_duration

SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=366)
MAX_SCOPES = 500
_FORMER = "stands"


class Late(StrEnum):
    """The rule for a drill that could not start within an hour of its time."""

    CATCH_UP = "CatchUp"
    SKIP = "Skip"


def _period(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise refuse("a period is a text in ISO 8601, for example P30D")
    try:
        span = parse_duration(value)
    except ValueError as wrong:
        raise refuse(str(wrong)) from None
    if not SHORTEST <= span <= LONGEST:
        raise refuse(f"'{value[:40]}' is not between PT1H and P366D")
    return span


Period = Annotated[
    timedelta,
    BeforeValidator(_period),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["P30D"]}),
]


class DrillPolicyRequest(Document):
    """A drill policy as requested: which items and plans, how often, into which isolated network (null attaches none).

    The first drill starts at `firstAt`, by default immediately; each test machine is kept for `keepFor` before it is cleaned up.
    `stands` is the former name of `keepFor`, accepted in requests of this version.
    """

    protected_item_ids: tuple[ProtectedItemId, ...] = ()
    recovery_plan_ids: tuple[RecoveryPlanId, ...] = ()
    every: Period
    network: NetworkId | None
    first_at: At | None = None
    keep_for: Span = timedelta()
    late: Late = Late.CATCH_UP
    enabled: StrictBool = True

    @model_validator(mode="before")
    @classmethod
    def _former_name(cls, value: Any) -> Any:  # noqa: ANN401  # whatever was sent
        if not isinstance(value, Mapping) or _FORMER not in value:
            return value
        if "keepFor" in value or "keep_for" in value:
            return value  # both names: the former one is refused as an unknown field
        return {("keepFor" if name == _FORMER else name): member for name, member in value.items()}

    @model_validator(mode="after")
    def _something(self) -> Self:
        count = len(self.scopes)
        if not count:
            raise refuse("give protectedItemIds, recoveryPlanIds or both: there is nothing to drill")
        if count > MAX_SCOPES:
            raise refuse(f"a policy drills {MAX_SCOPES} items and plans at most")
        if self.keep_for >= self.every:
            raise refuse("keepFor must be shorter than every: a test machine is cleaned up before the next drill")
        return self

    @property
    def scopes(self) -> tuple[str, ...]:
        """The ARM ids of all that is drilled."""
        return (*self.protected_item_ids, *self.recovery_plan_ids)


class DrillScope(Document):
    """The state of an item or plan of a policy; `never` is true where no drill of it has succeeded."""

    scope: str
    last_success: Moment | None = None
    last_status: Status | None = None
    never: bool
    overdue: bool
    to_clean_up: bool


class DrillPolicyBody(Document):
    """A drill policy, with its next slot and the state of each item and plan."""

    name: str
    tenant: str
    vault_id: str
    protected_item_ids: tuple[str, ...]
    recovery_plan_ids: tuple[str, ...]
    every: Period
    network: str | None
    first_at: Moment
    keep_for: Span
    late: Late
    enabled: bool
    next_slot: Moment | None = None
    scopes: tuple[DrillScope, ...] = ()


class DrillRunBody(Document):
    """A drill of one item or plan: its failover, the result of the test, whether it is cleaned up. `items` are its protected items."""

    scope: str
    slot: Moment
    status: Status
    failover_id: str | None = None
    items: tuple[str, ...] = ()
    cleaned_up: bool
    started_at: Moment | None = None
    completed_at: Moment | None = None
    recovery_point_age_seconds: int | None = None
    error: Failure | None = None


class DrillsBegun(BaseModel):
    """The drills that were started; items that are busy are not among them."""

    value: tuple[DrillRunBody, ...] = ()


class DrillReport(Document):
    """The last 500 drills of a policy, newest first, and the state of each item and plan."""

    policy: str
    generated_at: Moment
    succeeded: int = Field(ge=0)
    failed: int = Field(ge=0)
    scopes: tuple[DrillScope, ...] = ()
    value: tuple[DrillRunBody, ...] = ()


class KeptPolicy(Policy):
    """A policy in storage. `deleted` is true for one that makes no more drills and remains until its drills are cleaned up.

    The stored name of `keepFor` is `stands`: versions that run at the same time read it.
    """

    request: DrillPolicyRequest
    first_at: Moment
    deleted: bool = False

    @field_serializer("request")
    def _stored(self, request: DrillPolicyRequest) -> dict[str, Any]:
        return {(_FORMER if name == "keepFor" else name): value for name, value in request.as_json().items()}


class KeptRun(Document):
    """A drill in storage; members that a newer version has written are ignored.

    `settled`: it has ended and is cleaned up. `cleanup` is the operation of a later cleanup, `tries` how many there were. `absent` holds
    the looks in which Azure did not show the scope, or nothing to clean up; it is stored only where there are any.
    """

    model_config = ConfigDict(extra="ignore")

    scope: str
    slot: Moment
    operation: str | None = None
    status: Status = Status.RUNNING
    cleaned_up: bool = False
    settled: bool = False
    cleanup: str | None = None
    tries: int = 0
    items: tuple[str, ...] = ()
    started_at: Moment | None = None
    completed_at: Moment | None = None
    point_age: int | None = None
    error: ProblemJson | None = None
    absent: AbsenceJson = None


def kept_at(moment: datetime) -> datetime:
    """Return a time truncated to the second, the resolution of slots."""
    return moment.replace(microsecond=0)
