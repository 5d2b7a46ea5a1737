"""The copy of a restore point: from the request to a copy that is usable, step by step. Each step may be run again from its first line.

    preparing ─────────────► ensuringTarget ► waiting ► starting ► copying ► recording
        └► making ► made ──────┘   (given a VM: a restore point of it first)

`data` holds what scheduling and the check need (a few hundred bytes), `detail` what an answer shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text, to_text
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.operations.claims import Absent, Claim, Effect, Started
from shared.operations.locks import Locks
from shared.operations.models import Intent, JsonObject, Status
from shared.operations.rows import Active
from shared.operations.timings import Timings
from shared.operations.workflow import Checked, End, Follow, Next, Outcome, Unread, Wait, Workflow
from shared.restore_points import admission, following
from shared.restore_points.chains import Chains
from shared.restore_points.gateway import Point, RestorePointGateway
from shared.restore_points.ledger import Ledger, LedgerEntry
from shared.restore_points.models import CopyRequest
from shared.restore_points.rules import (
    MovedOn,
    Waiter,
    WaitUntil,
    after_start,
    azure_problem,
    chain_key,
    collection_tags,
    meaning_of,
    restore_point_name,
    source_collection_id,
)
from shared.restore_points.rules.facts import RestorePointFacts
from shared.restore_points.turns import Turns

KIND = "restorePointCopy"
STEP_QUEUE = "restore-point-copy-steps"
_POINT_TYPE = "restorePoints"
_MAKING = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class CopySteps:
    """The steps, with what they need."""

    gateway: RestorePointGateway
    chains: Chains
    turns: Turns
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
                return _failed(admission.not_found(request).problem)
            return _refused(failure)
        except Refused as refused:
            return _failed(refused.problem)
        return Next("making")

    async def _claim_copy(self, claim: Claim, request: CopyRequest, point: ResourceId) -> None:
        await self.ledger.claim(point, request.target.region, claim.id, replaces=_replaces(claim))

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
            if await self.gateway.collection(collection) is None or _intends(claim, "createSourceCollection"):
                region = (await self.gateway.virtual_machine(vm)).region
                await claim.perform(self._collection_effect("createSourceCollection", collection, region, str(vm), {}))
            point = collection.child(_POINT_TYPE, restore_point_name(claim.id))
            await claim.perform(self._point_effect(claim, request, point))
        except CallFailure as failure:
            if failure.kind is FailureKind.THROTTLED:
                claim.drop(lock)  # Azure's limit is the VM's, but what waits for it must not keep the VM from others
            return _refused(failure)
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
                return _failed(Problem(ErrorCode.SOURCE_NOT_FOUND, "The restore point that was made of the VM is gone."))
            return _refused(failure)
        if facts.state == "Failed":
            words = "Azure could not make a restore point of the VM; its activity log says more"
            return _failed(Problem(ErrorCode.AZURE_REFUSED, words))
        if facts.state != "Succeeded":
            return Wait(self.clock.now() + _MAKING)
        claim.drop(_vm_lock(admission.source_id(request)))
        try:
            await self._claim_copy(claim, request, ResourceId.parse(facts.id))
        except Refused as refused:
            return _failed(refused.problem)
        return await self._with_source(claim, request, facts)

    async def _with_source(self, claim: Claim, request: CopyRequest, point: RestorePointFacts) -> Outcome:
        """Note what is known of the source and the target, once the source is there."""
        if point.state == "Creating" or point.taken_at is None:
            return Wait(self.clock.now() + _MAKING)
        source = ResourceId.parse(point.id)
        _, target_collection = admission.collections(request)
        target = target_collection.child(_POINT_TYPE, restore_point_name(claim.id))
        source_collection = ResourceId.parse(point.collection_id)
        claim.data |= {
            "point": str(source),
            "target": str(target),
            "chain": chain_key(source_collection, target_collection),
            "takenAt": to_text(point.taken_at),
            "disks": point.captured,
            "sizeGb": point.size_gb,
        }
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

    async def ensuringTarget(self, claim: Claim) -> Outcome:  # noqa: N802  # named as the step is in answers
        """Have the target collection: it must exist first, and be of our source collection."""
        request = CopyRequest.model_validate(claim.operation.body)
        target = _parent(str(claim.data["target"]))
        source = _parent(str(claim.data["point"]))
        try:
            found = await self.gateway.collection(target)
            if found is None or _intends(claim, "createTargetCollection"):
                tags = collection_tags(request.tags, _vm_of(claim), source)
                effect = self._collection_effect("createTargetCollection", target, request.target.region, str(source), tags)
                await claim.perform(effect)
                found = await self.gateway.collection(target)
        except CallFailure as failure:
            return _refused(failure)
        problem = _wrong_collection(found.source_id, found.region, source, request.target.region) if found else None
        if problem is not None:
            return _failed(problem)
        await self.chains.join(str(claim.data["chain"]), _waiter(claim.data, claim.id))
        return Next("waiting")

    def _collection_effect(self, name: str, collection: ResourceId, region: str, source: str, tags: Mapping[str, str]) -> Effect[None]:
        async def send(request_id: str) -> None:
            await self.gateway.create_collection(collection, region, source, tags, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[None] | Absent:
            return Started(None) if await self.gateway.collection(collection) is not None else Absent()

        harmless = "a PUT of a collection that is there changes nothing but its tags, to the same ones"
        return Effect(name, send, look, harmless, preparation=True)

    async def waiting(self, claim: Claim) -> Outcome:
        """Wait for the chain's turn and for the three an hour."""
        if _intends(claim, "startCopy"):
            return Next("starting")  # who may have started keeps the turn
        request = CopyRequest.model_validate(claim.operation.body)
        decision = await self.turns.take(
            str(claim.data["chain"]), _waiter(claim.data, claim.id), ResourceId.parse(str(claim.data["target"])), str(claim.data["point"])
        )
        match decision:
            case MovedOn():
                return _failed(chain_moved_on(decision).problem)
            case WaitUntil():
                claim.detail["waitingFor"] = decision.reason
                return Wait(decision.at)
            case _:
                claim.detail.pop("waitingFor", None)
                return Next("deletingFailed" if request.source.restore_point_id and _replaces(claim) else "starting")

    async def deletingFailed(self, claim: Claim) -> Outcome:  # noqa: N802  # named as the step is in answers
        """A redo: take away the restore point of the copy that failed, for Azure copies a restore point once per region."""
        target = ResourceId.parse(str(claim.data["target"]))
        failed = ResourceId.parse(f"{target.parent}/{_POINT_TYPE}/{_replaces(claim)}")

        async def send(request_id: str) -> None:
            await self.gateway.delete_point(failed, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[None] | Absent:
            found = await self.gateway.point(failed)
            return Absent() if found is not None and found.state != "Deleting" else Started(None)

        try:
            if await self.gateway.point(failed) is not None:
                effect = Effect(
                    "deleteFailedCopy", send, look, "a DELETE of the failed copy's own name is harmless twice", preparation=True
                )
                await claim.perform(effect)
                if await self.gateway.point(failed) is not None:
                    return Wait(self.clock.now() + _MAKING, step="waiting")
        except CallFailure as failure:
            return _refused(failure)
        return Next("starting")

    async def starting(self, claim: Claim) -> Outcome:
        """Start the copy, once."""
        target, source = ResourceId.parse(str(claim.data["target"])), ResourceId.parse(str(claim.data["point"]))
        try:
            started = await claim.perform(self._start_effect(claim, target, source))
        except CallFailure as failure:
            if failure.kind is FailureKind.THROTTLED:
                # no effect: the turn is kept, Azure says when
                return Wait(self.clock.now() + timedelta(seconds=max(failure.retry_after or 0, 30)), step="waiting")
            return _refused(failure)
        taken_at = from_text(str(claim.data["takenAt"]))
        await self.chains.change_head(str(claim.data["chain"]), lambda head: after_start(head, claim.id, taken_at, started.date))
        return following.begin(claim, started)

    def _start_effect(self, claim: Claim, target: ResourceId, source: ResourceId) -> Effect[Point]:
        async def send(request_id: str) -> Point:
            date = await self.gateway.start_copy(target, str(source), request_id, self.timings.effect_timeout)
            return Point(str(target), "Creating", str(source), date)

        async def look(_intent: Intent) -> Started[Point] | Absent:
            found = await self.gateway.point(target)
            if found is None:
                return Absent()
            if found.source_point_id is None or ResourceId.parse(found.source_point_id) != source:
                message = f"{target} is there and is a copy of {found.source_point_id}, not of {source}"
                raise CallFailure(FailureKind.REFUSED, code="Conflict", message=message, status=409)
            return Started(found)

        return Effect("startCopy", send, look, f"the copy is named by the operation {claim.id}: a second PUT of it answers 409 Conflict")

    async def copying(self, claim: Claim) -> Outcome:
        """Left to the checks."""
        return Follow(self.clock.now(), following.group_of(ResourceId.parse(str(claim.data["target"])).subscription_id))

    async def check(self, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
        """Read how far copies are, side by side."""
        return await following.check(self.gateway, self.clock, rows)

    async def recording(self, claim: Claim) -> Outcome:
        """Write the end down: in the ledger if it is usable, as the reason in words if it failed."""
        claim.detail |= following.summary(claim.data)
        if claim.data.get("failure"):
            problem = claim.data["failure"]
            return _failed(Problem.from_json(problem if isinstance(problem, dict) else {}))
        source = claim.detail["source"]
        vm = source.get("virtualMachineId") if isinstance(source, dict) else None
        await self.ledger.record(
            LedgerEntry(
                operation=claim.id,
                tenant=claim.row.tenant,
                virtual_machine_id=str(vm or ""),
                source_point_id=str(claim.data["point"]),
                target_point_id=str(claim.data["target"]),
                region=_target_region(claim.detail),
                taken_at=str(claim.data["takenAt"]),
                completed_at=to_text(self.clock.now()),
            )
        )
        claim.detail["usable"] = True
        return End(Status.SUCCEEDED)

    async def released(self, row: Active) -> None:
        """Give the chain's turn back and wake the next; harmless to repeat."""
        if row.data.get("chain"):
            await self.chains.released(str(row.data["chain"]), row.id, _waiter(row.data, row.id))


def copy_workflow(steps: CopySteps) -> Workflow:
    """Return the workflow of a copy."""
    return Workflow(
        kind=KIND,
        resource="restore-point-copies",
        step_queue=STEP_QUEUE,
        read_role="Copies.Read",
        write_role="Copies.Write",
        steps={
            "preparing": steps.preparing,
            "making": steps.making,
            "made": steps.made,
            "ensuringTarget": steps.ensuringTarget,
            "waiting": steps.waiting,
            "deletingFailed": steps.deletingFailed,
            "starting": steps.starting,
            "copying": steps.copying,
            "recording": steps.recording,
        },
        check=steps.check,
        released=steps.released,
    )


def chain_moved_on(moved: MovedOn) -> Refused:
    """Return the refusal of a restore point that its chain has passed."""
    return Refused(
        ErrorCode.CHAIN_MOVED_ON,
        f"Azure copies a chain in order, and one taken later, at {to_text(moved.newer)}, has been started: this one never can be.",
        target="source.restorePointId",
    )


def _failed(problem: Problem) -> End:
    return End(Status.FAILED, problem)


def _refused(failure: CallFailure) -> Outcome:
    """End with Azure's definite no in words; what may pass is raised, and counted as an attempt."""
    if failure.kind in {FailureKind.THROTTLED, FailureKind.IN_DOUBT} or meaning_of(failure.code).retry:
        raise failure
    code = ErrorCode.AUTHORIZATION_FAILED if failure.code == "AuthorizationFailed" else ErrorCode.AZURE_REFUSED
    return _failed(azure_problem(failure.problem, code))


def _wrong_collection(source_id: str, region: str, source: ResourceId, target_region: str) -> Problem | None:
    try:
        same = ResourceId.parse(source_id) == source
    except ValueError:
        same = False
    if not same:
        words = f"The target collection holds copies of {source_id}; Azure lets it take those of one source collection only."
        return Problem(ErrorCode.COPY_NOT_SUPPORTED, words, "target.collection")
    if region != target_region:
        return Problem(ErrorCode.COPY_NOT_SUPPORTED, f"The target collection is in {region}, not in {target_region}.", "target.collection")
    return None


def _intends(claim: Claim, effect: str) -> bool:
    return claim.row.intent is not None and claim.row.intent.effect == effect


def _replaces(claim: Claim) -> str | None:
    replaced = claim.data.get("replaces")
    return str(replaced) if replaced else None


def _vm_lock(vm: ResourceId) -> str:
    return f"vm|{vm.key}"


def _waiter(data: JsonObject, operation: str) -> Waiter:
    return Waiter(from_text(str(data["takenAt"])), operation)


def _parent(text: str) -> ResourceId:
    parent = ResourceId.parse(text).parent
    if parent is None:
        raise ValueError(f"{text} lies in no collection")
    return parent


def _vm_of(claim: Claim) -> ResourceId | None:
    source = claim.detail.get("source")
    vm = source.get("virtualMachineId") if isinstance(source, dict) else None
    return ResourceId.parse(str(vm)) if vm else None


def _target_region(detail: JsonObject) -> str:
    target = detail.get("target")
    return str(target.get("region")) if isinstance(target, dict) else ""
