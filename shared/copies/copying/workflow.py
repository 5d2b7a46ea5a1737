"""The copy of a restore point: from the request to a copy that is usable, step by step. Each step may be run again from its first line.

    preparing ─────────────► ensuringTarget ► waiting ► starting ► copying ► recording
        └► making ► made ──────┘   (given a VM: a restore point of it first)

`data` holds what scheduling and the check need (a few hundred bytes), `detail` what an answer shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared import telemetry
from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text, to_text
from shared.copies.copying import following
from shared.copies.copying.chains import Chains
from shared.copies.copying.models import CopyRequest
from shared.copies.copying.outcomes import MAKING, collection_effect, failed, intends, once_more, refused
from shared.copies.copying.rules.chain import MovedOn, Waiter, WaitUntil, after_start
from shared.copies.copying.rules.naming import collection_tags
from shared.copies.copying.sources import SourceSteps
from shared.copies.copying.turns import Turns
from shared.copies.gateway import Point, RestorePointGateway
from shared.copies.ledger import Ledger, LedgerEntry
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.operations.model.models import Intent, JsonObject, Status
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Checked, End, Follow, Next, Outcome, Unread, Wait
from shared.operations.running.workflow import Workflow
from shared.operations.timings import Timings
from shared.telemetry import Metric


@dataclass(frozen=True, slots=True)
class CopySteps:
    """The steps, with what they need; `sources` has the first ones."""

    sources: SourceSteps
    gateway: RestorePointGateway
    chains: Chains
    turns: Turns
    ledger: Ledger
    clock: Clock
    timings: Timings

    async def ensuringTarget(self, claim: Claim) -> Outcome:  # noqa: N802  # named as the step is in answers
        """Have the target collection: it must exist first, and be of our source collection."""
        request = CopyRequest.model_validate(claim.operation.body)
        target = _parent(str(claim.data["target"]))
        source = _parent(str(claim.data["point"]))
        try:
            found = await self.gateway.collection(target)
            if found is None or intends(claim, "createTargetCollection"):
                tags = collection_tags(request.tags, _vm_of(claim), source)
                effect = collection_effect(
                    self.gateway, self.timings, "createTargetCollection", target, request.target.region, str(source), tags
                )
                await claim.perform(effect)
                found = await self.gateway.collection(target)
        except CallFailure as failure:
            return refused(failure)
        problem = _wrong_collection(found.source_id, found.region, source, request.target.region) if found else None
        if problem is not None:
            return failed(problem)
        return Next("waiting")

    async def waiting(self, claim: Claim) -> Outcome:
        """Wait for the chain's turn and for the three an hour."""
        if intends(claim, "startCopy"):
            return Next("starting")  # who may have started keeps the turn
        decision = await self.turns.take(
            str(claim.data["chain"]), _waiter(claim.data, claim.id), ResourceId.parse(str(claim.data["target"])), str(claim.data["point"])
        )
        match decision:
            case MovedOn():
                return failed(chain_moved_on(decision).problem)
            case WaitUntil():
                claim.detail["waitingFor"] = decision.reason
                return Wait(decision.at)
            case _:
                claim.detail.pop("waitingFor", None)
                return Next("deletingFailed" if claim.data.get("failedBefore") else "starting")

    async def deletingFailed(self, claim: Claim) -> Outcome:  # noqa: N802  # named as the step is in answers
        """Take away the restore points of copies that failed before: Azure copies a restore point once per region."""
        request = CopyRequest.model_validate(claim.operation.body)
        try:
            for point in await self.ledger.failed_points(ResourceId.parse(str(claim.data["point"])), request.target.region):
                if await self.gateway.point(point) is not None:
                    await claim.perform(self._delete_effect(point))
                    if await self.gateway.point(point) is not None:
                        return Wait(self.clock.now() + MAKING, step="waiting")
        except CallFailure as failure:
            return refused(failure)
        return Next("starting")

    def _delete_effect(self, point: ResourceId) -> Effect[None]:
        async def send(request_id: str) -> None:
            await self.gateway.delete_point(point, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[None] | Absent:
            found = await self.gateway.point(point)
            return Absent() if found is not None and found.state != "Deleting" else Started(None)

        return Effect("deleteFailedCopy", send, look, "a DELETE of the failed copy's own name is harmless twice", preparation=True)

    async def starting(self, claim: Claim) -> Outcome:
        """Start the copy, once."""
        target, source = ResourceId.parse(str(claim.data["target"])), ResourceId.parse(str(claim.data["point"]))
        try:
            started = await claim.perform(self._start_effect(claim, target, source))
        except CallFailure as failure:
            if failure.asks_to_wait:
                # no effect: the turn is kept, Azure says when
                return Wait(self.clock.now() + timedelta(seconds=max(failure.retry_after or 0, 30)), step="waiting")
            return once_more(self.clock, claim, failure, "waiting") or refused(failure)
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
            return failed(Problem.from_json(problem if isinstance(problem, dict) else {}))
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
        seconds = (self.clock.now() - from_text(str(claim.data["startedAt"]))).total_seconds()
        telemetry.record(Metric.COPY_DURATION, seconds, tenant=claim.row.tenant, region=_target_region(claim.detail))
        return End(Status.SUCCEEDED)

    async def on_finished(self, row: Active) -> None:
        """Give the chain's turn back and wake the next; harmless to repeat."""
        if row.data.get("chain"):
            await self.chains.leave_and_wake_next(str(row.data["chain"]), row.id)


def copy_workflow(steps: CopySteps) -> Workflow:
    """Return the workflow of a copy."""
    return Workflow(
        steps={
            "preparing": steps.sources.preparing,
            "making": steps.sources.making,
            "made": steps.sources.made,
            "ensuringTarget": steps.ensuringTarget,
            "waiting": steps.waiting,
            "deletingFailed": steps.deletingFailed,
            "starting": steps.starting,
            "copying": steps.copying,
            "recording": steps.recording,
        },
        check=steps.check,
        on_finished=steps.on_finished,
    )


def chain_moved_on(moved: MovedOn) -> Refused:
    """Return the refusal of a restore point that its chain has passed."""
    return Refused(
        ErrorCode.CHAIN_MOVED_ON,
        f"Azure copies a chain in order, and one taken later, at {to_text(moved.newer)}, has been started: this one never can be.",
        target="source.restorePointId",
    )


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
