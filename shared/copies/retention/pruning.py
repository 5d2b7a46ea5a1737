"""Where a run prunes: after it has selected, and before anything is made, because Azure keeps 500 restore points of a VM."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.copies.policies.document import Limits, PolicyDocument
from shared.copies.policies.runs.state import DeletionCounts
from shared.errors import Problem


@dataclass(frozen=True, slots=True)
class PruneRun:
    """The run that prunes: its operation's id, tenant, policy and limits. Its items are written already (`RunItems`)."""

    run: str
    tenant: str
    policy: str
    policy_id: str
    revision: int
    document: PolicyDocument
    limits: Limits


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was accepted; `problem` is why the run ends as failed, such as `TooManyDeletions`."""

    counts: DeletionCounts
    problem: Problem | None = None


Prune = Callable[[PruneRun], Awaitable[Pruned]]
"""Decides what retention deletes, and accepts the deletions; harmless to repeat."""


async def prune_nothing(_run: PruneRun) -> Pruned:
    """Delete nothing."""
    return Pruned(DeletionCounts())
