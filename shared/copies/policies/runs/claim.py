"""A claim of a run: its request, and typed views of its state and detail."""

from collections.abc import Awaitable, Callable

from shared.copies.policies.runs.request import StoredRun, stored_run
from shared.copies.policies.runs.state import RunDetail, RunState
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Outcome
from shared.operations.running.workflow import Step, typed_step


class RunClaim:
    """What a step of a run works with. Changes of `state` and `detail` change the claim."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self.request: StoredRun = stored_run(claim.operation)
        self.actor = claim.operation.actor
        self.state = RunState.of(claim.data)
        self.detail = RunDetail.of(claim.detail)

    @property
    def id(self) -> str:
        """The operation's id."""
        return self._claim.id

    @property
    def tenant(self) -> str:
        """The tenant that owns the policy."""
        return self._claim.row.tenant

    @property
    def attempts(self) -> int:
        """How often the step has been run without progress, this time included."""
        return self._claim.row.attempts

    @property
    def lock(self) -> str:
        """The lock that one run of a policy holds while it selects and accepts."""
        return policy_lock(self.policy_id)

    @property
    def policy_id(self) -> str:
        """The id of the policy that the run is of."""
        return self.request.slot.policy_id if self.request.slot is not None else self.state.policy_id or ""

    def hold(self, lock: str) -> None:
        """Add a lock that was taken to the row, with its next write."""
        self._claim.hold(lock)

    def drop(self, lock: str) -> None:
        """Remove a lock from the row, with its next write, after which it is released; a lock that is not held is ignored."""
        self._claim.drop(lock)

    def show_percent(self, percent: int) -> None:
        """Set how far the run is."""
        self._claim.percent = percent


def policy_lock(policy_id: str) -> str:
    """Return the lock of a policy: one run of it selects or accepts at a time."""
    return f"copyPolicy|{policy_id}"


def step(run: Callable[[RunClaim], Awaitable[Outcome]]) -> Step:
    """Return a step of the core that runs a step of a run."""
    return typed_step(RunClaim, run)
