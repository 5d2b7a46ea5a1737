"""The set-up as entry points call it: accept a change once, after the checks that are possible now; resolve it (docs/design/http.md)."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Refused, as_seen_in_azure, azure_code, sentence
from shared.failovers.scopes import lock_names
from shared.failovers.set_up.ownership import Ownership
from shared.failovers.set_up.planning import Planner
from shared.failovers.set_up.reads import ListedReads
from shared.failovers.set_up.state import SetUpChange, SetUpDetail, SetUpInput, WriteState, change_of, lost_writes
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.resolving import Resolution, ResolvedAs, not_in_doubt
from shared.operations.model.models import Accepted, Actor, NewOperation, Operation
from shared.operations.model.rows import Active
from shared.values.reading import last_segment

T = TypeVar("T")
_READS_SECONDS = 2.5
_FOLLOWS = "following"


@dataclass(frozen=True, slots=True)
class StartSetUp:
    """A change with its caller: `owner` is the tenant for which it is requested, `key` the repeatability key.

    `everything` is true for a caller that reaches every tenant's resources in the vault. `compare_body` is false where the key alone
    identifies the change, such as the key of a policy and a machine.
    """

    wanted: SetUpChange
    owner: str
    actor: Actor
    key: str | None
    trace: str | None = None
    everything: bool = False
    compare_body: bool = True
    first_sent: str | None = None


@dataclass(frozen=True, slots=True)
class SetUp:
    """Accepts changes of a vault's set-up."""

    acceptance: Acceptance
    planner: Planner
    ownership: Ownership
    locks: Locks
    commands: Commands
    gateway: SiteRecoveryGateway
    clock: Clock

    async def start(self, asked: StartSetUp) -> Accepted:
        """Accept a change, or find the operation that this request became earlier.

        Raises `Refused` for what is known to be impossible (ScopeBusy, NotFound, ActionNotAllowed, InvalidRequest with the field …); the
        first step checks what Azure does not answer within five seconds. Raises `CallFailure` where the owner cannot be read.
        """
        with as_seen_in_azure():
            wanted, owner = await self.ownership.confine(asked.wanted, asked.owner, everything=asked.everything)
        asked = replace(asked, wanted=wanted, owner=owner)
        new = NewOperation(
            kind=asked.wanted.kind.value,
            tenant=asked.owner,
            key=asked.key,
            body=dict(asked.wanted.stored().members),
            actor=asked.actor,
            first_step="preparing",
            trace=asked.trace,
            compare_body=asked.compare_body,
            first_sent=asked.first_sent,
        )
        known = await self.acceptance.known(new)
        if known is not None:
            return Accepted(known, created=False)
        scopes = await self._in_time(self.planner.scopes(asked.wanted)) or asked.wanted.known_scopes()
        # locks with the same id are left by an earlier attempt that ended before it was accepted
        busy = await self.locks.holder(lock_names(*scopes), self.acceptance.store.id_for(new))
        if busy is not None:
            raise Refused(
                ErrorCode.SCOPE_BUSY, f"Operation {busy.owner} works on the same resource. Wait until it has ended.", target=busy.owner
            )
        writes = await self._in_time(self.planner.writes(asked.wanted)) or []
        return await self.acceptance.accept(replace(new, locks=lock_names(*scopes, *(write.scope for write in writes))))

    async def resolve(self, operation: Operation, resolution: Resolution, by: Actor) -> Operation:
        """Resolve a change whose jobs the vault does not show. Raises `Refused` (NotInDoubt, InvalidRequest).

        With a job, the first of its writes follows that job. Without one, `started` counts the writes as made where the vault shows so,
        `notStarted` as failed.
        """
        row, now = await self.commands.store.active(operation.id), self.clock.now()
        lost = lost_writes(SetUpDetail.of(operation.detail).writes or (), now)
        if row is None or row.step != _FOLLOWS or not lost:
            raise not_in_doubt(operation, "change")
        if resolution.job:
            vault = change_of(operation).vault
            resolution = replace(resolution, job=await self._named(vault, resolution.job))
        elif resolution.outcome is ResolvedAs.STARTED:
            await self._require_made(lost)

        def guard(row: Active) -> None:
            if row.step != _FOLLOWS:
                raise not_in_doubt(operation, "change")

        return await self.commands.submit_input(operation, SetUpInput.of(resolution, by).stored(), guard)

    async def _named(self, vault: ResourceId, job: str) -> str:
        """Return the name of a job of the vault; raises `Refused` where the vault has no such job."""
        name = last_segment(job)
        try:
            body = await ListedReads(self.gateway).find(vault.child("replicationJobs", name))
        except ValueError as wrong:
            raise Refused(ErrorCode.INVALID_REQUEST, sentence(str(wrong)), target="jobId") from None
        if body is None:
            raise Refused(ErrorCode.INVALID_REQUEST, f"Job '{name}' was not found in the vault. GET /jobs lists its jobs.", target="jobId")
        return name

    async def _require_made(self, writes: list[WriteState]) -> None:
        """Raise `Refused` unless the vault shows what each write was to make, and no longer what it was to remove."""
        for write in writes:
            there = await ListedReads(self.gateway).find(ResourceId.parse(write.path)) is not None
            if there == write.removes:
                seen = "still in the vault" if there else "not in the vault"
                message = f"{write.path} is {seen}: resolve it as notStarted, or name its job in jobId."
                raise Refused(ErrorCode.INVALID_REQUEST, message, target="outcome")

    async def _in_time(self, read: Coroutine[object, object, T]) -> T | None:
        try:
            with as_seen_in_azure():
                async with asyncio.timeout(_READS_SECONDS):
                    return await read
        except TimeoutError:
            return None
        except CallFailure as failure:
            if failure.kind is FailureKind.REFUSED:
                message = f"Azure refused a read that the change needs: {failure.message}"
                raise Refused(azure_code(failure), message, details=(failure.problem,)) from failure
            return None
