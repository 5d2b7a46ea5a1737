"""Makes the pieces of an operation, stage by stage, and removes them: each by an effect with its own look.

What a PUT makes has a name that ends in the operation's id, or is known by its tag; a late or second PUT meets only what the same operation
made. A DELETE of what is gone changes nothing.
"""

from dataclasses import dataclass
from datetime import timedelta

from shared.arm.failures import problem_of_call
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Wait
from shared.operations.timings import Timings
from shared.values.reading import Json, an_object, text, whole
from shared.virtual_machines.creation.pieces import OPERATION_TAG, Piece, PiecesDetail
from shared.virtual_machines.facts import settled, tags_of
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.rules.power import Provisioning

_SOON = timedelta(seconds=3)
_MADE_HARMLESS = "its name ends in the operation's id, or its tag names the operation: a PUT again changes nothing"
_GROWN_HARMLESS = "a disk that has the size stays as it is"
_GONE_HARMLESS = "what is gone stays gone, and nothing else ever has its name"
_FIELDS = {"subnet": "subnetId", "subnetisfull": "subnetId"}


@dataclass(frozen=True, slots=True)
class Failed:
    """A piece could not be made."""

    problem: Problem


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
                    state = await self._make_one(claim, number, piece)
                except CallFailure as failure:
                    if not failure.is_refusal:
                        raise
                    return Failed(problem_of_call(failure, _field(failure)))
                if state is Provisioning.FAILED:
                    return Failed(
                        Problem(ErrorCode.AZURE_REFUSED, f"Azure could not make {piece.id}: its provisioning has failed.", piece.id)
                    )
                detail.replace(number, ready=state is Provisioning.SETTLED)
                waits = waits or state is not Provisioning.SETTLED
            if waits:
                return Wait(self.clock.now() + _SOON)
        return None

    async def _make_one(self, claim: Claim, number: int, piece: Piece) -> Provisioning:
        """Send a piece where it is not there, and return how far Azure is with it."""
        effect = self._effect(claim, number, piece)
        if claim.intends(effect.name):
            await claim.perform(effect)
            return Provisioning.BUSY
        body = await self.resources.get(piece.resource)
        if body is not None and _is_made(piece, body, claim.id):
            return settled(text(an_object(body, "properties"), "provisioningState") or "")
        if body is not None and not piece.existing:
            raise taken(piece)
        if piece.existing and piece.grow_to is None:
            return Provisioning.SETTLED
        await claim.perform(effect)
        return Provisioning.BUSY

    def _effect(self, claim: Claim, number: int, piece: Piece) -> Effect[None]:
        async def send(request_id: str) -> None:
            timeout = self.timings.effect_timeout
            if piece.existing:
                await self.resources.patch(piece.resource, {"properties": {"diskSizeGB": piece.grow_to}}, request_id, timeout)
            else:
                await self.resources.put(piece.resource, piece.body, request_id, timeout, only_new=piece.only_new)

        async def look(_intent: Intent) -> Started[None] | Absent:
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
            if piece.gone or piece.keep:
                continue
            body = await self.resources.get(piece.resource)
            if body is None:
                detail.replace(number, gone=True, reason=None)
                continue
            if own_only and piece.tagged and tags_of(body).get(OPERATION_TAG) != claim.id:
                detail.replace(number, gone=True, reason=None)
                continue
            if (text(an_object(body, "properties"), "provisioningState") or "").lower() == "deleting":
                return Wait(self.clock.now() + _SOON)
            try:
                await claim.perform(self._removal(number, piece))
            except CallFailure as failure:
                if not failure.is_refusal:
                    raise
                problem = problem_of_call(failure)
                detail.replace(number, reason=f"{failure.code}: {problem.message}")
                continue
            return Wait(self.clock.now() + _SOON)
        return None

    def _removal(self, number: int, piece: Piece) -> Effect[None]:
        async def send(request_id: str) -> None:
            await self.resources.delete(piece.resource, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[None] | Absent:
            body = await self.resources.get(piece.resource)
            deleting = body is not None and (text(an_object(body, "properties"), "provisioningState") or "").lower() == "deleting"
            return Started(None) if body is None or deleting else Absent()

        return Effect(f"remove.{piece.part}.{number}", send, look, _GONE_HARMLESS)


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
