"""The workflow of a copy: from the request to a usable copy, step by step. Each step may be run again from its first line.

    preparing ─────────────► ensuringTarget ► waiting ► deletingFailed ► starting ► copying ► recording
        └► making ► made ──────┘   (given a VM: a restore point of it first)

`CopyState` holds what scheduling and the check need, `CopyDetail` what an answer shows.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared import telemetry
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key
from shared.clock import Clock, to_text
from shared.copies.copying import admission, following
from shared.copies.copying.claim import CopyClaim, step
from shared.copies.copying.models import request_of
from shared.copies.copying.outcomes import (
    collection_effect,
    failed,
    look_again,
    missing_attention,
    names_a_quota,
    once_more,
    rate_wait,
    reason_in_operation,
    refused,
    wait_for_azure,
)
from shared.copies.copying.rules.chain import MovedOn, Waiter, WaitUntil, after_start
from shared.copies.copying.rules.failures import azure_problem, with_reason
from shared.copies.copying.rules.naming import collection_tags
from shared.copies.copying.rules.replication import ReplicationState, ended_by_azure, read_replication
from shared.copies.copying.rules.waits import AzureWait
from shared.copies.copying.sources import SourceSteps
from shared.copies.copying.state import CopyState
from shared.copies.copying.waiting.chains import Chains
from shared.copies.copying.waiting.in_flight import NEXT_LOOK, InFlight
from shared.copies.copying.waiting.turns import Turns
from shared.copies.gateway import Collection, Point, RestorePointGateway
from shared.copies.ledger import Ledger, LedgerEntry
from shared.copies.provisioning import ProvisioningState
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.operations.model.models import Intent, Operation, Status
from shared.operations.model.rows import Active
from shared.operations.running.budgets import writes_of
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Checked, End, Follow, Next, Outcome, Unread, Wait
from shared.operations.running.workflow import Workflow
from shared.operations.timings import Timings
from shared.telemetry import Metric

_CREATE_COLLECTION = "createTargetCollection"
_DELETE = "deleteFailedCopy"
_START = "startCopy"


async def _nothing(_tenant: str, _operation: str) -> None:
    """Record nothing."""


@dataclass(frozen=True, slots=True)
class CopySteps:
    """The steps; `sources` has the first ones. `ended` records the end of a copy, by its tenant and id, for the protection of its VM."""

    sources: SourceSteps
    gateway: RestorePointGateway
    chains: Chains
    turns: Turns
    ledger: Ledger
    clock: Clock
    timings: Timings
    in_flight: InFlight
    ended: Callable[[str, str], Awaitable[None]] = _nothing

    async def ensuring_target(self, copy: CopyClaim) -> Outcome:
        """Ensure that the target collection exists and is one of the source's collection."""
        target, source = _collection_of(copy.target), _collection_of(copy.point)
        region = copy.request.target.region
        try:
            found = await self.gateway.find_collection(target)
            if found is None or copy.intends(_CREATE_COLLECTION):
                tags = collection_tags(copy.request.tags, _vm_of(copy), source)
                await copy.perform(collection_effect(self.gateway, self.timings, _CREATE_COLLECTION, target, region, str(source), tags))
                found = await self.gateway.collection(target)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return await self._missing(copy, failure)
            return refused(failure)
        problem = _wrong_collection(found, source, region) if found is not None else None
        return failed(problem) if problem is not None else Next("waiting")

    async def _missing(self, copy: CopyClaim, failure: CallFailure) -> Outcome:
        """Decide on a 404 of a write or of a collection that was there: look again, then fail or ask for attention."""
        wait = look_again(self.clock, copy, "ensuringTarget")
        if wait is not None:
            return wait
        if failure.code.lower() == "resourcegroupnotfound":
            return refused(failure)
        if not await self.gateway.lists(copy.point):
            message = f"The restore point {copy.point} was deleted in Azure before it was copied."
            return failed(Problem(ErrorCode.SOURCE_NOT_FOUND, message, "source.restorePointId"))
        return missing_attention(self.clock, copy, failure, "ensuringTarget")

    async def waiting(self, copy: CopyClaim) -> Outcome:
        """Wait for the chain's turn and for Azure's three starts an hour."""
        if copy.intends(_START):
            return Next("starting")  # an operation that may have started keeps the turn
        if (newer := copy.take_superseding()) is not None:
            return _superseded(copy, newer)
        try:
            decision = await self.turns.take(copy.chain, _waiter(copy), copy.target, copy.point)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return await self._missing(copy, failure)
            raise
        match decision:
            case MovedOn():
                return failed(chain_moved_on(decision).problem)
            case WaitUntil():
                copy.detail.waiting_for = decision.reason
                return self._until(copy, decision)
            case _ if not await self.in_flight.take(copy.target.subscription_id, copy.request.target.region, _waiter(copy)):
                most = f"{self.in_flight.most} copies run to the region already, the most that FARSHORE_COPIES_IN_FLIGHT allows"
                copy.detail.waiting_for = most
                return Wait(self.clock.now() + NEXT_LOOK, writes=writes_of(copy.target.subscription_id))
            case _:
                copy.detail.forget("waiting_for")
                return Next("deletingFailed" if copy.state.failed_before else "starting")

    def _until(self, copy: CopyClaim, decision: WaitUntil) -> Wait:
        if not decision.for_azure:
            if copy.state.wait is not None and copy.state.wait.what is AzureWait.OTHER_COPY:
                copy.state.forget("wait")
            return Wait(decision.at, writes=writes_of(copy.target.subscription_id))
        delay = decision.at - self.clock.now()
        return wait_for_azure(self.clock, copy, AzureWait.OTHER_COPY, f"This copy has waited because {decision.reason}", delay=delay)

    async def deleting_failed(self, copy: CopyClaim) -> Outcome:
        """Delete the restore points of copies that failed before: Azure copies a restore point once per region.

        One that turns out to be a whole copy, or is still being copied, is not deleted: it becomes this copy.
        """
        try:
            for point in await self.ledger.failed_points(copy.point, copy.request.target.region):
                outcome = await self._clear(copy, point)
                if outcome is not None:
                    return outcome
        except CallFailure as failure:
            return refused(failure)
        return Next("starting")

    async def _clear(self, copy: CopyClaim, point: ResourceId) -> Outcome | None:
        found = await self.gateway.point(point)
        if found is None:
            return None
        if found.state is not ProvisioningState.DELETING:
            adopted = None if copy.intends(_DELETE) else await self._adopt(copy, point, found)
            if adopted is not None:
                return adopted
            copy.remember_operation(_DELETE, await copy.perform(self._delete_effect(point)))
            if await self.gateway.point(point) is None:
                return None
        reason = await reason_in_operation(self.gateway, copy, _DELETE)
        if reason is not None:
            return failed(azure_problem(reason))
        subject = f"The restore point {point} of a failed copy has not been deleted"
        return wait_for_azure(self.clock, copy, AzureWait.DELETION, subject, step="waiting")

    async def _adopt(self, copy: CopyClaim, point: ResourceId, found: Point) -> Follow | None:
        """Follow a copy of an earlier operation where it is whole or still being copied; None where it has failed."""
        seen = read_replication(await self.gateway.instance_view(point), copy.state.disks)
        started = await self.ledger.started_at(point) or found.date
        if seen.state is ReplicationState.FAILED:
            return None
        if seen.state is ReplicationState.REPLICATING and ended_by_azure(started, self.clock.now()):
            return None
        copy.state.target = point
        return following.begin(copy, Point(str(point), found.state, found.source_point_id, started))

    def _delete_effect(self, point: ResourceId) -> Effect[str | None]:
        async def send(request_id: str) -> str | None:
            return await self.gateway.delete_point(point, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self.gateway.point(point)
            return Absent() if found is not None and found.state is not ProvisioningState.DELETING else Started(None)

        return Effect(_DELETE, send, look, "a second DELETE of the failed copy's own name is harmless", preparation=True)

    async def starting(self, copy: CopyClaim) -> Outcome:
        """Start the copy, once."""
        await self._learn_durations(copy)
        try:
            started = await copy.perform(self._start_effect(copy))
        except CallFailure as failure:
            if failure.asks_to_wait or names_a_quota(failure):
                return rate_wait(self.clock, copy, failure, "waiting")  # nothing began: the turn is kept
            if failure.kind is FailureKind.NOT_FOUND:
                return await self._missing(copy, failure)
            return once_more(self.clock, copy, failure, "waiting") or refused(failure)
        copy.remember_operation(_START, started.operation_url)
        taken_at = _waiter(copy).taken_at
        await self.chains.change_head(copy.chain, lambda head: after_start(head, copy.id, taken_at, started.date))
        return following.begin(copy, started)

    async def _learn_durations(self, copy: CopyClaim) -> None:
        """Keep how long earlier copies of the chain took: by that the checks know when the end of this one is likely."""
        vm = _vm_of(copy)
        if copy.state.earlier_minutes is None and vm is not None:
            durations = await self.ledger.earlier_durations(vm, copy.request.target.region)
            copy.state.earlier_minutes = tuple(round(one / timedelta(minutes=1)) for one in durations)

    def _start_effect(self, copy: CopyClaim) -> Effect[Point]:
        target, source = copy.target, copy.point

        async def send(request_id: str) -> Point:
            return await self.gateway.start_copy(target, str(source), request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[Point] | Absent:
            found = await self.gateway.point(target)
            if found is None:
                return Absent()
            if found.source_point_id is None or ResourceId.parse(found.source_point_id) != source:
                message = f"{target} exists and is a copy of {found.source_point_id}, not of {source}"
                raise CallFailure(FailureKind.REFUSED, code="Conflict", message=message, status=409)
            return Started(found)

        return Effect(_START, send, look, f"the copy is named by the operation {copy.id}: a second PUT of it answers 409 Conflict")

    async def copying(self, copy: CopyClaim) -> Outcome:
        """Leave the copy to the checks; a newer copy that would have taken its place came too late, a deletion that ends it did not."""
        copy.state.abandoned_by = copy.take_abandonment() or copy.state.abandoned_by
        return Follow(self.clock.now(), following.group_of(copy.target.subscription_id))

    async def check(self, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
        """Read the progress of copies, side by side."""
        return await following.check(self.gateway, self.clock, rows)

    async def recording(self, copy: CopyClaim) -> Outcome:
        """Record the end: a usable copy in the ledger, a failed one with its reason."""
        copy.detail.checks = copy.state.checks
        if copy.state.failure is not None and copy.state.abandoned_by is not None:
            return failed(_abandoned(copy.state.abandoned_by))
        if copy.state.failure is not None:
            return failed(with_reason(copy.state.failure, await reason_in_operation(self.gateway, copy, _START)))
        region, now = copy.request.target.region, self.clock.now()
        await self.ledger.record(
            LedgerEntry(
                operation=copy.id,
                tenant=copy.tenant,
                virtual_machine_id=str(_vm_of(copy) or ""),
                source_point_id=str(copy.point),
                target_point_id=str(copy.target),
                region=region,
                taken_at=to_text(_waiter(copy).taken_at),
                completed_at=to_text(now),
                started_at=to_text(copy.state.started_at) if copy.state.started_at is not None else "",
                origin=copy.origin,
                created_at=to_text(copy.state.created_at) if copy.state.created_at is not None else "",
                consistency=_consistency_of(copy),
                size_gb=copy.state.size_gb or 0,
            )
        )
        copy.detail.usable = True
        copy.filter_by("usable", "true")
        seconds = (now - (copy.state.started_at or now)).total_seconds()
        telemetry.record(Metric.COPY_DURATION, seconds, tenant=copy.tenant, region=region)
        return End(Status.SUCCEEDED)

    async def on_finished(self, row: Active) -> None:
        """Note the end for protection, give the chain's turn back and wake the next operation; harmless to repeat."""
        await self.ended(row.tenant, row.id)
        state = CopyState.of(row.data)
        if state.chain:
            await self.chains.leave_and_wake_next(state.chain, row.id, state.taken_at)


def copy_workflow(steps: CopySteps) -> Workflow:
    """Return the workflow of a copy."""
    return Workflow(
        steps={
            "preparing": step(steps.sources.preparing),
            "making": step(steps.sources.making),
            "made": step(steps.sources.made),
            "ensuringTarget": step(steps.ensuring_target),
            "waiting": step(steps.waiting),
            "deletingFailed": step(steps.deleting_failed),
            "starting": step(steps.starting),
            following.COPYING: step(steps.copying),
            "recording": step(steps.recording),
        },
        check=steps.check,
        on_finished=steps.on_finished,
        subjects=_subjects,
    )


def _subjects(operation: Operation) -> Sequence[str]:
    """Return the ids of the source and of the target, which belong to the operation's tenant."""
    request = request_of(operation)
    return str(admission.source_id(request)), str(admission.collections(request)[1])


def chain_moved_on(moved: MovedOn) -> Refused:
    """Return the refusal of a restore point that its chain has passed."""
    return Refused(
        ErrorCode.CHAIN_MOVED_ON,
        f"Azure copies a chain in order. A restore point taken later, at {to_text(moved.newer)}, has been started, so this one cannot be.",
        target="source.restorePointId",
    )


def _superseded(copy: CopyClaim, newer: str) -> End:
    copy.detail.superseded_by = newer
    message = f"A newer restore point of the chain is copied by operation {newer} in place of this one, which had not started."
    return End(Status.CANCELED, Problem(ErrorCode.SUPERSEDED, message, newer))


def _abandoned(deletion: str) -> Problem:
    return Problem(ErrorCode.ABANDONED, f"The deletion {deletion} has deleted its restore point while Azure made it.", deletion)


def _wrong_collection(found: Collection, source: ResourceId, target_region: str) -> Problem | None:
    """Return why a target collection cannot be used; a source or region that Azure does not show is left to Azure."""
    if found.source_id and id_key(found.source_id) != source.key:
        message = f"The target collection holds copies of {found.source_id}; Azure accepts those of one source collection only."
        return Problem(ErrorCode.COPY_NOT_SUPPORTED, message, "target.collection")
    if found.region and found.region != target_region:
        message = f"The target collection is in {found.region}, not in {target_region}."
        return Problem(ErrorCode.COPY_NOT_SUPPORTED, message, "target.collection")
    return None


def _waiter(copy: CopyClaim) -> Waiter:
    if copy.state.taken_at is None:
        raise ValueError("The copy's state has no 'takenAt' yet.")
    return Waiter(copy.state.taken_at, copy.id)


def _collection_of(point: ResourceId) -> ResourceId:
    if point.parent is None:
        raise ValueError(f"'{point}' is not the id of a restore point.")
    return point.parent


def _consistency_of(copy: CopyClaim) -> str:
    mode = copy.detail.source.consistency_mode if copy.detail.source is not None else None
    return mode.value if mode is not None else ""


def _vm_of(copy: CopyClaim) -> ResourceId | None:
    vm = copy.detail.source.virtual_machine_id if copy.detail.source is not None else None
    return ResourceId.parse(vm) if vm else None
