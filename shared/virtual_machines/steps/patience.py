"""How long an operation on a machine waits for Azure before it asks for attention (docs/operate.md names each wait)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.clock import Clock
from shared.errors import ErrorCode
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, Outcome, Unread, Wait
from shared.operations.running.workflow import Step
from shared.values.durations import readable_duration
from shared.virtual_machines.state import MachineState

PATIENCE: Final = timedelta(hours=2)
"""How long a step may wait, or a machine be followed, of Azure's time."""
SLOW_LOOK: Final = timedelta(minutes=10)
"""The least interval between two looks once that is over."""


def patiently(steps: Mapping[str, Step], clock: Clock) -> dict[str, Step]:
    """Return the steps of a workflow, whose waits ask for attention once they have lasted too long."""
    return {name: _patient(name, step, clock) for name, step in steps.items()}


def _patient(name: str, step: Step, clock: Clock) -> Step:
    async def run(claim: Claim) -> Outcome:
        outcome = await step(claim)
        return _with_patience(MachineState.of(claim.data), name, outcome, clock.now()) if isinstance(outcome, Wait) else outcome

    return run


def _with_patience(state: MachineState, step: str, wait: Wait, now: datetime) -> Wait:
    """Return a wait of a step, with attention once the step has waited too long and asks for none itself."""
    if state.waiting_step != step or state.step_waits_since is None:
        state.waiting_step, state.step_waits_since = step, now
    since = state.step_waits_since or now
    if wait.attention is not None or now - since < PATIENCE:
        return wait
    return replace(wait, at=max(wait.at, now + SLOW_LOOK), attention=_attention(step, state, now - since))


def checked_patiently(state: MachineState, step: str, result: Checked | Unread, now: datetime) -> Checked | Unread:
    """Return the result of a check, with attention where what it follows has gone on for too long."""
    if isinstance(result, Unread) or result.step is not None or result.attention is not None:
        return result
    lasted = now - (state.started_at or now)
    if lasted < PATIENCE:
        return result
    at = max(result.at or now, now + SLOW_LOOK)
    return replace(result, at=at, attention=_attention(step, state, lasted))


def _attention(step: str, state: MachineState, lasted: timedelta) -> tuple[str, str]:
    subject = state.machine or state.subject or "the resource"
    message = f"Step {step} has waited for {readable_duration(lasted)} for Azure to finish its work on {subject}. Check it in Azure."
    return str(ErrorCode.NO_PROGRESS), f"{message} The operation continues once it has ended."
