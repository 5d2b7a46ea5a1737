"""What runs a kind of operation: its steps, its check and what they may return.

A step is safe to run again from its first line. It works on its `Claim`, whose `data`, `detail` and `percent` it may change; they are
written with the write that ends the step (or with the intent of an effect), never alone.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.operations.model.models import Operation, PendingCommand
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, Outcome, Unread

C = TypeVar("C")
Step = Callable[[Claim], Awaitable[Outcome]]
Check = Callable[[Sequence[Active]], Awaitable[Mapping[str, Checked | Unread]]]


def typed_step(view: Callable[[Claim], C], run: Callable[[C], Awaitable[Outcome]]) -> Step:
    """Return a step that runs on a typed view of its claim."""

    async def run_typed(claim: Claim) -> Outcome:
        return await run(view(claim))

    return run_typed


async def _nothing_to_release(_row: Active) -> None:
    return None


async def _nothing_to_record(_row: Active, _command: PendingCommand) -> None:
    return None


async def _as_it_is(operation: Operation) -> Operation:
    return operation


def _no_subjects(_operation: Operation) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Workflow:
    """The steps of one kind of operation, by name, and what happens around them.

    `check` reads the state of many rows in Azure at once and changes nothing. `on_finished` returns what the operation held beside its
    locks; each repetition of the announcement calls it again. `on_command` records a command (cancel, retry) and who gave it, before the
    command has any effect; the same command may be delivered again, which `PendingCommand.id` shows. `subjects` are the ARM ids of what an
    operation changes and its tenant must still own when it starts; the first of `steps` is that of a new operation.

    `tidying` names the step that runs before a canceled operation ends, and removes what it made so far; it ends the operation itself. None
    of its effects counts as the operation's own. It begins once no effect of an earlier step can still arrive. `announced` returns the
    operation as the event of its end shows it, which may be more than its answer shows.
    """

    steps: Mapping[str, Step]
    check: Check | None = None
    on_finished: Callable[[Active], Awaitable[None]] = _nothing_to_release
    on_command: Callable[[Active, PendingCommand], Awaitable[None]] = _nothing_to_record
    subjects: Callable[[Operation], Sequence[str]] = _no_subjects
    tidying: str | None = None
    announced: Callable[[Operation], Awaitable[Operation]] = _as_it_is


Workflows = Mapping[str, Workflow]
"""The workflow of each kind that an app serves, by the kind's name."""
