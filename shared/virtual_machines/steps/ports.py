"""Public ports of a machine: opened and closed (docs/design/virtual-machines.md, "Ports").

beginning ► openingPort ► (leavingPool ► tidying)
beginning ► closingPort
"""

from dataclasses import dataclass
from datetime import timedelta

from shared.access.records.tenant import Backend
from shared.arm.failures import problem_of_call
from shared.arm.ids import same
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, Problem
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Next, Outcome, Wait
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.reading import an_object, last_segment, same_text, text
from shared.virtual_machines.admission import Admission
from shared.virtual_machines.creation.claims import claims_of
from shared.virtual_machines.creation.context import FOR_TAG
from shared.virtual_machines.creation.pieces import OPERATION_TAG, TENANT_TAG, Piece, PiecesDetail, tags_with
from shared.virtual_machines.creation.planning import LATER, nat_rule, security_rule, subnet_warnings
from shared.virtual_machines.facts import settled, shown_tags
from shared.virtual_machines.gateway import Gateways
from shared.virtual_machines.reading.ports import (
    PortReader,
    PortSurroundings,
    free_priority,
    pools_of,
    security_rule_named,
    with_pools,
)
from shared.virtual_machines.requests.machine import Port
from shared.virtual_machines.requests.stored import stored_request
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.rules.names import made_name, shared_name, suffix_of
from shared.virtual_machines.rules.power import Provisioning
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.creating import TIDYING
from shared.virtual_machines.steps.disks import sent_of
from shared.virtual_machines.steps.following import absent, shown_region
from shared.virtual_machines.steps.making import Failed, Making, meaning_of
from shared.virtual_machines.steps.refusals import managed_problem

OPENING = "openingPort"
CLOSING = "closingPort"
LEAVING = "leavingPool"
_ADAPTER_STAGE = 3
_SOON = timedelta(seconds=5)
_LOCK_WAIT = timedelta(seconds=10)
_HARMLESS = "it is sent under the adapter's ETag, and an adapter that is in the pool stays there"


@dataclass(frozen=True, slots=True)
class PortSteps:
    """The steps of actions on ports."""

    gateways: Gateways
    reader: PortReader
    admission: Admission
    making: Making
    locks: Locks
    clock: Clock
    timings: Timings

    async def opening(self, claim: Claim) -> Outcome:
        """Make address, balancer and pool where they are missing, let the adapter join, then make both rules."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        found = await self._surroundings(claim, state)
        if not isinstance(found, PortSurroundings):
            return found
        request = stored_request(Port, sent_of(claim.operation))
        if not detail.pieces:
            problem = _refusal(found)
            if problem is not None:
                return self._refused(state, problem)
            state.forget("missing")
            detail.pieces = tuple(_pieces(claim, found, request))
        admitted = await self.admission.admit(claim, claims_of(detail.pieces))
        if admitted is not None:
            return ended(state, admitted) if isinstance(admitted, Problem) else admitted
        made = await self.making.make(claim, detail, _ADAPTER_STAGE) or await self._join(claim, detail, found)
        made = made or await self.making.make(claim, detail, LATER)
        if isinstance(made, Failed) and made.was_there:
            detail.pieces = ()
            return Wait(self.clock.now() + BETWEEN_LOOKS)
        if isinstance(made, Failed):
            state.failure = made.problem
            return Next(LEAVING)
        if made is not None:
            return made
        state.changed = True
        again = await self._surroundings(claim, state)
        balancer = again.balancer if isinstance(again, PortSurroundings) else found.balancer
        return ended(state, publicIp=await self.reader.public_ip(balancer), warnings=await self._warnings(found))

    async def _warnings(self, found: PortSurroundings) -> list[str]:
        """Return what the result warns of: what the subnet keeps from the machine, or from its port."""
        subnet = found.subnet
        try:
            body = await self.making.resources.get_by_text(subnet) if subnet is not None else None
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            return []  # it may not be read
        return list(subnet_warnings(an_object(body, "properties"))) if body is not None else []

    def _refused(self, state: MachineState, problem: Problem) -> Outcome:
        """Look again before a refusal ends the operation: one read may not show the machine's group, balancer or rule."""
        now = self.clock.now()
        state.missing = not_shown(state.missing, now)
        return ended(state, problem) if state.missing.lasts_long_enough(now) else Wait(now + BETWEEN_LOOKS)

    async def _join(self, claim: Claim, detail: PiecesDetail, found: PortSurroundings) -> Wait | Failed | None:
        pool = next((piece.id for piece in detail.pieces if piece.part is Part.POOL), None)
        if pool is None or any(one.lower() == pool.lower() for one in pools_of(found.adapter)):
            return self._until_settled(found)
        return await self._change_pools(claim, found, (*pools_of(found.adapter), pool), "joinPool")

    async def leaving(self, claim: Claim) -> Outcome:
        """Take the adapter out of the pool that a failed opening made, then tidy."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        found = await self._surroundings(claim, state)
        if not isinstance(found, PortSurroundings):
            return found
        pool = next((piece.id for piece in detail.pieces if piece.part is Part.POOL), None)
        wait = await self._leave(claim, found, pool)
        return wait if isinstance(wait, Wait) else Next(TIDYING)  # what Azure refuses is named by what cannot be removed

    async def closing(self, claim: Claim) -> Outcome:
        """Delete the security rule and the NAT rule; with the last port the adapter leaves the pool, and that goes too."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        found = await self._surroundings(claim, state)
        if not isinstance(found, PortSurroundings):
            return found
        if not detail.pieces:
            detail.pieces = tuple(_rules_of(found, str(claim.operation.body.get("port", ""))))
            if not detail.pieces:
                return self._refused(state, _no_port(found, str(claim.operation.body.get("port", ""))))
            state.forget("missing")
        wait = await self.making.remove(claim, detail, [0, 1], own_only=False)
        state.changed = True
        last = not [rule for rule in found.rules_of_machine() if not same(text(rule, "id"), detail.pieces[1].id)]
        if wait is None and last and len(detail.pieces) > 2:  # the pool of the machine
            left_pool = await self._leave(claim, found, detail.pieces[2].id)
            if isinstance(left_pool, Failed):
                return ended(state, left_pool.problem)
            wait = left_pool or await self.making.remove(claim, detail, [2], own_only=False)
        if wait is not None:
            return wait
        left = [piece.as_left for piece in detail.pieces if piece.reason]
        message = f"The port could not be removed: {left[0]['reason']}" if left else ""
        problem = Problem(ErrorCode.AZURE_REFUSED, message, "port") if left else None
        return ended(state, problem, left=left, publicIp=await self.reader.public_ip(found.balancer))

    async def _leave(self, claim: Claim, found: PortSurroundings, pool: str | None) -> Wait | Failed | None:
        pools = pools_of(found.adapter)
        if pool is None or not any(one.lower() == pool.lower() for one in pools):
            return self._until_settled(found)
        return await self._change_pools(claim, found, tuple(one for one in pools if one.lower() != pool.lower()), "leavePool")

    def _until_settled(self, found: PortSurroundings) -> Wait | None:
        state = text(an_object(found.adapter, "properties"), "provisioningState") or ""
        return Wait(self.clock.now() + _SOON) if settled(state) is Provisioning.BUSY else None

    async def _change_pools(self, claim: Claim, found: PortSurroundings, pools: tuple[str, ...], name: str) -> Wait | Failed:
        body, wanted = with_pools(found.adapter, pools), {one.lower() for one in pools}

        async def send(request_id: str) -> None:
            etag = text(found.adapter, "etag")
            await self.making.resources.put(found.adapter_id, body, request_id, self.timings.effect_timeout, etag=etag)

        async def look(_intent: Intent) -> Started[None] | Absent:
            adapter = await self.making.resources.get(found.adapter_id)
            return Started(None) if adapter is not None and {one.lower() for one in pools_of(adapter)} == wanted else Absent()

        try:
            await claim.perform(Effect(name, send, look, _HARMLESS, preparation=True))
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            if failure.status != 412:
                return Failed(meaning_of(problem_of_call(failure)))
        return Wait(self.clock.now() + _SOON)

    async def _surroundings(self, claim: Claim, state: MachineState) -> PortSurroundings | Outcome:
        """Return what ports of the machine need, under the lock of its deployment."""
        facts = await self.gateways[Backend.RESOURCE_MANAGER].machine(state.target)
        if facts is not None and (problem := managed_problem(facts)) is not None:
            return ended(state, problem)
        found = await self.reader.surroundings(facts) if facts is not None else None
        if found is None:
            return absent(state, self.clock.now())
        state.forget("absence")
        if found.machine.availability_set is not None:
            group = f"{state.target.subscription_id}/{state.target.resource_group}"
            lock = f"deployment|{group}|{last_segment(found.machine.availability_set)}".lower()
            if await self.locks.take([lock], claim.id) is not None:
                return Wait(self.clock.now() + _LOCK_WAIT)
            claim.hold(lock)
        return found


def _refusal(found: PortSurroundings) -> Problem | None:
    if not found.is_made_by_farshore:
        return Problem(ErrorCode.NOT_OURS, "Farshore did not make the adapter and the security group of this machine.", found.machine.name)
    if found.others_balancer:
        return Problem(ErrorCode.NOT_OURS, "The machine is behind a balancer that Farshore did not make.", found.machine.name)
    return None


def _no_port(found: PortSurroundings, port: str) -> Problem:
    """Return why there is no port to close: none of that name, or one that others made."""
    others = [*found.rules_of_machine(), *(rule for _, rule in found.rules_of_others())]
    if any(same_text(text(one, "name"), port) for one in others):
        return Problem(ErrorCode.NOT_OURS, f"Farshore did not make the port '{port}'.", "port")
    return Problem(ErrorCode.NOT_FOUND, f"The machine has no port '{port}'.", "port")


def _pieces(claim: Claim, found: PortSurroundings, request: Port) -> list[Piece]:
    machine, where = found.machine, shown_region(found.machine)
    inherited, own_tags = shown_tags(machine.tags), {TENANT_TAG: claim.row.tenant, OPERATION_TAG: claim.id}
    network = f"{str(machine.resource).partition('/providers/')[0]}/providers/Microsoft.Network"
    pieces: list[Piece] = []
    balancer_id = found.balancer.id if found.balancer is not None else f"{network}/loadBalancers/{shared_name(found.owner, 'lb')}"
    front = found.balancer.front_end if found.balancer is not None else f"{balancer_id}/frontendIPConfigurations/frontend"
    if found.balancer is None:
        address = f"{network}/publicIPAddresses/{shared_name(found.owner, 'ip')}"
        sku = {"name": "Standard"}
        static = {"publicIPAllocationMethod": "Static"}
        own = {"location": where, "tags": tags_with(inherited, own_tags), "sku": sku, "properties": static}
        pieces.append(Piece(part=Part.ADDRESS, id=address, body=own, only_new=True))
        fronts = [{"name": "frontend", "properties": {"publicIPAddress": {"id": address}}}]
        body = {
            "location": where, "tags": tags_with(inherited, {**own_tags, FOR_TAG: found.owner}), "sku": sku,
            "properties": {"frontendIPConfigurations": fronts},
        }  # fmt: skip
        pieces.append(Piece(part=Part.BALANCER, id=balancer_id, stage=1, body=body, only_new=True))
    pool = found.pool
    if pool is None:
        pool = f"{balancer_id}/backendAddressPools/{made_name(machine.name, 'pool', claim.id)}"
        pieces.append(Piece(part=Part.POOL, id=pool, stage=2, body={"properties": {}}, tagged=False))
    name = f"{request.name}-{suffix_of(claim.id)}"
    rule = {"properties": nat_rule(request, front, pool)}
    pieces.append(Piece(part=Part.NAT_RULE, id=f"{balancer_id}/inboundNatRules/{name}", stage=4, body=rule, tagged=False))
    opened = {"properties": security_rule(request, free_priority(found.group))}
    pieces.append(Piece(part=Part.SECURITY_RULE, id=f"{found.group_id}/securityRules/{name}", stage=5, body=opened, tagged=False))
    return pieces


def _rules_of(found: PortSurroundings, port: str) -> list[Piece]:
    """Return the security rule, the NAT rule and the pool of a port that Farshore made."""
    for rule in found.rules_of_machine():
        name, rule_id = text(rule, "name") or "", text(rule, "id")
        if rule_id is not None and name.rpartition("-")[0].lower() == port.lower() and security_rule_named(found.group, name) is not None:
            opened = Piece(part=Part.SECURITY_RULE, id=f"{found.group_id}/securityRules/{name}", tagged=False, known=True)
            pool = [Piece(part=Part.POOL, id=found.pool, tagged=False, known=True)] if found.pool is not None else []
            return [opened, Piece(part=Part.NAT_RULE, id=rule_id, tagged=False, known=True), *pool]
    return []
