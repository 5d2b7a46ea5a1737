"""A plan as callers see it."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, PlainSerializer, WithJsonSchema

from shared.copies.policies.forecast import FullBecause
from shared.copies.policies.runs.items import Decision
from shared.copies.policies.runs.state import RunInventory
from shared.copies.policies.warnings import PolicyWarning
from shared.moments import Moment
from shared.values.documents import Document
from shared.values.durations import duration_text

Duration = Annotated[
    timedelta, PlainSerializer(duration_text, return_type=str, when_used="json"), WithJsonSchema({"type": "string", "format": "duration"})
]


class PlanSummary(Document):
    """How much a run would do."""

    virtual_machines: int
    copies: int
    skipped: int
    deletions: int
    held: int


class PlanLimit(Document):
    """A limit of a run, and what the run would come to: over a maximum, or under a minimum, it ends as failed."""

    name: str
    limit: int
    would: int


class PlannedTarget(Document):
    """A target of a VM: `full` is true where a disk is copied whole, `supersedes` the waiting copy whose place it takes."""

    region: str
    decision: Decision
    code: str | None
    message: str | None
    size_gb: int | None
    full: bool | None
    because: tuple[FullBecause, ...]
    supersedes: str | None
    expected: Duration | None


class PlannedDeletion(Document):
    """A restore point that retention would delete, or holds."""

    restore_point_id: str
    copy_id: str | None
    place: str
    taken_at: Moment
    rule: str
    held: bool


class PlannedKeep(Document):
    """A restore point that retention keeps, and the rules that keep it."""

    restore_point_id: str
    rules: tuple[str, ...]


class PlannedMachine(Document):
    """What a run would do with a VM."""

    virtual_machine_id: str
    decision: Decision
    code: str | None
    message: str | None
    targets: tuple[PlannedTarget, ...]
    deletions: tuple[PlannedDeletion, ...] = ()
    kept: tuple[PlannedKeep, ...] = ()


class SubscriptionCalls(Document):
    """The calls of a run and its copies in a subscription; `seconds_at_share` is how long Azure's budget makes them last."""

    subscription_id: str
    reads: int
    writes: int
    deletes: int
    seconds_at_share: float = Field(serialization_alias="secondsAtOurShare")


class ForecastCalls(Document):
    """The calls of a run and its copies to Azure."""

    reads: int
    writes: int
    deletes: int
    graph_queries: int
    by_subscription: tuple[SubscriptionCalls, ...]


class LastChain(Document):
    """The chain that is done last."""

    virtual_machine_id: str
    region: str
    at: Moment


class FullCopy(Document):
    """A disk that is copied whole; `gb` is its size, an upper bound of what is copied."""

    virtual_machine_id: str
    region: str
    disk: str
    gb: int | None
    because: FullBecause


class LimitForecast(Document):
    """A VM that has almost as many restore points as Azure keeps.

    `reachedAt` is the slot at which it has 500, null where retention deletes as many as are made, or none is within 366 days.
    """

    virtual_machine_id: str
    count: int
    reached_at: Moment | None


class Forecast(Document):
    """What a run and its copies take. Sizes are those of disks: Azure does not show what is used of them."""

    calls: ForecastCalls
    chains: int
    chain_days: float
    last_chain_done: LastChain | None
    full_gb: int
    incremental_gb_at_most: int
    full_copies: tuple[FullCopy, ...]
    restore_point_limit: tuple[LimitForecast, ...]


class PlanBody(Document):
    """What the next run of a policy would do. `hash` covers all decisions; `value` is a page, by the names of the VMs."""

    policy: str
    etag: str | None
    generated_at: Moment
    slot: Moment | None
    inventory: RunInventory
    hash: str
    summary: PlanSummary
    limits: tuple[PlanLimit, ...]
    warnings: tuple[PolicyWarning, ...]
    forecast: Forecast
    value: tuple[PlannedMachine, ...]
    next_link: str | None = None
