"""How long a restore waits for Azure before it asks for attention (docs/operate.md names each wait)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from shared.clock import Clock
from shared.copies.restores.rules.groups import may_be_deleted
from shared.copies.restores.state import CLEANING, ResourceState
from shared.copies.restores.steps.claim import RestoreClaim
from shared.errors import ErrorCode
from shared.operations.running.outcomes import Outcome, Wait
from shared.values.durations import readable_duration

PATIENCE: Final[Mapping[str, timedelta]] = {
    "makingDisks": timedelta(hours=24), "booting": timedelta(hours=2), CLEANING: timedelta(hours=2),
}  # fmt: skip
"""How long a step may wait, of Azure's time, without one more resource that is ready, or deleted; a machine that boots has its own time
beside it."""
SLOW_LOOK: Final = timedelta(minutes=10)
"""The least interval between two looks once that is over."""


def patiently(name: str, run: Callable[[RestoreClaim], Awaitable[Outcome]], clock: Clock) -> Callable[[RestoreClaim], Awaitable[Outcome]]:
    """Return a step whose waits ask for attention once they have lasted too long."""

    async def waiting(restore: RestoreClaim) -> Outcome:
        outcome = await run(restore)
        return _with_patience(restore, name, outcome, clock) if isinstance(outcome, Wait) else outcome

    return waiting


def _with_patience(restore: RestoreClaim, step: str, wait: Wait, clock: Clock) -> Wait:
    now, state = clock.now(), restore.state
    resources = [one for machine in restore.detail.machines for one in machine.resources]
    done = ResourceState.DELETED if step == CLEANING else None
    progress = f"{step}/{sum(one.ready if done is None else one.state is done for one in resources)}"
    if state.progress != progress or state.waits_since is None:
        state.progress, state.waits_since = progress, now
    lasted = now - (state.waits_since or now)
    longest = PATIENCE[step] + (restore.request.boot_timeout if step == "booting" else timedelta())
    if wait.attention is not None or lasted < longest:
        return wait
    if step == CLEANING:
        names, what = _names_of_undeleted(restore), "delete"
    else:
        names = [
            one.resource.name for machine in restore.detail.machines for one in machine.resources if not one.ready and not machine.settled
        ]
        what = "make"
    message = f"Step {step} has waited for {readable_duration(lasted)} for Azure to {what} {', '.join(names[:5])}. Check it in Azure."
    code = ErrorCode.CLEAN_UP_BLOCKED if step == CLEANING else ErrorCode.NO_PROGRESS
    return replace(wait, at=max(wait.at, now + SLOW_LOOK), attention=(str(code), message))


def _names_of_undeleted(restore: RestoreClaim) -> list[str]:
    """Return the names of what the clean-up deletes and Azure still has: a real restore keeps the machines that it could make."""
    drill = restore.request.drill
    return [
        one.resource.name
        for machine in restore.detail.machines
        for one in machine.resources
        if one.state is not ResourceState.DELETED and may_be_deleted(machine, one, drill=drill)
    ]
