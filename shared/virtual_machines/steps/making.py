"""Makes the pieces of an operation, stage by stage, and removes them: each by an effect with its own look.

What a PUT makes has a name that ends in the operation's id, or is known by its tag; a late or second PUT meets only what the same operation
made. A DELETE of what is gone changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.arm.failures import problem_of_call, refusal_problem
from shared.arm.operations import OperationState, OperationStatus
from shared.arm.reading import own_id
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Wait
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.reading import Json, an_object, same_text, text, whole
from shared.virtual_machines.creation.pieces import OPERATION_TAG, TENANT_TAG, Piece, PiecesDetail
from shared.virtual_machines.facts import settled, tags_of
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.rules.leftovers import SHARED, Part
from shared.virtual_machines.rules.power import Provisioning

_SOON = timedelta(seconds=3)
_MADE_HARMLESS = "its name ends in the operation's id, or its tag names the operation: a PUT again changes nothing"
_GROWN_HARMLESS = "a disk that has the size stays as it is"
_GONE_HARMLESS = "what is gone stays gone, and nothing else ever has its name"
_MEANINGS: Mapping[str, tuple[ErrorCode, str | None]] = {
    "rulesusesamefrontendportprotocolandipconfig": (ErrorCode.PORT_TAKEN, "port"),
    "rulesusesamebackendportprotocolandpool": (ErrorCode.PORT_TAKEN, "port"),
    "networkinterfacesinavailabilitysetusemultipleloadbalancersofsametype": (ErrorCode.NOT_OURS, "deployment"),
}
"""What some of Azure's codes mean; the last one: the set is behind another public balancer [I: the code is the simulated Azure's]."""
_NAMED_BY: Mapping[str, str] = {Action.ADD_DATA_DISK: "name", Action.CREATE_IMAGE: "name", Action.CAPTURE: "imageName"}
"""The fields that name what actions other than a creation make."""
_FIELDS = {"subnet": "subnetId", "subnetisfull": "subnetId"}


@dataclass(frozen=True, slots=True)
class Failed:
    """A piece could not be made.

    `was_there` is true for one that machines share and that the reads before the plan did not show: the plan is made anew.
    """

    problem: Problem
    was_there: bool = False


@dataclass(frozen=True, slots=True)
class _Deletion:
    """What is known of the deletion of a piece: whether Azure has accepted it, and the URL of Azure's operation."""

    accepted: bool
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Making:
    """Makes and removes pieces."""

    resources: ResourceManagerResources
    clock: Clock
    timings: Timings

    async def make(self, claim: Claim, detail: PiecesDetail, before: int) -> Wait | Failed | None:
        """Make the pieces of the stages below `before`; None once all are there. A piece is sent once those of lower stages are ready."""
        for stage in sorted({piece.stage for piece in detail.pieces if piece.stage < before}):
            waits = False
            for number, piece in enumerate(detail.pieces):
                if piece.stage != stage or piece.ready:
                    continue
                try:
                    state = await self._make_one(claim, detail, number)
                except CallFailure as failure:
                    if not failure.is_refusal:
                        raise
                    detail.replace(number, known=piece.known and failure.code != ErrorCode.NAME_TAKEN)  # a read shows another's of its name
                    return Failed(_problem_of(claim, piece, failure), _was_there(detail, piece, failure))
                if state is Provisioning.FAILED:
                    return Failed(await self._later_failure(detail.pieces[number]))
                detail.replace(number, ready=state is Provisioning.SETTLED)
                waits = waits or state is not Provisioning.SETTLED
            if waits:
                hidden = any(piece.stage == stage and not piece.ready and piece.absence is not None for piece in detail.pieces)
                return Wait(self.clock.now() + (BETWEEN_LOOKS if hidden else _SOON))
        return None

    async def _later_failure(self, piece: Piece) -> Problem:
        """Return why a piece that Azure had accepted could not be made."""
        error = await self.resources.error_of_operation(piece.url)
        if error is not None:
            return meaning_of(refusal_problem(error))
        return Problem(ErrorCode.AZURE_REFUSED, f"Azure could not make {piece.id}: its provisioning has failed.", piece.id)

    async def _make_one(self, claim: Claim, detail: PiecesDetail, number: int) -> Provisioning:
        """Send a piece where it is not there, and return how far Azure is with it."""
        piece = detail.pieces[number]
        effect = self._effect(claim, number, piece)
        if claim.intends(effect.name):
            url = await claim.perform(effect)
            detail.replace(number, url=url or piece.url)
            return Provisioning.BUSY
        body = await self.resources.get(piece.resource)
        if body is None and piece.url is not None:
            return await self._hidden(detail, number)
        if body is not None and _is_made(piece, body, claim.id):
            detail.replace(number, known=True, absence=None)
            return settled(text(an_object(body, "properties"), "provisioningState") or "")
        if body is not None and _is_unused_address(piece, body):
            return settled(text(an_object(body, "properties"), "provisioningState") or "")
        if body is not None and not piece.existing:
            raise taken(piece)
        if piece.existing and piece.grow_to is None:
            return Provisioning.SETTLED
        if piece.named and (listed := await self._listed(piece)) is not None:
            if not piece.known and not _is_made(piece, listed, claim.id):
                raise taken(piece)
            detail.replace(number, absence=not_shown(None, self.clock.now()))  # sent before: a read will show whose it is
            return Provisioning.BUSY
        detail.replace(number, known=True)
        url = await claim.perform(effect)
        detail.replace(number, url=url)
        return Provisioning.BUSY

    async def _listed(self, piece: Piece) -> Json | None:
        """Return what a list shows of a piece that a read answered 404 for: a PUT would take over another's resource of the name."""
        return next((one for one in await self.resources.within(piece.resource) if same_text(own_id(one), piece.id)), None)

    async def _hidden(self, detail: PiecesDetail, number: int) -> Provisioning:
        """Return how far Azure is with a piece that it has accepted and answers 404 for: a PUT again would meet its own operation.

        Once it has been absent for long enough it counts as never made, and is sent again.
        """
        if await self.resources.error_of_operation(detail.pieces[number].url) is not None:
            return Provisioning.FAILED
        if self.counts_as_gone(detail, number):
            detail.replace(number, url=None, absence=None)
        return Provisioning.BUSY

    def _effect(self, claim: Claim, number: int, piece: Piece) -> Effect[str | None]:
        async def send(request_id: str) -> str | None:
            timeout = self.timings.effect_timeout
            if piece.existing:
                return await self.resources.patch(piece.resource, {"properties": {"diskSizeGB": piece.grow_to}}, request_id, timeout)
            return await self.resources.put(piece.resource, piece.body, request_id, timeout, only_new=piece.only_new)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            body = await self.resources.get(piece.resource)
            if body is None:
                return Absent()
            if _is_made(piece, body, claim.id):
                return Started(None)
            if piece.existing:
                return Absent()
            raise taken(piece)

        harmless = _GROWN_HARMLESS if piece.existing else _MADE_HARMLESS
        return Effect(f"make.{piece.part}.{number}", send, look, harmless, preparation=True)

    async def remove(self, claim: Claim, detail: PiecesDetail, numbers: list[int], *, own_only: bool = True) -> Wait | None:
        """Remove pieces in the order given; None once each is gone, is kept as another's, or has a reason why it cannot be removed.

        With `own_only` what carries another operation's tag is kept.
        """
        for number in numbers:
            piece = detail.pieces[number]
            wait = None if piece.gone or piece.keep else await self._remove_one(claim, detail, number, own_only=own_only)
            if wait is not None:
                return wait
        return None

    async def _remove_one(self, claim: Claim, detail: PiecesDetail, number: int, *, own_only: bool) -> Wait | None:
        piece = detail.pieces[number]
        body = await self.resources.get(piece.resource)
        if body is None:
            return await self._remove_hidden(claim, detail, number)
        if own_only and piece.tagged and tags_of(body).get(OPERATION_TAG) != claim.id:
            detail.replace(number, gone=True, reason=None)
            return None
        if (text(an_object(body, "properties"), "provisioningState") or "").lower() == "deleting":
            return Wait(self.clock.now() + _SOON)
        return None if _deletion_failed(detail, number, await self._deletion(piece)) else await self._delete(claim, detail, number)

    async def _remove_hidden(self, claim: Claim, detail: PiecesDetail, number: int) -> Wait | None:
        """Remove what Azure answers 404 for: it may be there all the same, unless it was never sent, or its deletion has ended.

        Under a name that may be another's, and where Azure's operation can no longer be read, only time decides; anything else is deleted
        without having been seen.
        """
        piece = detail.pieces[number]
        status = await self._deletion(piece)
        if status is not None and status.state is OperationState.IN_PROGRESS:
            return Wait(self.clock.now() + _SOON)
        if _deletion_failed(detail, number, status):
            return None
        unread = piece.deleted and piece.url is not None and status is None
        by_time = unread or piece.named or piece.part in SHARED or piece.part is Part.MACHINE
        is_gone = not piece.known or (piece.deleted and not unread)
        if is_gone or (by_time and self.counts_as_gone(detail, number)):
            detail.replace(number, gone=True, reason=None)
            return None
        return Wait(self.clock.now() + BETWEEN_LOOKS) if by_time else await self._delete(claim, detail, number)

    async def _deletion(self, piece: Piece) -> OperationStatus | None:
        """Return the status of the deletion of a piece; None where Azure has accepted none, or its operation cannot be read."""
        return await self.resources.status_of_operation(piece.url) if piece.deleted else None

    async def _delete(self, claim: Claim, detail: PiecesDetail, number: int) -> Wait | None:
        """Delete a piece; None where Azure refuses it, for a reason that is kept."""
        try:
            deletion = await claim.perform(self._removal(number, detail.pieces[number]))
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            problem = problem_of_call(failure)
            detail.replace(number, reason=f"{failure.code}: {problem.message}")
            return None
        detail.replace(number, deleted=deletion.accepted, url=deletion.url, absence=None)
        return Wait(self.clock.now() + _SOON)

    def counts_as_gone(self, detail: PiecesDetail, number: int) -> bool:
        """Note a look that did not show a piece, and return whether they have lasted long enough."""
        absence = not_shown(detail.pieces[number].absence, self.clock.now())
        detail.replace(number, absence=absence)
        return absence.lasts_long_enough(self.clock.now())

    def _removal(self, number: int, piece: Piece) -> Effect[_Deletion]:
        async def send(request_id: str) -> _Deletion:
            return _Deletion(accepted=True, url=await self.resources.delete(piece.resource, request_id, self.timings.effect_timeout))

        async def look(_intent: Intent) -> Started[_Deletion] | Absent:
            body = await self.resources.get(piece.resource)
            if body is None:  # deleted, or only hidden: not accepted as far as is known
                return Started(_Deletion(accepted=False))
            is_deleting = (text(an_object(body, "properties"), "provisioningState") or "").lower() == "deleting"
            return Started(_Deletion(accepted=True)) if is_deleting else Absent()

        return Effect(f"remove.{piece.part}.{number}", send, look, _GONE_HARMLESS)


def _deletion_failed(detail: PiecesDetail, number: int, status: OperationStatus | None) -> bool:
    """Return whether the deletion of a piece has failed after Azure had accepted it, and keep why."""
    error = status.error if status is not None else None
    if error is not None:
        detail.replace(number, deleted=False, url=None, reason=f"{error.code}: {error.message}")
    return error is not None


def meaning_of(problem: Problem) -> Problem:
    """Return a refusal of Azure's with the code that it has here where another port or balancer is in the way; any other as it is."""
    known = (_MEANINGS.get(str(one.code).lower()) for one in problem.details)
    code, target = next((found for found in known if found is not None), (None, None))
    return Problem(code, problem.message, target, problem.details) if code is not None else problem


def _problem_of(claim: Claim, piece: Piece, failure: CallFailure) -> Problem:
    """Return why a piece could not be made; of a name that is taken the field that chose it, where the caller did."""
    if failure.code != ErrorCode.NAME_TAKEN or not piece.named:
        return meaning_of(problem_of_call(failure, _field(failure)))
    target = _NAMED_BY.get(claim.operation.action or "", "dataDisks" if piece.part is Part.DATA_DISK else "deployment.name")
    return Problem(ErrorCode.NAME_TAKEN, failure.message, target)


def _is_unused_address(piece: Piece, body: Json) -> bool:
    """Return whether an address of this name was left by an earlier operation on the same set or machine, and serves nothing."""
    attached = an_object(an_object(body, "properties"), "ipConfiguration")
    return piece.part is Part.ADDRESS and not attached and TENANT_TAG in tags_of(body)


def _was_there(detail: PiecesDetail, piece: Piece, failure: CallFailure) -> bool:
    """Return whether a shared piece exists already, of which this operation has made no other part."""
    own = any(one.part in SHARED and one.known and one.id != piece.id for one in detail.pieces)
    return piece.part in SHARED and failure.code == ErrorCode.NAME_TAKEN and not own


def taken(piece: Piece) -> CallFailure:
    """Return the failure of a piece whose name another thing has."""
    name = piece.resource.name
    return CallFailure(FailureKind.REFUSED, code=ErrorCode.NAME_TAKEN, message=f"There is another '{name}' already.", status=409)


def _is_made(piece: Piece, body: Json, operation: str) -> bool:
    if piece.existing:
        size = whole(an_object(body, "properties"), "diskSizeGB") or 0
        return piece.grow_to is None or size >= piece.grow_to
    return not piece.tagged or tags_of(body).get(OPERATION_TAG) == operation


def _field(failure: CallFailure) -> str | None:
    """Return the field of a request that is the cause of Azure's refusal, or None."""
    return _FIELDS.get(failure.code.lower())
