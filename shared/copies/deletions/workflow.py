"""The workflow of a deletion: decided again by what Azure shows, then sent, then followed until the restore point is gone.

    deciding ► deleting ► ending ► recording

`deleting` reads and decides each time before it sends a DELETE, also where an earlier one was refused or lost. A read that fails sends
nothing. Each step may be run again from its first line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.arm.failures import problem_of_call
from shared.clock import Clock
from shared.copies.copying.rules.looks import REFRESH
from shared.copies.copying.rules.waits import SLOW_LOOK, AzureWait, is_overdue, waiting
from shared.copies.deletions.claim import DeletionClaim, step
from shared.copies.deletions.reading import DeletionReads, Presence
from shared.copies.deletions.request import stored_deletion
from shared.copies.deletions.service import subjects_of
from shared.copies.deletions.subjects import Subject
from shared.copies.deletions.trail import DeletionTrail
from shared.copies.gateway import RestorePointGateway
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.accepting.locks import Locks
from shared.operations.crash_points import crash_point
from shared.operations.model.models import Intent, Operation, Status
from shared.operations.running.budgets import deletes_of
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.operations.running.workflow import Workflow
from shared.operations.timings import Timings
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.durations import readable_duration

_DELETE = "deleteCopy"
_LOOK = timedelta(seconds=30)
_UNTIL_FREE = timedelta(minutes=1)
_IN_THE_WAY = frozenset({"operationnotallowed", "conflict"})
"""Codes with which Azure refuses a deletion while something else works on the collection, such as a copy."""
_CODES = {"diskrestorepointusedbycustomer": ErrorCode.DISK_ACCESS_ACTIVE}


@dataclass(frozen=True, slots=True)
class DeletionSteps:
    """The steps."""

    gateway: RestorePointGateway
    reads: DeletionReads
    of_copies: Subject
    of_points: Subject
    locks: Locks
    clock: Clock
    timings: Timings
    retention_enabled: bool
    trail: DeletionTrail

    async def deciding(self, deletion: DeletionClaim) -> Outcome:
        """Take the turn among the deletions of the collection."""
        if (held := self._held(deletion)) is not None:
            return held
        lock = f"deletions|{deletion.collection.key}"
        if await self.locks.take([lock], deletion.id) is not None:
            return Wait(self.clock.now() + _UNTIL_FREE)
        deletion.hold(lock)
        return Next("deleting")

    async def deleting(self, deletion: DeletionClaim) -> Outcome:
        """Decide by a fresh read of Azure, and delete the restore point."""
        try:
            presence = await self.reads.presence(deletion.point)
            if presence is Presence.THERE:
                deletion.state.forget("absence")
                if (held := self._held(deletion)) is not None:
                    return held
                problem = await self._subject(deletion).refusal(deletion)
                if problem is not None:
                    return self._end(deletion, End(Status.CANCELED if problem.code == ErrorCode.NO_LONGER_DUE else Status.FAILED, problem))
            elif presence is Presence.ABSENT and deletion.unsettled_until is None:
                return self._absent(deletion)
        except CallFailure as failure:
            if failure.kind is FailureKind.REFUSED:
                return self._end(deletion, End(Status.FAILED, problem_of_call(failure)))
            raise
        await self._subject(deletion).before(deletion)
        crash_point("deletion.decided")
        try:
            deletion.state.operation_url = await deletion.perform(self._effect(deletion))
        except CallFailure as failure:
            return await self._refused(deletion, failure)
        if deletion.state.operation_url is not None:
            deletion.state.forget("wait", "absence")
        return Next("ending")

    def _held(self, deletion: DeletionClaim) -> Wait | None:
        """Return the wait of a deletion of retention while the setting stops all of them; a caller's goes on."""
        if self.retention_enabled or deletion.request.retained is None:
            return None
        message = "FARSHORE_RETENTION is off: retention deletes no restore point. The deletion continues, and decides anew, once it is on."
        return Wait(self.clock.now() + SLOW_LOOK, attention=(str(ErrorCode.RETENTION_OFF), message))

    def _end(self, deletion: DeletionClaim, end: End) -> Outcome:
        """Return the end without a deletion, once no DELETE of an earlier claim can still arrive."""
        until = deletion.unsettled_until
        return end if until is None or until <= self.clock.now() else Wait(until)

    def _subject(self, deletion: DeletionClaim) -> Subject:
        return self.of_points if deletion.request.source_point else self.of_copies

    def _absent(self, deletion: DeletionClaim) -> Outcome:
        """Look again for a restore point that Azure does not show, until it counts as gone."""
        now = self.clock.now()
        absence = deletion.state.absence = not_shown(deletion.state.absence, now)
        return Next("recording") if absence.lasts_long_enough(now) else Wait(now + BETWEEN_LOOKS)

    def _effect(self, deletion: DeletionClaim) -> Effect[str | None]:
        point = deletion.point

        async def send(request_id: str) -> str | None:
            return await self.gateway.delete_point(point, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            return Absent() if await self.reads.presence(point) is Presence.THERE else Started(None)

        return Effect(_DELETE, send, look, "the name of a restore point is used once, so that a second DELETE finds nothing else")

    async def _refused(self, deletion: DeletionClaim, failure: CallFailure) -> Outcome:
        """Decide on a DELETE that Azure refused: nothing began."""
        if failure.kind is not FailureKind.REFUSED:
            raise failure
        if failure.code.lower() in _IN_THE_WAY:
            subject = f"Azure has refused to delete {deletion.point} ({failure.code}: {failure.message})"
            wait = self._wait(deletion, AzureWait.OTHER_COPY, subject, REFRESH, step="deleting")
            return replace(wait, writes=deletes_of(deletion.point.subscription_id))
        problem = problem_of_call(failure)
        problem = Problem(_CODES.get(failure.code.lower(), problem.code), problem.message, str(deletion.point), problem.details)
        await self._subject(deletion).note_refused(deletion, self.clock.now(), failure.code)
        return End(Status.FAILED, problem)

    def _wait(self, deletion: DeletionClaim, what: AzureWait, subject: str, delay: timedelta, step: str | None = None) -> Wait:
        """Return a wait for Azure, which asks for attention once it has lasted too long; `subject` is a clause for its message."""
        now = self.clock.now()
        wait = deletion.state.wait = waiting(deletion.state.wait, what, now)
        if not is_overdue(wait, now):
            return Wait(now + delay, step=step)
        message = f"{subject} for {readable_duration(now - wait.since)}. Check it in Azure. The deletion continues once this changes."
        return Wait(now + max(delay, SLOW_LOOK), step=step, attention=(str(ErrorCode.NO_PROGRESS), message))

    async def ending(self, deletion: DeletionClaim) -> Outcome:
        """Wait until Azure no longer has the restore point; where nothing shows that it has accepted a DELETE, that is sent again."""
        presence, url = await self.reads.presence(deletion.point), deletion.state.operation_url
        if presence is Presence.ABSENT:
            return Next("recording") if url is not None else self._absent(deletion)
        if presence is Presence.THERE and url is None:
            subject = f"Azure has the restore point {deletion.point} and answers 404 to its deletion"
            return self._wait(deletion, AzureWait.DELETION, subject, BETWEEN_LOOKS, step="deleting")
        error = await self._error_of(url) if presence is Presence.THERE and url is not None else None
        if error is not None:
            return await self._refused(deletion, CallFailure(FailureKind.REFUSED, code=error.code, message=error.message))
        return self._wait(deletion, AzureWait.DELETION, f"The restore point {deletion.point} has not been deleted", _LOOK)

    async def _error_of(self, url: str) -> Problem | None:
        """Return Azure's error of the long-running operation, None where it has none, or is no longer there."""
        try:
            return await self.gateway.error_of_operation(url)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise

    async def recording(self, deletion: DeletionClaim) -> Outcome:
        """Record the deletion in the ledger and in the answer of the copy."""
        if not await self._subject(deletion).has_ended(deletion):
            return Wait(self.clock.now() + BETWEEN_LOOKS)
        result = await self._subject(deletion).record(deletion, self.clock.now())
        crash_point("deletion.recorded")
        return End(Status.SUCCEEDED, result=result.as_json())


def deletion_workflow(steps: DeletionSteps) -> Workflow:
    """Return the workflow of a deletion."""
    return Workflow(
        steps={
            "deciding": step(steps.deciding),
            "deleting": step(steps.deleting),
            "ending": step(steps.ending),
            "recording": step(steps.recording),
        },
        on_finished=steps.trail.ended,
        subjects=_subjects,
    )


def _subjects(operation: Operation) -> Sequence[str]:
    """Return the ids of the restore point and of the VM, which belong to the operation's tenant."""
    request = stored_deletion(operation)
    return subjects_of(request.restore_point_id, request.virtual_machine_id)
