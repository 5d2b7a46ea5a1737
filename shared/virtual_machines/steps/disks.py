"""Data disks of a machine: added, changed, removed (docs/design/virtual-machines.md, "Steps").

beginning ► makingDisk ► attaching
beginning ► modifyingDisk
beginning ► detaching ► deletingDisk
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.access.principal import not_found
from shared.access.records.tenant import Backend
from shared.arm.failures import problem_of_call
from shared.arm.ids import ResourceId, same
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, Problem, Refused
from shared.operations.model.models import Intent, Operation
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.operations.timings import Timings
from shared.quotas.admission import Claimed
from shared.quotas.counting import Dimension
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.reading import an_object, same_text, text
from shared.values.sent import SentBody
from shared.virtual_machines.admission import Admission
from shared.virtual_machines.creation.added_disks import AddedDisks, lun_problem
from shared.virtual_machines.creation.claims import claims_of
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.creation.pieces import OPERATION_TAG, TENANT_TAG, Piece, PiecesDetail, tags_with
from shared.virtual_machines.creation.planning import LATER, new_disk
from shared.virtual_machines.facts import AttachedDisk, MachineFacts, shown_tags
from shared.virtual_machines.gateway import Gateways
from shared.virtual_machines.requests.changes import ModifyDataDisk
from shared.virtual_machines.requests.machine import DataDisk
from shared.virtual_machines.requests.stored import stored_request
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.disks import Growth, caching_problem, growth, lowest_free_lun
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.rules.names import made_name
from shared.virtual_machines.rules.power import PowerState, Provisioning
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.creating import TIDYING
from shared.virtual_machines.steps.following import absent, later_error, others_work, shown_region
from shared.virtual_machines.steps.making import Failed, Making
from shared.virtual_machines.steps.refusals import managed_problem

MAKING = "makingDisk"
ATTACHING = "attaching"
MODIFYING = "modifyingDisk"
DETACHING = "detaching"
DELETING = "deletingDisk"
NOT_CONFIRMED = "This must be the disk's name, to confirm its deletion."
_CACHE = "cache"
_SOON = timedelta(seconds=5)
_ATTACH_HARMLESS = "Azure refuses a disk that is attached already, and a LUN that is taken"
_DETACH_HARMLESS = "Azure refuses to detach a disk that is not attached"
_CACHING_HARMLESS = "it is sent under the machine's ETag, and the same value changes nothing"


@dataclass(frozen=True, slots=True)
class DiskSteps:
    """The steps of actions on data disks."""

    gateways: Gateways
    admission: Admission
    added: AddedDisks
    making: Making
    clock: Clock
    timings: Timings

    async def making_disk(self, claim: Claim) -> Outcome:
        """Make the disk, or let the existing one grow; choose its LUN."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        if not detail.pieces:
            facts = await self._facts(state)
            if not isinstance(facts, MachineFacts):
                return facts
            refused = await self._refused(claim, state, facts)
            if refused is not None:
                return refused
            problem = self._plan(claim, state, detail, facts)
            if problem is not None:
                return _ended(state, problem)
        admitted = await self._admitted(claim, state, detail)
        if admitted is not None:
            return admitted
        made = await self.making.make(claim, detail, LATER)
        if isinstance(made, Failed):
            state.failure = made.problem
            return Next(TIDYING)
        return made or Next(ATTACHING)

    async def _refused(self, claim: Claim, state: MachineState, facts: MachineFacts) -> Outcome | None:
        """Return the end of an operation whose disk the machine cannot have; of a disk that Azure does not show a wait first."""
        tenant, now = await self.admission.registry.by_name(claim.row.tenant), self.clock.now()
        if tenant is None:
            return _ended(state, not_found(f"tenant '{claim.row.tenant}'").problem)
        try:
            await self.added.require(tenant, facts, stored_request(DataDisk, sent_of(claim.operation)))
        except Refused as refused:
            if refused.code is ErrorCode.NOT_FOUND:
                state.missing = not_shown(state.missing, now)
                if not state.missing.lasts_long_enough(now):
                    return Wait(now + BETWEEN_LOOKS)
            return _ended(state, refused.problem)
        state.forget("missing")
        return None

    async def _admitted(self, claim: Claim, state: MachineState, detail: PiecesDetail) -> Outcome | None:
        """Return what comes instead of the making of a disk: a wait, or the end where it does not fit the quotas."""
        claims = claims_of(detail.pieces)
        if not claims and detail.pieces and (source := detail.pieces[0].source) is not None:
            body = await self.making.resources.get_by_text(source)
            size = DiskFacts.from_arm(body).size_gb if body is not None else 0
            claims = (Claimed(detail.pieces[0].id, {Dimension.DISK_GB: float(size)}),)
        admitted = await self.admission.admit(claim, claims)
        return _ended(state, admitted) if isinstance(admitted, Problem) else admitted

    def _plan(self, claim: Claim, state: MachineState, detail: PiecesDetail, facts: MachineFacts) -> Problem | None:
        request, taken = (
            stored_request(DataDisk, sent_of(claim.operation)),
            {disk.lun for disk in facts.data_disks if disk.lun is not None},
        )
        lun = request.lun if request.lun is not None else lowest_free_lun(taken)
        if lun is None or lun in taken:
            return lun_problem(request.lun, facts)
        state.lun, state.caching = lun, str(request.caching)
        if request.existing is not None:
            disk = disk_id_of(request.existing, facts.resource)
            piece = Piece(part=Part.DATA_DISK, id=str(disk), existing=True, grow_to=request.size_gb)
        else:
            name = request.name or made_name(facts.name, f"data{lun}", claim.id)
            tags = tags_with(shown_tags(facts.tags), {TENANT_TAG: claim.row.tenant, OPERATION_TAG: claim.id})
            body = new_disk(request, shown_region(facts), facts.zone, tags)
            disk = facts.resource.sibling("disks", name)
            piece = Piece(part=Part.DATA_DISK, id=str(disk), body=body, named=request.name is not None)
        state.disk, detail.pieces = disk, (piece,)
        return None

    async def attaching(self, claim: Claim) -> Outcome:
        """Attach the disk; done once the machine shows it on its LUN."""
        state = MachineState.of(claim.data)
        facts = await self._facts(state)
        if not isinstance(facts, MachineFacts):
            return facts
        if _on_lun(facts, state.lun, state.disk):
            state.changed = True
            busy = facts.power.provisioning is Provisioning.BUSY
            return self._wait() if busy else _ended(state)
        outcome = others_work(state, facts, self.clock.now(), _ended)
        if isinstance(outcome, End):
            state.failure = outcome.error
            return Next(TIDYING)  # the disk that was made for it is removed
        if outcome is not None:
            return outcome
        state.failure = await later_error(self._gateway, state)
        if state.failure is not None:
            return Next(TIDYING)
        item = {"diskId": str(state.disk), "lun": state.lun, "caching": state.caching or "None", "deleteOption": "Detach"}

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self._gateway.machine(state.target)
            return Started(None) if found is not None and _on_lun(found, state.lun, state.disk) else Absent()

        return await self._change(
            claim, state, Effect("attach", self._sender(state, {"dataDisksToAttach": [item]}), look, _ATTACH_HARMLESS)
        )

    async def detaching(self, claim: Claim) -> Outcome:
        """Detach the disk; done once the machine does not list it and the disk is unattached."""
        state = MachineState.of(claim.data)
        facts = await self._facts(state)
        if not isinstance(facts, MachineFacts):
            return facts
        if state.disk is None and (problem := self._found_on_lun(claim, state, facts)) is not None:
            return _ended(state, problem)
        if (outcome := others_work(state, facts, self.clock.now(), _ended)) is not None:
            return outcome
        if any(same(disk.id, state.disk) for disk in facts.data_disks):
            error = await later_error(self._gateway, state)
            if error is not None:
                return _ended(state, error)
            item = {"dataDisksToDetach": [{"diskId": str(state.disk)}]}

            async def look(_intent: Intent) -> Started[str | None] | Absent:
                found = await self._gateway.machine(state.target)
                attached = found is not None and any(same(disk.id, state.disk) for disk in found.data_disks)
                return Absent() if attached else Started(None)

            return await self._change(claim, state, Effect("detach", self._sender(state, item), look, _DETACH_HARMLESS))
        disk = await self.making.resources.get(known(state.disk))
        if disk is not None and (text(an_object(disk, "properties"), "diskState") or "").lower() not in {"unattached", ""}:
            return self._wait()
        state.changed = True
        if sent_of(claim.operation).members.get("deleteDisk") is not True:
            return _ended(state)
        PiecesDetail.of(claim.detail).pieces = (Piece(part=Part.DATA_DISK, id=str(state.disk), tagged=False, known=True),)
        return Next(DELETING)

    def _found_on_lun(self, claim: Claim, state: MachineState, facts: MachineFacts) -> Problem | None:
        """Note the disk on the LUN of a removal that was accepted while Azure was silent; return why there is none to remove."""
        request = sent_of(claim.operation).members
        lun = state.lun
        disk = next((one for one in facts.data_disks if one.lun == lun), None)
        if disk is None or disk.id is None:
            return Problem(ErrorCode.NOT_FOUND, f"The machine has no disk on LUN {lun}.", "lun")
        confirm = request.get("confirm")
        if request.get("deleteDisk") is True and confirm is not None and not same_text(str(confirm), disk.name):
            return Problem(ErrorCode.INVALID_REQUEST, NOT_CONFIRMED, "confirm")
        state.disk = ResourceId.parse(disk.id)
        return None

    async def deleting(self, claim: Claim) -> Outcome:
        """Delete the disk that was removed."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        wait = await self.making.remove(claim, detail, [0], own_only=False)
        if wait is not None:
            return wait
        piece = detail.pieces[0]
        if piece.reason is None:
            return _ended(state)
        problem = Problem(ErrorCode.AZURE_REFUSED, f"The disk could not be deleted: {piece.reason}", piece.id)
        return _ended(state, problem, left=[piece.as_left])

    async def modifying(self, claim: Claim) -> Outcome:
        """Let the disk grow, then change its caching."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        request = stored_request(ModifyDataDisk, sent_of(claim.operation))
        facts = await self._facts(state)
        if not isinstance(facts, MachineFacts):
            return facts
        disk = next((one for one in facts.data_disks if one.lun == state.lun), None)
        if disk is None or disk.id is None:
            return _ended(state, Problem(ErrorCode.NOT_FOUND, f"The machine has no disk on LUN {state.lun}.", "lun"))
        state.disk = ResourceId.parse(disk.id)
        refused = None if claim.intends(_CACHE) else cache_problem(facts, disk, request, disk.size_gb or 0)
        if refused is not None:
            return _ended(state, refused)
        if request.size_gb is not None and not detail.pieces:
            standing = await self.making.resources.get(ResourceId.parse(disk.id))
            now_gb = DiskFacts.from_arm(standing).size_gb if standing is not None else 0
            problem = growth_problem(now_gb, request.size_gb)
            if problem is not None:
                return _ended(state, problem)
            state.changed = state.changed or request.size_gb != now_gb
            detail.pieces = (Piece(part=Part.DATA_DISK, id=disk.id, existing=True, grow_to=request.size_gb),)
        admitted = await self._admitted(claim, state, detail)
        if admitted is not None:
            return admitted
        made = await self.making.make(claim, detail, LATER)
        if isinstance(made, Failed):
            return _ended(state, made.problem)
        return made or await self._cache(claim, state, facts, request)

    async def _cache(self, claim: Claim, state: MachineState, facts: MachineFacts, request: ModifyDataDisk) -> Outcome:
        if (outcome := others_work(state, facts, self.clock.now(), _ended)) is not None:
            return outcome
        if request.caching is None or _caching(facts, state.lun) == request.caching:
            return _ended(state)
        error = await later_error(self._gateway, state)
        if error is not None:
            return _ended(state, error)
        state.changed = True
        disks = [disk.changed(caching=str(request.caching) if disk.lun == state.lun else disk.caching) for disk in facts.data_disks]
        body = {"properties": {"storageProfile": {"dataDisks": disks}}}

        async def send(request_id: str) -> str | None:
            return await self.making.resources.patch(state.target, body, request_id, self.timings.effect_timeout, etag=facts.etag)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self._gateway.machine(state.target)
            return Started(None) if found is not None and _caching(found, state.lun) == request.caching else Absent()

        return await self._change(claim, state, Effect(_CACHE, send, look, _CACHING_HARMLESS))

    async def _change(self, claim: Claim, state: MachineState, effect: Effect[str | None]) -> Outcome:
        try:
            state.url = await claim.perform(effect)
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            if failure.status == 412:  # the machine has changed meanwhile: it is read again
                return self._wait()
            state.failure = problem_of_call(failure, _field(failure))
            return Next(TIDYING) if PiecesDetail.of(claim.detail).pieces else _ended(state, state.failure)
        state.changed = True
        return self._wait()

    def _sender(self, state: MachineState, body: Mapping[str, Any]) -> Any:  # noqa: ANN401  # the effect's own form
        async def send(request_id: str) -> str | None:
            return await self.making.resources.post(state.target, "attachDetachDataDisks", body, request_id, self.timings.effect_timeout)

        return send

    @property
    def _gateway(self) -> Any:  # noqa: ANN401  # the protocol of the backend
        return self.gateways[Backend.RESOURCE_MANAGER]

    async def _facts(self, state: MachineState) -> MachineFacts | Wait | End:
        facts: MachineFacts | None = await self.gateways[Backend.RESOURCE_MANAGER].machine(state.target)
        if facts is not None:
            state.forget("absence")
            problem = managed_problem(facts)
            return facts if problem is None else _ended(state, problem)
        return absent(state, self.clock.now(), _ended)

    def _wait(self) -> Wait:
        return Wait(self.clock.now() + _SOON)


def cache_problem(facts: MachineFacts, disk: AttachedDisk, change: ModifyDataDisk, now_gb: int) -> Problem | None:
    """Return why the caching of a data disk cannot be changed, or not without a consent that the request does not give."""
    if change.caching is None or change.caching == disk.caching:
        return None
    reason = caching_problem(change.caching, change.size_gb or now_gb)
    if reason is not None:
        return Problem(ErrorCode.INVALID_REQUEST, reason, "caching")
    if facts.power_state is PowerState.RUNNING and not change.accept_interruption:
        message = "Changing the caching detaches the disk of the running machine for a moment. Send acceptInterruption to allow it."
        return Problem(ErrorCode.NEEDS_INTERRUPTION, message, "caching")
    return None


def growth_problem(now_gb: int, wanted_gb: int) -> Problem | None:
    """Return why a data disk cannot have a size, or None."""
    match growth(now_gb, wanted_gb):
        case Growth.SMALLER:
            return Problem(ErrorCode.INVALID_REQUEST, f"The disk has {now_gb} GB and cannot shrink.", "sizeGB")
        case Growth.DETACHED:
            message = "A disk grows beyond 4,095 GB only while it is detached. Remove it, then add it as existing with the new sizeGB."
            return Problem(ErrorCode.NEEDS_DETACH, message, "sizeGB")
        case _:
            return None


def sent_of(operation: Operation) -> SentBody:
    """Return the body of the request that an operation is."""
    body = operation.body.get("body")
    return SentBody(body if isinstance(body, dict) else {})


def disk_id_of(named: str, machine: ResourceId) -> ResourceId:
    """Return the id of a disk that a request names: by its ARM id, or by name in the machine's service."""
    return ResourceId.parse(named) if "/" in named else machine.sibling("disks", named)


def known(disk: ResourceId | None) -> ResourceId:
    """Return a disk that is known by now."""
    if disk is None:
        raise ValueError("The state has no 'disk' yet.")
    return disk


def _on_lun(facts: MachineFacts, lun: int | None, disk: ResourceId | None) -> bool:
    return any(one.lun == lun and same(one.id, disk) for one in facts.data_disks)


def _caching(facts: MachineFacts, lun: int | None) -> str | None:
    return next((disk.caching for disk in facts.data_disks if disk.lun == lun), None)


def _field(failure: CallFailure) -> str | None:
    target = (failure.problem.target or "").lower()
    return "lun" if "lun" in target else None


def _ended(state: MachineState, error: Problem | None = None, **members: object) -> End:
    return ended(state, error, None, diskId=str(state.disk) if state.disk is not None else None, lun=state.lun, **members)
