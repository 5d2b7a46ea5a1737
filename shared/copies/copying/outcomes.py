"""What the steps of a copy have in common: how a refusal ends, how a wait for Azure is limited, how a collection is created."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.copying import admission
from shared.copies.copying.claim import CopyClaim
from shared.copies.copying.rules.chain import REFRESH
from shared.copies.copying.rules.failures import azure_problem, meaning_of
from shared.copies.copying.rules.waits import SLOW_LOOK, AzureWait, is_overdue, overdue_message, waiting
from shared.copies.gateway import RestorePointGateway
from shared.errors import CallFailure, ErrorCode, Problem, azure_code
from shared.operations.model.models import Intent, Status
from shared.operations.running.budgets import writes_of
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Outcome, Wait
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.durations import readable_duration

POINT_TYPE = "restorePoints"
MAKING = timedelta(seconds=30)
"""The interval between two looks at what Azure makes within a minute or two."""
_NOT_NOW = frozenset({"operationnotallowed", "vmrestorepointclienterror"})
_TRIES_WHERE_NOT_NOW = 3
_CONFLICT = 409
_READS_OF_AN_OPERATION = 3


def failed(problem: Problem) -> End:
    """Return the end of an operation that failed with a problem."""
    return End(Status.FAILED, problem)


def refused(failure: CallFailure) -> Outcome:
    """Return the end for a definite refusal of Azure's; a failure that may pass is raised, and counts as an attempt."""
    if not failure.is_refusal or meaning_of(failure.code).retry:
        raise failure
    return failed(azure_problem(failure.problem, azure_code(failure)))


def once_more(clock: Clock, copy: CopyClaim, failure: CallFailure, step: str) -> Wait | None:
    """Return when to retry what Azure does not allow *now*, a few times: another copy or restore point may be in the way."""
    if failure.code.lower() not in _NOT_NOW or copy.state.not_now >= _TRIES_WHERE_NOT_NOW:
        return None
    copy.state.not_now += 1
    return Wait(clock.now() + REFRESH, step=step)


def wait_for_azure(
    clock: Clock, copy: CopyClaim, what: AzureWait, subject: str, *, step: str | None = None, delay: timedelta = MAKING
) -> Wait:
    """Return a wait for Azure, which asks for attention once it has lasted too long; `subject` is a clause for its message."""
    now = clock.now()
    copy.state.wait = waiting(copy.state.wait, what, now)
    if not is_overdue(copy.state.wait, now):
        return Wait(now + delay, step=step)
    message = overdue_message(copy.state.wait, now, subject)
    return Wait(now + max(delay, SLOW_LOOK), step=step, attention=(str(ErrorCode.NO_PROGRESS), message))


def names_a_quota(failure: CallFailure) -> bool:
    """Return whether Azure has refused a start for how many copies run: it is retried as after a 429."""
    return failure.is_refusal and failure.status == _CONFLICT and "quota" in f"{failure.code} {failure.message}".lower()


def rate_wait(clock: Clock, copy: CopyClaim, failure: CallFailure, step: str) -> Wait:
    """Return the wait for a write that Azure answers with 429, or refuses for a quota: nothing began, Azure may name the time."""
    delay = timedelta(seconds=max(failure.retry_after or 0, MAKING.total_seconds()))
    wait = wait_for_azure(clock, copy, AzureWait.RATE, f"Azure has answered {failure.code}", step=step, delay=delay)
    return replace(wait, writes=writes_of(admission.source_id(copy.request).subscription_id))


def look_again(clock: Clock, copy: CopyClaim, step: str | None = None) -> Wait | None:
    """Return when to look again for a resource that Azure answers 404 for; None once it counts as gone."""
    now = clock.now()
    absence = copy.state.absence = not_shown(copy.state.absence, now)
    return None if absence.lasts_long_enough(now) else Wait(now + BETWEEN_LOOKS, step=step)


def missing_attention(clock: Clock, copy: CopyClaim, failure: CallFailure, step: str) -> Wait:
    """Return the wait for a 404 that persists although the resource exists: a person must look."""
    now = clock.now()
    lasted = readable_duration(now - copy.state.absence.since) if copy.state.absence is not None else "some time"
    message = f"Azure has answered {failure.code} for {lasted}: {failure.message}. Check in Azure; the copy continues once this changes."
    return Wait(now + SLOW_LOOK, step=step, attention=(str(ErrorCode.NO_PROGRESS), message))


async def reason_in_operation(gateway: RestorePointGateway, copy: CopyClaim, effect: str) -> Problem | None:
    """Read the long-running operation that an effect started, and return Azure's error if it failed.

    An operation that cannot be read is an attempt without progress (`CallFailure`), and is given up after a few of them.
    """
    url = copy.operation_url(effect)
    if url is None:
        return None
    try:
        return await gateway.error_of_operation(url)
    except CallFailure:
        if copy.attempts < _READS_OF_AN_OPERATION:
            raise
        return None


def collection_effect(
    gateway: RestorePointGateway, timings: Timings, name: str, collection: ResourceId, region: str, source: str, tags: Mapping[str, str]
) -> Effect[None]:
    """Return the effect that creates a collection (of a VM, or of a source collection: a target for copies), named `name` in its intent."""

    async def send(request_id: str) -> None:
        await gateway.create_collection(collection, region, source, tags, request_id, timings.effect_timeout)

    async def look(_intent: Intent) -> Started[None] | Absent:
        return Started(None) if await gateway.find_collection(collection) is not None else Absent()

    harmless = "a PUT of an existing collection changes nothing but its tags, to the same ones"
    return Effect(name, send, look, harmless, preparation=True)
