"""What a capability gives the core: a kind of operation, its steps and its check; and what each of them may say.

A step is safe to run again from its first line. It works on its `Claim`, whose `data`, `detail` and `percent` it may change; they are
written with the write that ends the step (or with the intent of an effect), never alone.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.operations.model.models import Operation, PendingCommand
from shared.operations.model.rows import Active
from shared.operations.outside.messages import CHECK_QUEUE
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, Outcome, Unread

Step = Callable[[Claim], Awaitable[Outcome]]

Check = Callable[[Sequence[Active]], Awaitable[Mapping[str, Checked | Unread]]]


async def _nothing_to_release(_row: Active) -> None:
    return None


async def _nothing_to_note(_row: Active, _said: PendingCommand) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Workflow:
    """One kind of operation.

    `kind` and `resource` name it in answers and events (`/{resource}/{id}`); `step_queue` carries its steps, `check_queue` its checks.
    `check` reads the state of many rows in Azure at once and changes nothing. `on_finished` returns what the operation held beside its
    locks; each repetition of the announcement calls it again. `on_command` records a command (cancel, retry) and who gave it, before the
    command has any effect; the same command may be delivered again, which `PendingCommand.id` shows. `resource_path` gives the path of an
    operation's resource below `/api` where it does not end in the operation's own id.
    """

    kind: str
    resource: str
    step_queue: str
    read_role: str
    write_role: str
    steps: Mapping[str, Step]
    check: Check | None = None
    check_queue: str = CHECK_QUEUE
    on_finished: Callable[[Active], Awaitable[None]] = _nothing_to_release
    on_command: Callable[[Active, PendingCommand], Awaitable[None]] = _nothing_to_note
    resource_path: Callable[[Operation], str] | None = None

    def default_path(self, operation: str) -> str:
        """Return the path of the resource below `/api`."""
        return f"/{self.resource}/{operation}"


@dataclass(frozen=True, slots=True)
class Workflows:
    """The kinds of operations that there are, by name; `served` are those that this app's own timers and queues carry out."""

    by_kind: Mapping[str, Workflow] = field(default_factory=dict)
    served: frozenset[str] = frozenset()

    @staticmethod
    def of(*workflows: Workflow, served: frozenset[str] | None = None) -> "Workflows":
        """Collect workflows under their kinds; without `served` all of them are this app's own."""
        by_kind = {workflow.kind: workflow for workflow in workflows}
        return Workflows(by_kind, frozenset(by_kind) if served is None else served)

    def serves(self, kind: str) -> bool:
        """Whether this app dispatches operations of a kind."""
        return kind in self.by_kind and kind in self.served

    def of_kind(self, kind: str) -> Workflow:
        """Return a kind's workflow; raises `LookupError` for one that this app does not carry out."""
        return self.by_kind[kind]

    def path_of(self, operation: Operation) -> str:
        """Return the path of an operation's resource below `/api`."""
        workflow = self.of_kind(operation.kind)
        return workflow.resource_path(operation) if workflow.resource_path is not None else workflow.default_path(operation.id)
