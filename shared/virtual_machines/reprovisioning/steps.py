"""A captured machine made anew: planned before its deletion, after which nothing shows what it was.

imaging ► planningAnew ► keepingDisks ► deleting ► followingDeletion ► clearing ► preparing ► creating ► provisioning ► closingAnew

The deployment's lock is held from the plan to the new machine's PUT, so that its set and balancer stay meanwhile.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.access.records.tenant import Backend
from shared.clock import Clock
from shared.errors import ErrorCode, Problem
from shared.operations.accepting.locks import Locks
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Next, Outcome, Wait
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.reading import an_object, last_segment, text
from shared.virtual_machines.creation.pieces import Piece, PiecesDetail
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.gateway import Gateways
from shared.virtual_machines.reprovisioning.losses import is_whole, lost
from shared.virtual_machines.reprovisioning.planning import Found, capture_of, document_of, os_type_of, pieces_of
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.creating import PREPARING
from shared.virtual_machines.steps.deleting import KEEPING
from shared.virtual_machines.steps.following import gone
from shared.virtual_machines.steps.making import Making

_LOCK_WAIT: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class ReprovisioningSteps:
    """The steps of a capture with `reprovision` that other actions do not have."""

    gateways: Gateways
    making: Making
    locks: Locks
    clock: Clock

    async def planning(self, claim: Claim) -> Outcome:
        """Note what the machine is, and plan the new one; a machine that would lose something ends the operation, generalized."""
        state, detail, now = MachineState.of(claim.data), PiecesDetail.of(claim.detail), self.clock.now()
        facts, model = await self.gateways[Backend.RESOURCE_MANAGER].machine(state.target), await self.making.resources.get(state.target)
        adapter_id = next(iter(facts.adapters), None) if facts is not None else None
        adapter = await self.making.resources.get_by_text(adapter_id) if adapter_id is not None else None
        disk_id = facts.os_disk.id if facts is not None and facts.os_disk is not None else None
        disk = await self.making.resources.get_by_text(disk_id) if disk_id is not None else None
        whole = is_whole(model, adapter)
        if facts is None or model is None or not whole or (disk_id and disk is None):
            state.absence = not_shown(state.absence, now)
            if not state.absence.lasts_long_enough(now):
                return Wait(now + BETWEEN_LOOKS)
            if facts is None or model is None:
                return ended(state, gone(state.target))
        else:
            state.forget("absence")
        lock = _lock_of(facts)
        if lock is not None:
            if await self.locks.take([lock], claim.id) is not None:
                return Wait(now + _LOCK_WAIT)
            claim.hold(lock)
        request, image = capture_of(claim.operation), next((one for one in detail.pieces if one.part is Part.IMAGE), None)
        if adapter is None or adapter_id is None or not whole or request.reprovision is None or image is None or state.image is None:
            message = "The machine has no adapter that Azure shows, and cannot be made anew. Its image is complete."
            return ended(state, Problem(ErrorCode.CAPTURE_NOT_SUPPORTED, message, facts.name))
        if (what := lost(model, adapter)) is not None:
            return ended(state, would_lose(facts.name, what))
        # the model of a deallocated machine may not show the sort of its OS disk
        found = Found(facts, adapter_id, adapter, text(an_object(disk or {}, "sku"), "name"))
        detail.machine = document_of(found, request.reprovision, state.image, claim.id, claim.row.tenant)
        detail.pieces = pieces_of(found, image, claim.id, claim.row.tenant)
        state.vm_id, state.reprovisions, state.os_type = facts.vm_id, True, os_type_of(facts)
        return Next(KEEPING)

    async def clearing(self, claim: Claim) -> Outcome:
        """Remove the old adapter where it did not go with its machine, then make what the new machine needs."""
        detail = PiecesDetail.of(claim.detail)
        old = [number for number, one in enumerate(detail.pieces) if one.part is Part.ADAPTER and one.existing]
        return await self.making.remove(claim, detail, old, own_only=False) or Next(PREPARING)

    async def closing(self, claim: Claim) -> Outcome:
        """Delete the old OS disk where that was asked for, and end."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        number = next((place for place, one in enumerate(detail.pieces) if one.part is Part.OS_DISK and one.existing), None)
        if number is not None and capture_of(claim.operation).delete_disks == "os":
            detail.replace(number, keep=False)
            wait = await self.making.remove(claim, detail, [number], own_only=False)
            if wait is not None:
                return wait
        disk = detail.pieces[number] if number is not None else None
        left = [{"id": disk.id, "reason": disk.reason}] if disk is not None and disk.reason and not disk.gone else []
        kept = [one.id for one in (disk, *_others(detail.pieces)) if one is not None and one.keep and not one.gone]
        return ended(state, kept=kept, left=left)


def would_lose(name: str, what: str) -> Problem:
    """Return the problem of a machine that cannot be made anew as it is."""
    message = f"The machine has {what}, which it would not have any more. Capture it with after 'delete', or remove that first."
    return Problem(ErrorCode.CAPTURE_NOT_SUPPORTED, message, name)


def _lock_of(facts: MachineFacts) -> str | None:
    if facts.availability_set is None:
        return None
    return f"deployment|{facts.resource.subscription_id}/{facts.service}|{last_segment(facts.availability_set)}".lower()


def _others(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return the old adapter where it is another's."""
    return tuple(one for one in pieces if one.part is Part.ADAPTER and one.existing)
