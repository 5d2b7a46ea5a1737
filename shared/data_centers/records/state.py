"""The stored state of an operation on a data center, typed: what scheduling needs, and what an answer shows."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.data_centers.kinds import Action
from shared.data_centers.rules.power import Goal, JobState, PowerCall, Work
from shared.data_centers.rules.syncing import Waiting
from shared.errors import ProblemJson
from shared.moments import StoredMoment
from shared.values.stored import StoredView


class Watch(StrEnum):
    """What the checks of an operation look for."""

    ACTIVATION = "activation"
    SYNC = "sync"
    GONE = "gone"


class _Part(BaseModel):
    """An object within a stored document; it keeps the members of a newer version, and is assigned whole."""

    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)


class SyncMemory(_Part):
    """What is remembered between looks at a quota."""

    began: StoredMoment
    looks: int = 0
    resyncs: int = 0
    resync_at: StoredMoment | None = None
    in_sync_at: StoredMoment | None = None

    @property
    def waiting(self) -> Waiting:
        """The memory as the rules have it."""
        return Waiting(self.began, self.looks, self.resyncs, self.resync_at, self.in_sync_at)

    @staticmethod
    def of(waiting: Waiting) -> "SyncMemory":
        """Return the stored form of what the rules remember."""
        return SyncMemory(
            began=waiting.began, looks=waiting.looks, resyncs=waiting.resyncs, resync_at=waiting.resync_at, in_sync_at=waiting.in_sync_at
        )


class OperationState(StoredView):
    """What scheduling and the checks need of an operation on a data center, a few hundred bytes.

    `made` are the things at Azure Pack that this attempt made or may have made, in their order. `cause` is the first refusal. `watch` is
    what the checks look for since `watched_since`; `then` is the step after it. `recent_task` is the most recent job of the machine whose
    power is being changed, before the change. `former_plan` is the plan before a change of plan.
    """

    action: Action
    target: str
    installation: str
    attempt: int = 1
    subscription: str | None = None
    user: str | None = None
    plan: str | None = None
    made: tuple[str, ...] = ()
    user_was_there: bool = False
    user_claimed: bool = False
    cause: ProblemJson | None = None
    changed: bool = False
    watch: Watch | None = None
    watched_since: StoredMoment | None = None
    then: str | None = None
    former_plan: str | None = None
    sync: SyncMemory | None = None
    limits: dict[str, int] | None = None
    cloud: str | None = None
    recent_task: str | None = None
    by_admin_service: bool = False
    undone: tuple[str, ...] = ()


class MachineWork(_Part):
    """What is done with one machine, and how far it is; times are Azure's.

    `reason` is why the last call failed, `error` why no other follows.
    """

    id: str
    stamp_id: str
    name: str
    goal: Goal
    how: PowerCall
    since: StoredMoment
    last: PowerCall | None = None
    sent_at: StoredMoment | None = None
    job_id: str | None = None
    job: JobState = JobState.NONE
    failed_at: StoredMoment | None = None
    tries: int = 0
    percent: int = 0
    reason: ProblemJson | None = None
    done: bool = False
    gone: bool = False
    error: ProblemJson | None = None

    @property
    def work(self) -> Work:
        """The work as the rules have it."""
        return Work(self.goal, self.how, self.since, self.last, self.sent_at, self.job, self.failed_at, self.tries)

    @property
    def ended(self) -> bool:
        """Whether nothing more is done with it."""
        return self.done or self.error is not None


class SyncShown(_Part):
    """The quota's synchronisation as an answer shows it."""

    state: str
    since: StoredMoment
    message: str | None = None


class OperationDetail(StoredView):
    """What an answer shows of an operation on a data center, and how far each machine is."""

    machines: tuple[MachineWork, ...] | None = None
    quota_sync: SyncShown | None = None
    left_behind: tuple[dict[str, str], ...] | None = None
    previous: dict[str, int] | None = None
    notes: tuple[str, ...] | None = None
