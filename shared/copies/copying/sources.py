"""The first steps of a copy: to have a source that can be copied, an existing restore point or one that is made of a VM."""

from dataclasses import dataclass
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock, to_text
from shared.copies.copying import admission
from shared.copies.copying.chains import Chains
from shared.copies.copying.models import CopyRequest
from shared.copies.copying.outcomes import MAKING, POINT_TYPE, collection_effect, failed, intends, once_more, refused, replaces
from shared.copies.copying.rules.naming import chain_key, restore_point_name, source_collection_id
from shared.copies.facts import RestorePointFacts
from shared.copies.gateway import Point, RestorePointGateway
from shared.copies.ledger import Ledger
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Next, Outcome, Wait
from shared.operations.timings import Timings


@dataclass(frozen=True, slots=True)
class SourceSteps:
    """The steps that come before the target, with what they need."""

    gateway: RestorePointGateway
    chains: Chains
    ledger: Ledger
    locks: Locks
    clock: Clock
    timings: Timings

    async def preparing(self, claim: Claim) -> Outcome:
        """Look at the source and refuse in words what Azure would refuse."""
        request = CopyRequest.model_validate(claim.operation.body)
        try:
            seen = await admission.look(self.gateway, request)
            admission.refuse(request, seen)
            if seen.point is not None:
                await self._claim_copy(claim, request, ResourceId.parse(seen.point.id))
                return await self._with_source(claim, request, seen.point)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return failed(admission.not_found(request).problem)
            return refused(failure)
        except Refused as refusal:
            return failed(refusal.problem)
        return Next("making")

    async def _claim_copy(self, claim: Claim, request: CopyRequest, point: ResourceId) -> None:
        claim.data["failedBefore"] = await self.ledger.claim(point, request.target.region, claim.id, replaces=replaces(claim))

    async def making(self, claim: Claim) -> Outcome:
        """Given a VM: have a collection for its restore points, then make one there while the VM is ours alone."""
        request = CopyRequest.model_validate(claim.operation.body)
        vm = admission.source_id(request)
        collection = source_collection_id(vm)
        lock = _vm_lock(vm)
        held = await self.locks.take([lock], claim.id)
        if held is not None:
            return Wait(self.clock.now() + timedelta(minutes=1))
        claim.hold(lock)
        try:
            if await self.gateway.collection(collection) is None or intends(claim, "createSourceCollection"):
                region = (await self.gateway.virtual_machine(vm)).region
                await claim.perform(
                    collection_effect(self.gateway, self.timings, "createSourceCollection", collection, region, str(vm), {})
                )
            point = collection.child(POINT_TYPE, restore_point_name(claim.id))
            await claim.perform(self._point_effect(claim, request, point))
        except CallFailure as failure:
            if failure.kind is FailureKind.THROTTLED:
                claim.drop(lock)  # Azure's limit is the VM's, but what waits for it must not keep the VM from others
            return once_more(self.clock, claim, failure, "making") or refused(failure)
        claim.data["point"] = str(point)
        return Next("made")

    def _point_effect(self, claim: Claim, request: CopyRequest, point: ResourceId) -> Effect[Point]:
        async def send(request_id: str) -> Point:
            source = request.source
            date = await self.gateway.create_point(
                point, source.consistency_mode, source.exclude_disks, request_id, self.timings.effect_timeout
            )
            return Point(str(point), "Creating", None, date)

        async def look(_intent: Intent) -> Started[Point] | Absent:
            found = await self.gateway.point(point)
            return Started(found) if found is not None else Absent()

        harmless = f"the restore point is named by the operation {claim.id}: a second PUT of it answers 409 Conflict"
        return Effect("createRestorePoint", send, look, harmless, preparation=True)

    async def made(self, claim: Claim) -> Outcome:
        """Wait until the VM's restore point is there; the VM is free then."""
        request = CopyRequest.model_validate(claim.operation.body)
        try:
            facts = await self.gateway.source_point(ResourceId.parse(str(claim.data["point"])))
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return failed(Problem(ErrorCode.SOURCE_NOT_FOUND, "The restore point that was made of the VM is gone."))
            return refused(failure)
        if facts.state == "Failed":
            words = "Azure could not make a restore point of the VM; its activity log says more"
            return failed(Problem(ErrorCode.AZURE_REFUSED, words))
        if facts.state != "Succeeded":
            return Wait(self.clock.now() + MAKING)
        claim.drop(_vm_lock(admission.source_id(request)))
        try:
            await self._claim_copy(claim, request, ResourceId.parse(facts.id))
        except Refused as refusal:
            return failed(refusal.problem)
        return await self._with_source(claim, request, facts)

    async def _with_source(self, claim: Claim, request: CopyRequest, point: RestorePointFacts) -> Outcome:
        """Note what is known of the source and the target, once the source is there."""
        if point.state == "Creating" or point.taken_at is None:
            return Wait(self.clock.now() + MAKING)
        source = ResourceId.parse(point.id)
        _, target_collection = admission.collections(request)
        target = target_collection.child(POINT_TYPE, restore_point_name(claim.id))
        source_collection = ResourceId.parse(point.collection_id)
        claim.data |= {
            "point": str(source),
            "target": str(target),
            "chain": chain_key(source_collection, target_collection),
            "takenAt": to_text(point.taken_at),
            "disks": point.captured,
            "sizeGb": point.size_gb,
        }
        # before anything that takes long: from now on no newer one of the chain goes first
        await self.chains.join(str(claim.data["chain"]), claim.id, point.taken_at)
        if point.virtual_machine_id:
            claim.filters["virtualMachineId"] = ResourceId.parse(point.virtual_machine_id).key
        claim.detail |= {
            "source": {
                "virtualMachineId": point.virtual_machine_id,
                "restorePointId": str(source),
                "region": point.region,
                "takenAt": to_text(point.taken_at),
            },
            "target": {"restorePointId": None, "region": request.target.region},
        }
        return Next("ensuringTarget")


def _vm_lock(vm: ResourceId) -> str:
    return f"vm|{vm.key}"
