"""The deletion of a machine: what it leads to is noted before, because nothing shows it afterwards.

beginning ► noting ► keepingDisks ► deleting ► followingDeletion (checks) ► tidying
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared.access.records.tenant import Backend
from shared.arm.failures import problem_of_call, refusal_problem
from shared.arm.ids import ResourceId
from shared.arm.operations import OperationState, OperationStatus
from shared.arm.reading import resource_id
from shared.clock import Clock
from shared.errors import CallFailure, FailureKind
from shared.operations.model.models import Intent, JsonObject
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Checked, Follow, Next, Outcome, Unread, Wait
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.reading import Json, an_object, objects, same_text, text
from shared.virtual_machines.creation.context import FOR_TAG, BalancerFacts
from shared.virtual_machines.creation.pieces import TENANT_TAG, Piece, PiecesDetail
from shared.virtual_machines.facts import AttachedDisk, MachineFacts, tags_of
from shared.virtual_machines.gateway import Gateways, MachineGateway
from shared.virtual_machines.reading.balancers import balancer_of
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.rules.power import Provisioning
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.creating import TIDYING
from shared.virtual_machines.steps.following import absent, check_each, group_of, next_read, unread
from shared.virtual_machines.steps.refusals import managed_problem

NOTING = "noting"
DELETING = "deleting"
FOLLOWING = "followingDeletion"
KEEPING = "keepingDisks"
_DELETE = "deleteMachine"
_SENT_AGAIN_AFTER = timedelta(minutes=10)
"""How long a machine may stay as it is after its deletion was accepted before the deletion is sent again."""
_SOON = timedelta(seconds=5)
_KEEP_HARMLESS = "it is sent under the machine's ETag, and only keeps disks"
_DISK_PARTS = frozenset({Part.OS_DISK, Part.DATA_DISK})
_HARMLESS = "the machine is known by its vmId: one that was made anew under the name is not deleted"


class _Hidden(Exception):  # noqa: N818  # a way out, not a defect
    """Azure does not show what a machine refers to."""


@dataclass(frozen=True, slots=True)
class DeletionSteps:
    """The steps of a deletion, but for `tidying`."""

    gateways: Gateways
    resources: ResourceManagerResources
    clock: Clock
    timings: Timings

    async def noting(self, claim: Claim) -> Outcome:
        """Note what the machine leads to: adapter, security group, rules, pool, disks, and what its deployment shares."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        facts, now = await self.gateways[Backend.RESOURCE_MANAGER].machine(state.target), self.clock.now()
        if facts is None:
            return absent(state, now)
        state.forget("absence")
        if (problem := managed_problem(facts)) is not None:
            return ended(state, problem)
        state.vm_id = facts.vm_id
        body = claim.operation.body.get("body")
        disks = str(body.get("deleteDisks", "none")) if isinstance(body, dict) else "none"
        patient = state.missing is None or not state.missing.lasts_long_enough(now)
        try:
            network = await self._network(facts, patient=patient)
            pools = [piece.id for piece in network if piece.part is Part.POOL]
            detail.pieces = (*_disks(facts, disks), *network, *await self._shared(facts, pools, patient=patient))
        except _Hidden:
            state.missing = not_shown(state.missing, now)
            return Wait(now + BETWEEN_LOOKS)
        return Next(KEEPING)

    async def keeping(self, claim: Claim) -> Outcome:
        """Have Azure keep the disks that stay: it deletes those of another's machine with it where they were made so."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        facts, now = await self.gateways[Backend.RESOURCE_MANAGER].machine(state.target), self.clock.now()
        if facts is None:
            state.absence = not_shown(state.absence, now)
            return Next(DELETING) if state.absence.lasts_long_enough(now) else Wait(now + BETWEEN_LOOKS)
        state.forget("absence")
        if facts.vm_id != state.vm_id:
            return Next(DELETING)
        stays = {piece.id.lower() for piece in detail.pieces if piece.part in _DISK_PARTS and piece.keep}
        body = _kept_disks(facts, stays)
        if body is None:
            return Next(DELETING)
        if facts.power.provisioning is Provisioning.BUSY:
            return Wait(now + _SOON)

        async def send(request_id: str) -> None:
            await self.resources.patch(state.target, body, request_id, self.timings.effect_timeout, etag=facts.etag)

        async def look(_intent: Intent) -> Started[None] | Absent:
            found = await self.gateways[Backend.RESOURCE_MANAGER].machine(state.target)
            return Absent() if found is not None and _kept_disks(found, stays) is not None else Started(None)

        try:
            await claim.perform(Effect("keepDisks", send, look, _KEEP_HARMLESS, preparation=True))
        except CallFailure as failure:
            if failure.kind in {FailureKind.THROTTLED, FailureKind.IN_DOUBT}:
                raise
            if failure.status != 412:  # else the machine has changed meanwhile: it is read again
                return ended(state, problem_of_call(failure))
        return Wait(now + _SOON)

    async def deleting(self, claim: Claim) -> Outcome:
        """Delete the machine whose `vmId` was noted."""
        state, now = MachineState.of(claim.data), self.clock.now()
        if not claim.intends(_DELETE):
            if await self.gateways[Backend.RESOURCE_MANAGER].machine(state.target) is None:
                state.absence = not_shown(state.absence, now)
                if not state.absence.lasts_long_enough(now):
                    return Wait(now + BETWEEN_LOOKS)
            else:
                state.forget("absence")
        try:
            state.url = await claim.perform(self._effect(state))
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            return ended(state, problem_of_call(failure))
        now = self.clock.now()
        state.changed, state.started_at, state.sent_at = True, state.started_at or now, now
        return Follow(next_read(now, now), group_of(state.target.subscription_id), step=FOLLOWING)

    async def following(self, claim: Claim) -> Outcome:
        """Leave a deletion that was looked at by request to the checks again."""
        state, now = MachineState.of(claim.data), self.clock.now()
        return Follow(next_read(state.started_at or now, now), group_of(state.target.subscription_id))

    def _effect(self, state: MachineState) -> Effect[str | None]:
        async def send(request_id: str) -> str | None:
            facts = await self.gateways[Backend.RESOURCE_MANAGER].machine(state.target)
            if facts is not None and facts.vm_id != state.vm_id:
                return None
            return await self.resources.delete(state.target, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            facts = await self.gateways[Backend.RESOURCE_MANAGER].machine(state.target)
            ends = facts is None or facts.vm_id != state.vm_id or facts.provisioning.lower() == "deleting"
            return Started(None) if ends else Absent()

        return Effect(_DELETE, send, look, _HARMLESS)

    async def _get(self, id_: str, *, patient: bool) -> Json | None:
        """Return what the machine refers to, so that it exists; raises `_Hidden` where `patient` and Azure shows nothing of it."""
        body = await self.resources.get(ResourceId.parse(id_))
        if patient and (body is None or not an_object(body, "properties")):
            raise _Hidden(id_)
        return body

    async def _network(self, facts: MachineFacts, *, patient: bool) -> list[Piece]:
        """Return the pieces of the machine's network; what Farshore did not make is kept."""
        found: list[Piece] = []
        for adapter_id in facts.adapters:
            adapter = await self._get(adapter_id, patient=patient)
            if adapter is None:
                continue
            found.append(_owned(Part.ADAPTER, adapter_id, adapter))
            properties = an_object(adapter, "properties")
            group_id = resource_id(an_object(properties, "networkSecurityGroup"), "id")
            group = await self._get(group_id, patient=patient) if group_id is not None else None
            if group_id is not None and group is not None:
                found.append(_owned(Part.SECURITY_GROUP, group_id, group))
            for pool in _pools(properties):
                found += await self._balancer(pool, patient=patient)
        return found

    async def _balancer(self, pool: str, *, patient: bool) -> list[Piece]:
        """Return the pool and its rules, where Farshore made them."""
        balancer_id = ResourceId.parse(pool).parent
        body = await self._get(str(balancer_id), patient=patient) if balancer_id is not None else None
        if body is None or balancer_id is None or FOR_TAG not in tags_of(body):
            return [Piece(part=Part.POOL, id=pool, tagged=False, keep=True)]
        rules = [rule for rule in objects(an_object(body, "properties"), "inboundNatRules") if _leads_to(rule, pool)]
        pieces = [Piece(part=Part.NAT_RULE, id=str(text(rule, "id")), tagged=False, known=True) for rule in rules if text(rule, "id")]
        return [*pieces, Piece(part=Part.POOL, id=pool, tagged=False, known=True)]

    async def _shared(self, facts: MachineFacts, pools: Sequence[str], *, patient: bool) -> list[Piece]:
        """Return the set, and the balancer with its address that Farshore made for it or for the machine, whether it has ports or not."""
        found, owner = list[Piece](), facts.availability_set or facts.id
        body = await self._get(facts.availability_set, patient=patient) if facts.availability_set is not None else None
        if facts.availability_set is not None and body is not None:
            found.append(_owned(Part.SET, facts.availability_set, body))
        group = str(facts.resource).partition("/providers/")[0]
        hints = [ResourceId.parse(pool).parent for pool in pools]
        own = await balancer_of(self.resources, ResourceId.parse(f"{group}/providers/Microsoft.Network/loadBalancers/any"), owner, hints)
        if own is not None:
            one = BalancerFacts.from_arm(own)
            found.append(Piece(part=Part.BALANCER, id=one.id, known=True))
            found += [Piece(part=Part.ADDRESS, id=one.address, known=True)] if one.address is not None else []
        return found


async def check_deletions(gateway: MachineGateway, clock: Clock, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
    """Read the machines that are being deleted, and judge each."""
    return await check_each(gateway, rows, partial(_judge, gateway, clock))


async def _judge(gateway: MachineGateway, clock: Clock, state: MachineState, found: MachineFacts | CallFailure | None) -> Checked | Unread:
    now = clock.now()
    if isinstance(found, CallFailure):
        return unread(found)
    started = state.started_at or now
    is_there = found is not None and found.vm_id in ("", state.vm_id)
    if is_there:
        state.forget("absence")
    if found is not None and is_there and found.power.provisioning is Provisioning.BUSY:
        return Checked(at=next_read(started, now), data=state.stored)
    try:
        status = await gateway.status_of_operation(state.url)  # where Azure shows no machine too: a read may hide one that is still there
    except CallFailure as failure:
        return unread(failure)
    error = status.error if status is not None else None
    if found is None and (wait := _hidden(state, status, now)) is not None:
        return Checked(at=wait, data=state.stored)
    if error is None and not is_there:
        return Checked(step=CLEARING if state.reprovisions else TIDYING, data=state.stored)
    if error is None and now - (state.sent_at or started) >= _SENT_AGAIN_AFTER:
        return Checked(step=DELETING, data=state.stored)
    if error is None:
        return Checked(at=next_read(started, now), data=state.stored)
    state.failure = refusal_problem(error)
    return Checked(step=END_DELETION, data=state.stored)


def _hidden(state: MachineState, status: OperationStatus | None, now: datetime) -> datetime | None:
    """Return when to look again at a machine that Azure does not show, None once its deletion has ended, or it counts as gone.

    Without an operation that can be read nothing shows that Azure has accepted the deletion, or how it ended: time decides.
    """
    if status is not None:
        return next_read(state.started_at or now, now) if status.state is OperationState.IN_PROGRESS else None
    state.absence = not_shown(state.absence, now)
    return None if state.absence.lasts_long_enough(now) else now + BETWEEN_LOOKS


CLEARING = "clearing"
"""The step that goes on where the machine is made anew."""
END_DELETION = "finishing"
"""The step that ends with the failure that a check has found."""


def _disks(facts: MachineFacts, delete: str) -> Iterator[Piece]:
    if facts.os_disk is not None and facts.os_disk.id is not None:
        yield Piece(part=Part.OS_DISK, id=facts.os_disk.id, tagged=False, known=True, keep=delete == "none")
    for disk in facts.data_disks:
        if disk.id is not None:
            yield Piece(part=Part.DATA_DISK, id=disk.id, tagged=False, known=True, keep=delete != "all")


def _kept_disks(facts: MachineFacts, stays: Collection[str]) -> JsonObject | None:
    """Return the PATCH after which Azure keeps the disks of some ids in lower case; None where it keeps them already."""
    system, kept = facts.os_disk, [disk.id for disk in facts.data_disks if disk.goes_with_machine and (disk.id or "").lower() in stays]
    keeps_system = system is not None and system.goes_with_machine and (system.id or "").lower() in stays
    if not kept and not keeps_system:
        return None
    profile: JsonObject = {}
    if keeps_system and system is not None:
        profile["osDisk"] = {"name": system.name, "createOption": system.create_option, "deleteOption": "Detach"}
    if kept:
        profile["dataDisks"] = [_attached(disk, keep=disk.id in kept) for disk in facts.data_disks]
    return {"properties": {"storageProfile": profile}}


def _attached(disk: AttachedDisk, *, keep: bool) -> JsonObject:
    return disk.changed(deleteOption="Detach" if keep or not disk.goes_with_machine else "Delete")


def _owned(part: Part, id_: str, body: Json) -> Piece:
    """Return a piece that goes where Farshore made it, and is kept where another did."""
    return Piece(part=part, id=id_, known=True, keep=TENANT_TAG not in tags_of(body))


def _pools(adapter: Json) -> Iterator[str]:
    for configuration in objects(adapter, "ipConfigurations"):
        for pool in objects(an_object(configuration, "properties"), "loadBalancerBackendAddressPools"):
            if (found := text(pool, "id")) is not None:
                yield found


def _leads_to(rule: Json, pool: str) -> bool:
    return same_text(text(an_object(an_object(rule, "properties"), "backendAddressPool"), "id"), pool)
