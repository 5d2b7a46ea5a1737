"""How a person resolves an operation whose outcome is unknown; each kind that has such an outcome has a resolver."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import ErrorCode, Refused
from shared.operations.model.models import Actor, Operation


class ResolvedAs(StrEnum):
    """What a person found in Azure: that the start took effect, or that it did not."""

    STARTED = "started"
    NOT_STARTED = "notStarted"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A person's resolution; `job` is the ARM id or the name of the job that Azure shows for it, `resource` what it made."""

    outcome: ResolvedAs
    job: str | None = None
    resource: str | None = None


Resolver = Callable[[Operation, Resolution, Actor], Awaitable[Operation]]
"""Leaves a resolution for the operation's next step; raises `Refused` (NotInDoubt, InvalidRequest)."""


def not_in_doubt(operation: Operation, noun: str) -> Refused:
    """Return the refusal of a resolution where the outcome of the operation is not unknown."""
    return Refused(ErrorCode.NOT_IN_DOUBT, f"The outcome of the {noun} is not unknown.", target=operation.id)
