"""The state of a set-up operation as it is stored: the writes in its detail, and what scheduling needs in its data.

Members that a newer version has written are kept.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.errors import Problem
from shared.operations.accepting.resolving import Resolution, ResolvedAs
from shared.operations.model.models import Actor, JsonObject
from shared.values.absence import Absence

DONE, FAILED = "done", "failed"


class _Stored(BaseModel):
    model_config = ConfigDict(extra="allow", validate_assignment=True)

    def as_json(self) -> JsonObject:
        """Return the stored form: the members that were set."""
        return self.model_dump(mode="json", exclude_unset=True)


class WriteState(_Stored):
    """A write and its outcome.

    `job` is the name of the job that carries it out. `request` is the client request id of a write that Azure accepted without naming a
    job. `absent` holds the looks that did not find the job, or the 404 answers to the write. `code` is the code of the operation where
    this write decides it.
    """

    method: str
    path: str
    scope: str
    what: str
    body: JsonObject | None = None
    segment: str = ""
    stage: int = 0
    job: str | None = None
    request: str | None = None
    state: str | None = None
    error: dict[str, Any] | None = None
    code: str | None = None
    absent: dict[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has succeeded or failed."""
        return self.state in {DONE, FAILED}

    @property
    def is_started(self) -> bool:
        """Whether Azure has accepted it."""
        return bool(self.job or self.request)

    @property
    def removes(self) -> bool:
        """Whether it removes a resource."""
        return self.method == "DELETE" or self.segment == "remove"

    def is_lost(self, now: datetime) -> bool:
        """Return whether its job has been absent long enough to ask for attention."""
        absence = Absence.from_json(self.absent)
        return self.is_started and not self.is_over and absence is not None and absence.lasts_long_enough(now)

    def fail(self, problem: Problem, code: str | None = None) -> None:
        """Note that it failed; `problem` is Azure's, `code` the operation's where it is not the usual one."""
        self.state, self.error = FAILED, dict(problem.as_json())
        if code is not None:
            self.code = code


class SetUpInput(BaseModel):
    """A person's resolution on its way to the step that follows the jobs; `word` is the stored name of the input."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)

    word: Literal["resolve"] = "resolve"
    outcome: ResolvedAs
    job_id: str | None = None
    by: Actor

    @classmethod
    def of(cls, resolution: Resolution, by: Actor) -> Self:
        """Return the input of a resolution."""
        return cls(outcome=resolution.outcome, job_id=resolution.job, by=by)

    def stored(self) -> JsonObject:
        """Return the stored form."""
        return self.model_dump(mode="json", by_alias=True)


class SetUpState(_Stored):
    """What scheduling needs: when the writes of the current stage were started, and since when planning does not find what it needs."""

    startedAt: str | None = None  # noqa: N815  # the stored name
    absent: dict[str, Any] | None = None


def writes_of(detail: Mapping[str, object]) -> list[WriteState] | None:
    """Read the writes of an operation's detail; None before they are decided on."""
    found = detail.get("writes")
    return [WriteState.model_validate(one) for one in found] if isinstance(found, list) else None


def keep_writes(detail: JsonObject, writes: list[WriteState]) -> None:
    """Put the writes into an operation's detail."""
    detail["writes"] = [write.as_json() for write in writes]


def lost_writes(writes: Sequence[WriteState], now: datetime) -> list[WriteState]:
    """Return the writes that Azure accepted and whose jobs it has not shown for long enough."""
    return [write for write in writes if write.is_lost(now)]
