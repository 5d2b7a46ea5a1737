"""Removes what an operation made, or what a machine had: after a failed or canceled creation, and after a deletion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.errors import ErrorCode, Problem
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Status
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Outcome, Wait
from shared.values.absence import BETWEEN_LOOKS
from shared.values.reading import an_object, objects
from shared.virtual_machines.creation.pieces import Piece, PiecesDetail
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.leftovers import SHARED, Part, after_failure
from shared.virtual_machines.rules.leftovers import Piece as Leftover
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.making import Making

_USERS = {Part.SET: ("virtualMachines",), Part.BALANCER: ("backendAddressPools", "inboundNatRules"), Part.ADDRESS: ()}
"""The members of a shared resource that show what uses it."""
_AGAIN = timedelta(minutes=1)
_RESERVED_FOR = timedelta(minutes=5)
"""How long something may refuse to go before a person is asked to look: Azure keeps the adapter of a failed machine for three minutes."""
_LONGEST = timedelta(hours=24)
_LOCK_WAIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class TidyingSteps:
    """The step `tidying`."""

    making: Making
    locks: Locks
    clock: Clock

    async def tidying(self, claim: Claim) -> Outcome:
        """Remove what is to go, in its order; what cannot be removed is tried for a day, and named by the result."""
        detail, state = PiecesDetail.of(claim.detail), MachineState.of(claim.data)
        own_only = state.vm_id is None or state.reprovisions  # a deletion has noted the machine, and what it leads to
        if not own_only and not claim.row.started:
            return ended(state, status=Status.CANCELED)  # the machine is there: nothing of it goes
        keep = own_only and _keeps(claim)
        order = [] if keep else _order(detail)
        own, shared = [n for n in order if detail.pieces[n].part not in SHARED], [n for n in order if detail.pieces[n].part in SHARED]
        wait = await self.making.remove(claim, detail, own, own_only=own_only)
        if wait is None and shared and not any(detail.pieces[number].reason for number in own):
            wait = await self._remove_shared(claim, detail, shared, own_only=own_only)
        if wait is not None:
            return wait
        blocked = [piece for piece in detail.pieces if piece.reason and not piece.gone and not piece.keep]
        if not blocked:
            return self._end(detail, state, keep=keep)
        return self._blocked(detail, state, blocked)

    async def _remove_shared(self, claim: Claim, detail: PiecesDetail, numbers: Sequence[int], *, own_only: bool) -> Wait | None:
        """Remove set, balancer and address while no machine of the deployment is left; the deployment's lock is held meanwhile."""
        lock = _lock_of(claim)
        if lock is not None:
            if await self.locks.take([lock], claim.id) is not None:
                _let_others_go_on(claim)
                return Wait(self.clock.now() + _LOCK_WAIT)
            claim.hold(lock)
        if self._waits_for(detail, await self._keep_used(detail, numbers)):
            _let_others_go_on(claim)
            return Wait(self.clock.now() + BETWEEN_LOOKS)
        return await self.making.remove(claim, detail, list(numbers), own_only=own_only)

    async def _keep_used(self, detail: PiecesDetail, numbers: Sequence[int]) -> list[int]:
        """Keep everything while a machine is in the set, and the balancer with its address while another machine has ports on it.

        Returns the positions of what Azure does not show, although it has been there.
        """
        used, hidden = False, list[int]()
        for number in numbers:
            piece = detail.pieces[number]
            body = None if piece.gone else await self.making.resources.get(piece.resource)
            if body is None and piece.known and not piece.gone and not piece.deleted:
                hidden.append(number)
            properties = an_object(body or {}, "properties")
            used = used or any(objects(properties, member) for member in _USERS[piece.part])
            if used and not piece.gone:
                detail.replace(number, keep=True)
        return hidden

    def _waits_for(self, detail: PiecesDetail, hidden: Sequence[int]) -> bool:
        """Note the looks that did not show something, and return whether Azure may yet show any of it."""
        looks = [self.making.counts_as_gone(detail, number) for number in hidden if not detail.pieces[number].keep]
        return not all(looks)

    def _blocked(self, detail: PiecesDetail, state: MachineState, blocked: Sequence[Piece]) -> Outcome:
        now = self.clock.now()
        since = state.tidying_since = state.tidying_since or now
        for number, piece in enumerate(detail.pieces):
            if piece.part is Part.MACHINE and piece.known and piece.gone and not piece.deleted:
                detail.replace(number, gone=False, absence=None)  # what cannot be removed may be in use by a machine that Azure hid
        if now - since >= _LONGEST:
            return self._end(detail, state, keep=False)
        ids = ", ".join(piece.id for piece in blocked)
        message = f"These could not be deleted: {ids}. It is tried again for a day; remove what keeps them."
        attention = (str(ErrorCode.NOT_TIDIED), message) if now - since >= _RESERVED_FOR else None
        return Wait(now + _AGAIN, attention=attention)

    def _end(self, detail: PiecesDetail, state: MachineState, *, keep: bool) -> End:
        left = [piece.as_left for piece in detail.pieces if piece.reason and not piece.gone]
        kept = [piece.id for piece in detail.pieces if _is_kept(piece, keep=keep)]
        problem = state.failure
        if problem is None and left:
            problem = Problem(ErrorCode.NOT_TIDIED, f"{len(left)} resources could not be deleted; the result names them.")
        canceled = problem is None and state.vm_id is None
        return ended(state, problem, Status.CANCELED if canceled else None, left=left, kept=kept)


def _order(detail: PiecesDetail) -> list[int]:
    """Return the positions of what is removed, in the order of the rule."""
    numbers = {id(piece): number for number, piece in enumerate(detail.pieces)}
    by_leftover = [(Leftover(piece.part, piece.id, piece.existing), numbers[id(piece)]) for piece in detail.pieces]
    # whether a set is empty is read when its turn comes
    wanted = after_failure((one for one, _ in by_leftover), keep=False, set_is_empty=True, outcome_known=True).delete
    return [number for leftover in wanted for one, number in by_leftover if one is leftover]


def _keeps(claim: Claim) -> bool:
    body = claim.operation.body.get("body")
    return isinstance(body, dict) and body.get("keepOnFailure") is True and not claim.row.cancel_requested


def _is_kept(piece: Piece, *, keep: bool) -> bool:
    """Whether a result names a piece as kept: what the caller wanted kept, and what others use or made."""
    return not piece.gone and not piece.reason and (piece.keep or (keep and not piece.existing))


def _let_others_go_on(claim: Claim) -> None:
    """Drop the locks of the deployment and of its slot: who waits for one of them holds the other."""
    for lock in claim.locks:
        if lock.startswith("deployment|"):
            claim.drop(lock)


def _lock_of(claim: Claim) -> str | None:
    """Return the lock of the deployment whose set, balancer and address may go."""
    detail = PiecesDetail.of(claim.detail)
    found = next((piece.resource for piece in detail.pieces if piece.part is Part.SET), None)
    name, group = (found.name, found) if found is not None else _of_request(claim)
    return f"deployment|{group.subscription_id}/{group.resource_group}|{name}".lower() if name is not None and group is not None else None


def _of_request(claim: Claim) -> tuple[str | None, ResourceId | None]:
    body = claim.operation.body.get("body")
    deployment = body.get("deployment") if isinstance(body, dict) else None
    name = deployment.get("name") if isinstance(deployment, dict) else None
    return (str(name) if name else None), MachineState.of(claim.data).machine
