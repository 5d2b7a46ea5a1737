"""What the steps of a copy have in common: how a refusal ends, how a collection is made."""

from collections.abc import Mapping
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.copying.rules.chain import REFRESH
from shared.copies.copying.rules.failures import azure_problem, meaning_of
from shared.copies.gateway import RestorePointGateway
from shared.errors import CallFailure, FailureKind, Problem, azure_code
from shared.operations.model.models import Intent, Status
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Outcome, Wait
from shared.operations.timings import Timings

POINT_TYPE = "restorePoints"
MAKING = timedelta(seconds=30)
"""How soon to look again at what Azure makes within a minute or two."""
_NOT_NOW = frozenset({"OperationNotAllowed", "VMRestorePointClientError"})
_TRIES_WHERE_NOT_NOW = 3


def failed(problem: Problem) -> End:
    """End the operation with a problem."""
    return End(Status.FAILED, problem)


def refused(failure: CallFailure) -> Outcome:
    """End with Azure's definite no in words; what may pass is raised, and counted as an attempt."""
    if failure.kind in {FailureKind.THROTTLED, FailureKind.IN_DOUBT} or meaning_of(failure.code).retry:
        raise failure
    return failed(azure_problem(failure.problem, azure_code(failure)))


def once_more(clock: Clock, claim: Claim, failure: CallFailure, step: str) -> Wait | None:
    """Try again later, a few times, what Azure does not allow *now*: a person's copy or restore point may be in the way."""
    tries = claim.data.get("notNow")
    tried = tries if isinstance(tries, int) else 0
    if failure.code not in _NOT_NOW or tried >= _TRIES_WHERE_NOT_NOW:
        return None
    claim.data["notNow"] = tried + 1
    return Wait(clock.now() + REFRESH, step=step)


def collection_effect(
    gateway: RestorePointGateway, timings: Timings, name: str, collection: ResourceId, region: str, source: str, tags: Mapping[str, str]
) -> Effect[None]:
    """Return the effect that makes a collection (of a VM, or of a source collection: a target for copies), named `name` in its intent."""

    async def send(request_id: str) -> None:
        await gateway.create_collection(collection, region, source, tags, request_id, timings.effect_timeout)

    async def look(_intent: Intent) -> Started[None] | Absent:
        return Started(None) if await gateway.collection(collection) is not None else Absent()

    harmless = "a PUT of a collection that is there changes nothing but its tags, to the same ones"
    return Effect(name, send, look, harmless, preparation=True)


def intends(claim: Claim, effect: str) -> bool:
    """Whether an earlier claim was about to start this effect: then it must be looked for before anything else is decided."""
    return claim.row.intent is not None and claim.row.intent.effect == effect


def replaces(claim: Claim) -> str | None:
    """Return the failed copy that a redo replaces, or None."""
    replaced = claim.data.get("replaces")
    return str(replaced) if replaced else None
