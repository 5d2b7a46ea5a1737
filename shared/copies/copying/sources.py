"""The first steps of a copy: to have a source that can be copied, an existing restore point or one that is created of a VM."""

from dataclasses import dataclass, replace
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.copying import admission
from shared.copies.copying.claim import CopyClaim
from shared.copies.copying.models import ConsistencyMode
from shared.copies.copying.outcomes import (
    MAKING,
    POINT_TYPE,
    collection_effect,
    failed,
    look_again,
    missing_attention,
    once_more,
    rate_wait,
    reason_in_operation,
    refused,
    wait_for_azure,
)
from shared.copies.copying.rules.failures import azure_problem, is_of_the_guest
from shared.copies.copying.rules.naming import chain_key, collection_tags, restore_point_name, source_collection_id
from shared.copies.copying.rules.waits import AzureWait
from shared.copies.copying.state import DetailOfMachine, DetailOfSource, DetailOfTarget
from shared.copies.copying.waiting.chains import Chains
from shared.copies.copying.waiting.turns import Superseding
from shared.copies.facts import RestorePointFacts, machine_of_point
from shared.copies.gateway import Point, RestorePointGateway
from shared.copies.ledger import Ledger
from shared.copies.points.records import MadePoint
from shared.copies.provisioning import ProvisioningState
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused, azure_code
from shared.operations.accepting.locks import Locks
from shared.operations.crash_points import crash_point
from shared.operations.model.models import Intent
from shared.operations.running.budgets import reads_of, several
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Next, Outcome, Wait
from shared.operations.timings import Timings

_CREATE_COLLECTION = "createSourceCollection"
_CREATE_POINT = "createRestorePoint"
_CRASH = "-crash"
_READS_OF_A_LOOK = 5
"""About how many reads a look at a restore point makes: two, and seven with the start of the copy once it is finished."""
"""The end of the name of a crash-consistent restore point that takes the place of one that failed because of the guest."""


@dataclass(frozen=True, slots=True)
class SourceSteps:
    """The steps that come before the target."""

    gateway: RestorePointGateway
    chains: Chains
    ledger: Ledger
    locks: Locks
    superseding: Superseding
    clock: Clock
    timings: Timings

    async def preparing(self, copy: CopyClaim) -> Outcome:
        """Read the source, and fail with the reason where Azure would refuse the copy."""
        try:
            seen = await admission.look(self.gateway, copy.request, of_run=copy.origin is not None)
            copy.state.forget("absence")
            admission.refuse(copy.request, seen)
            if seen.vm is not None:
                copy.detail.was = DetailOfMachine.of(seen.vm.beside)
            if seen.point is not None:
                await self._claim_copy(copy, seen.point)
                return await self._with_source(copy, seen.point)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return look_again(self.clock, copy) or failed(admission.not_found(copy.request).problem)
            return refused(failure)
        except Refused as refusal:
            return failed(refusal.problem)
        return Next("making")

    async def _claim_copy(self, copy: CopyClaim, facts: RestorePointFacts) -> None:
        point, region, vm = ResourceId.parse(facts.id), copy.request.target.region, machine_of_point(facts)
        copy.state.failed_before = await self.ledger.claim(point, region, copy.id, replaces=copy.state.replaces, vm=vm)

    async def making(self, copy: CopyClaim) -> Outcome:
        """Create a restore point of the VM in its own collection, while the VM is locked for others."""
        vm = admission.source_id(copy.request)
        lock = _vm_lock(vm)
        held = await self.locks.take([lock], copy.id)
        if held is not None:
            return Wait(self.clock.now() + timedelta(minutes=1))
        copy.hold(lock)
        collection = source_collection_id(vm)
        point = collection.child(POINT_TYPE, _point_name(copy))
        try:
            if await self._has_sibling(copy, point):
                return self._take_over(copy, vm, point)
            await self._ensure_collection(copy, vm, collection)
            await self._note_point(copy, vm, point)
            made = await copy.perform(self._point_effect(copy, point))
        except CallFailure as failure:
            if copy.intends(_CREATE_POINT):
                raise  # a read failed while an earlier answer is missing: the restore point may exist
            await self._forget_point(copy, vm)
            return await self._not_made(copy, vm, failure)
        copy.state.forget("absence", "wait")
        copy.remember_operation(_CREATE_POINT, made.operation_url)
        copy.state.point = point
        return Next("made")

    async def _has_sibling(self, copy: CopyClaim, point: ResourceId) -> bool:
        """Return whether another copy of the same run has made the restore point; it made it under the lock that this copy has now."""
        return copy.origin is not None and not copy.intends(_CREATE_POINT) and await self.gateway.point(point) is not None

    def _take_over(self, copy: CopyClaim, vm: ResourceId, point: ResourceId) -> Next:
        crash_point("copy.pointFound")
        copy.state.forget("absence", "wait")
        copy.state.point = point
        copy.detail.source = DetailOfSource(virtual_machine_id=str(vm), restore_point_id=str(point), region=None, taken_at=None)
        return Next("made")

    async def _ensure_collection(self, copy: CopyClaim, vm: ResourceId, collection: ResourceId) -> None:
        if await self.gateway.find_collection(collection) is not None and not copy.intends(_CREATE_COLLECTION):
            return
        region = (await self.gateway.virtual_machine(vm)).region
        if not region:
            raise CallFailure(FailureKind.IN_DOUBT, code="NoLocation", message=f"Azure shows no location of {vm}")
        tags = collection_tags(copy.request.tags, vm, None)
        await copy.perform(collection_effect(self.gateway, self.timings, _CREATE_COLLECTION, collection, region, str(vm), tags))

    async def _note_point(self, copy: CopyClaim, vm: ResourceId, point: ResourceId) -> None:
        """Name the restore point in the ledger and in the answer before it is created, so that it is known however the copy ends."""
        await self.ledger.note_restore_point(copy.tenant, vm, point, copy.id)
        copy.detail.source = DetailOfSource(virtual_machine_id=str(vm), restore_point_id=str(point), region=None, taken_at=None)

    async def _forget_point(self, copy: CopyClaim, vm: ResourceId) -> None:
        """Undo `_note_point`: Azure has refused to create the restore point."""
        if copy.detail.source is not None:
            copy.detail.forget("source")
            await self.ledger.forget_restore_point(vm, copy.id)

    async def _not_made(self, copy: CopyClaim, vm: ResourceId, failure: CallFailure) -> Outcome:
        """Decide on a failure before the restore point was begun; a wait does not keep the VM from other operations."""
        if _may_fall_back(copy) and is_of_the_guest(failure.problem):
            copy.state.falls_back = True
            return Next("making")
        if failure.asks_to_wait:
            copy.drop(_vm_lock(vm))
            return rate_wait(self.clock, copy, failure, "making")
        if failure.kind is not FailureKind.NOT_FOUND:
            return once_more(self.clock, copy, failure, "making") or refused(failure)
        copy.drop(_vm_lock(vm))
        wait = look_again(self.clock, copy, "making")
        if wait is not None:
            return wait
        try:
            await self.gateway.virtual_machine(vm)
        except CallFailure as of_the_vm:
            if of_the_vm.kind is FailureKind.NOT_FOUND:
                return failed(admission.not_found(copy.request).problem)
            return refused(of_the_vm)
        return missing_attention(self.clock, copy, failure, "making")

    def _point_effect(self, copy: CopyClaim, point: ResourceId) -> Effect[Point]:
        source = copy.request.source
        consistency = ConsistencyMode.CRASH_CONSISTENT if copy.state.falls_back else source.consistency_mode

        async def send(request_id: str) -> Point:
            return await self.gateway.create_point(point, consistency, source.exclude_disks, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[Point] | Absent:
            found = await self.gateway.point(point)
            return Started(found) if found is not None else Absent()

        harmless = f"the restore point is named by the operation {copy.id}, or by its run: a second PUT of it answers 409 Conflict"
        return Effect(_CREATE_POINT, send, look, harmless, preparation=True)

    async def made(self, copy: CopyClaim) -> Outcome:
        """Wait until the restore point of the VM is finished; then the VM is unlocked."""
        try:
            facts = await self.gateway.source_point(copy.point)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return await self._not_there(copy)
            return refused(failure)
        copy.state.forget("absence")
        if facts.state is ProvisioningState.FAILED:
            return await self._failed_point(copy)
        if facts.state is not ProvisioningState.SUCCEEDED:
            return await self._not_finished(copy, facts)
        copy.drop(_vm_lock(admission.source_id(copy.request)))
        await self._record_point(copy, facts)
        try:
            await self._claim_copy(copy, facts)
        except Refused as refusal:
            return failed(refusal.problem)
        return await self._with_source(copy, facts)

    async def _record_point(self, copy: CopyClaim, facts: RestorePointFacts) -> None:
        """Record a restore point that is finished, so that retention knows it as one of the run; harmless to repeat."""
        if facts.taken_at is None:
            return
        origin = copy.origin
        made = MadePoint(
            tenant=copy.tenant,
            virtual_machine_id=str(admission.source_id(copy.request)),
            vm_id=facts.vm_id or (origin.vm_id if origin is not None else ""),
            point=ResourceId.parse(facts.id),
            taken_at=facts.taken_at,
            disks=frozenset(disk.lower() for disk in facts.captured_disks),
            operation=copy.id,
            consistency=facts.consistency.value if facts.consistency is not None else "",
            sizes=facts.disk_sizes,
        )
        if origin is not None:
            made = replace(made, policy=origin.policy, policy_id=origin.policy_id, run=origin.run, operation="")
        await self.ledger.points.record(made)

    async def _failed_point(self, copy: CopyClaim) -> Outcome:
        """Decide on a restore point that Azure could not make: once more, crash-consistent, where the policy asks for that."""
        reason = await self._reason(copy)
        if _may_fall_back(copy) and copy.origin is not None:
            own = reason is not None and any(is_of_the_guest(detail) for detail in reason.details)
            others = source_collection_id(admission.source_id(copy.request)).child(POINT_TYPE, f"{copy.origin.point}{_CRASH}")
            if own or (reason is None and await self.gateway.point(others) is not None):
                copy.state.falls_back = True
                return Next("making")
        return failed(reason or _unexplained(copy.point))

    async def _not_there(self, copy: CopyClaim) -> Outcome:
        reason = await self._reason(copy)
        if reason is not None:
            return failed(reason)
        wait = look_again(self.clock, copy)
        if wait is not None:
            return wait
        message = f"The restore point {copy.point} was created for this copy, and is no longer in Azure."
        return failed(Problem(ErrorCode.SOURCE_NOT_FOUND, message))

    async def _not_finished(self, copy: CopyClaim, facts: RestorePointFacts) -> Outcome:
        """Wait for Azure; once that takes too long the VM is unlocked, and a creation that has failed ends the copy."""
        state = facts.state if facts.state is not None else "unknown"
        subject = f"The restore point {copy.point} has been in the state {state}"
        wait = wait_for_azure(self.clock, copy, AzureWait.RESTORE_POINT, subject)
        wait = replace(wait, writes=several(reads_of(copy.point.subscription_id), _READS_OF_A_LOOK))
        if wait.attention is None:
            return wait
        copy.drop(_vm_lock(admission.source_id(copy.request)))
        reason = await self._reason(copy)
        return failed(reason) if reason is not None else wait

    async def _reason(self, copy: CopyClaim) -> Problem | None:
        """Return why Azure failed to create the restore point, with advice for the code; None where it does not show a failure."""
        error = await reason_in_operation(self.gateway, copy, _CREATE_POINT)
        if error is None:
            return None
        failure = CallFailure(FailureKind.REFUSED, code=error.code, message=error.message)
        return azure_problem(error, azure_code(failure))

    async def _with_source(self, copy: CopyClaim, point: RestorePointFacts) -> Outcome:
        """Store what is known of the source and the target, once the source is finished."""
        if point.taken_at is None or point.state not in {None, ProvisioningState.SUCCEEDED}:
            state = "without a creation time" if point.taken_at is None else f"in the state {point.state}"
            return wait_for_azure(self.clock, copy, AzureWait.SOURCE, f"The restore point {point.id} has been {state}", delay=MAKING)
        source = ResourceId.parse(point.id)
        source_collection = ResourceId.parse(point.collection_id)
        _, target_collection = admission.collections(copy.request)
        state_of = copy.state
        state_of.forget("wait")
        state_of.point = source
        state_of.target = target_collection.child(POINT_TYPE, restore_point_name(copy.id))
        state_of.chain = chain_key(source_collection, target_collection)
        state_of.taken_at = point.taken_at
        state_of.disks, state_of.size_gb = point.captured, point.size_gb
        # before anything that takes long: from now on no newer one of the chain goes first
        await self.chains.join(copy.chain, copy.id, point.taken_at)
        if copy.origin is not None:
            await self.superseding.of_older(copy.chain, copy.id, copy.origin, point.taken_at)
        if point.virtual_machine_id:
            copy.filter_by("virtualMachineId", ResourceId.parse(point.virtual_machine_id).key)
        copy.detail.source = DetailOfSource(
            virtual_machine_id=point.virtual_machine_id,
            restore_point_id=str(source),
            region=point.region,
            taken_at=point.taken_at,
            consistency_mode=point.consistency,
        )
        copy.detail.target = DetailOfTarget(restore_point_id=None, region=copy.request.target.region)
        return Next("ensuringTarget")


def _unexplained(point: ResourceId) -> Problem:
    message = f"Azure could not create the restore point {point} and gives no reason. Check the activity log of its collection."
    return Problem(ErrorCode.AZURE_REFUSED, message)


def _point_name(copy: CopyClaim) -> str:
    """Return the name of the restore point of a VM: that of the run, which its copies share, or the operation's own."""
    if copy.origin is None:
        return restore_point_name(copy.id)
    return f"{copy.origin.point}{_CRASH}" if copy.state.falls_back else copy.origin.point


def _may_fall_back(copy: CopyClaim) -> bool:
    return copy.origin is not None and copy.origin.fallback and not copy.state.falls_back


def _vm_lock(vm: ResourceId) -> str:
    return f"vm|{vm.key}"
