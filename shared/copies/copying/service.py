"""Starts, cancels and redoes copies, for HTTP and queue alike."""

import asyncio
from dataclasses import dataclass, replace

from shared.access.ownership import require_still_owned
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.copies.copying import admission
from shared.copies.copying.models import ORIGIN, CopyOrigin, CopyRequest, origin_of, sent_of
from shared.copies.copying.rules.chain import ChainHead, moved_on
from shared.copies.copying.rules.failures import azure_problem
from shared.copies.copying.rules.naming import chain_key
from shared.copies.copying.state import CopyDetail
from shared.copies.copying.waiting.chains import Chains
from shared.copies.copying.workflow import chain_moved_on
from shared.copies.facts import machine_of_point
from shared.copies.gateway import RestorePointGateway
from shared.copies.kinds import COPY
from shared.copies.ledger import Ledger
from shared.errors import CallFailure, ErrorCode, FailureKind, Refused, as_seen_in_azure, azure_code
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Accepted, Actor, JsonObject, NewOperation, Operation, Status
from shared.values.sent import SentBody

_READS_SECONDS = 4.5
"""Within the five seconds of docs/design/http.md, and before Node servers, such as Azurite, close connections that idled for five."""


@dataclass(frozen=True, slots=True)
class StartCopy:
    """A request for a copy: `owner` is the tenant that owns the source, `key` the repeatability key."""

    request: CopyRequest
    sent: SentBody
    owner: str
    actor: Actor
    key: str | None
    trace: str | None = None
    replaces: str | None = None
    first_sent: str | None = None
    origin: CopyOrigin | None = None


@dataclass(frozen=True, slots=True)
class Copies:
    """Starts, cancels and redoes copies."""

    acceptance: Acceptance
    commands: Commands
    gateway: RestorePointGateway
    chains: Chains
    ledger: Ledger
    registry: Registry
    locks: Locks

    async def start(self, start: StartCopy) -> Accepted:
        """Accept a copy, or find the one that this request became earlier.

        Raises `Refused` for what Azure would refuse; what Azure does not answer within five seconds is left to the first step.
        """
        new = NewOperation(
            kind=COPY.name,
            tenant=start.owner,
            key=start.key,
            body=_stored(start.sent, start.origin),
            actor=start.actor,
            first_step="preparing",
            data={"replaces": start.replaces} if start.replaces else {},
            filters=_filters(start.request, None, start.origin),
            trace=start.trace,
            first_sent=start.first_sent,
        )
        known = await self.acceptance.known(new)
        if known is not None:
            return Accepted(known, created=False)
        if start.replaces is not None:
            await require_still_owned(self.registry, start.owner, owned_ids(start.request))
        with as_seen_in_azure():
            seen = await self._look(start.request)
        new = replace(new, filters=_filters(start.request, seen, start.origin))
        if start.request.source.restore_point_id is None:
            return await self.acceptance.accept(new)
        point, region = admission.source_id(start.request), start.request.target.region
        key = chain_key(*admission.collections(start.request))
        taken_at = seen.point.taken_at if seen is not None and seen.point is not None else None
        vm = machine_of_point(seen.point) if seen is not None and seen.point is not None else None

        async def claim(operation: str) -> None:
            await self.ledger.claim(point, region, operation, replaces=start.replaces, vm=vm)
            await self._refuse_deleted(start.replaces, point)
            await self.chains.join(key, operation, taken_at, first=True)

        async def unclaim(operation: str) -> None:
            await self.chains.leave(await self.chains.read(key), operation, taken_at)
            await self.ledger.unclaim(point, region, operation, vm)

        return await self.acceptance.accept(replace(new, data={**new.data, "chain": key}), claim=claim, unclaim=unclaim)

    async def _refuse_deleted(self, replaces: str | None, point: ResourceId) -> None:
        """Refuse with `ScopeBusy` a copy of a restore point that is being deleted, and a redo of a copy that is.

        The deletion in turn looks for copies of it.
        """
        held = await self.locks.holder([point_lock(point), *([copy_lock(replaces)] if replaces is not None else [])])
        if held is not None:
            message = f"Operation {held.owner} is deleting the restore point, or what the copy has left. Wait until it has ended."
            raise Refused(ErrorCode.SCOPE_BUSY, message, target=held.owner)

    async def _look(self, request: CopyRequest) -> admission.SourceSnapshot | None:
        """Refuse what Azure would refuse; return None where Azure does not answer in time."""
        try:
            async with asyncio.timeout(_READS_SECONDS):
                seen, head = await asyncio.gather(admission.look(self.gateway, request), self._head(request))
        except TimeoutError:
            return None
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                raise admission.not_found(request) from failure
            if failure.kind is FailureKind.REFUSED:
                problem = azure_problem(failure.problem, azure_code(failure))
                raise Refused(azure_code(failure), problem.message, target="source", details=problem.details) from failure
            return None
        admission.refuse(request, seen)
        moved = moved_on(head, seen.point.taken_at) if seen.point is not None and seen.point.taken_at is not None else None
        if moved is not None:
            raise chain_moved_on(moved)
        return seen

    async def _head(self, request: CopyRequest) -> ChainHead:
        """Read the chain's head, where the request names a restore point: one of a VM that is yet to be made is the newest of all."""
        if request.source.restore_point_id is None:
            return ChainHead()
        return await self.chains.head(chain_key(*admission.collections(request)))

    async def cancel(self, operation: Operation, by: Actor) -> Operation:
        """Cancel a copy before it has started in Azure; raises `Refused` (AlreadyStarted, AlreadyEnded)."""
        return await self.commands.cancel(operation, by)

    async def redo(self, operation: Operation, actor: Actor, key: str | None, first_sent: str | None = None) -> Accepted:
        """Copy again what a failed copy was of, as a new operation; raises `Refused` (NotFailed, OwnerChanged and those of `start`)."""
        if operation.status not in {Status.FAILED, Status.CANCELED}:
            raise Refused(ErrorCode.NOT_FAILED, f"Only a copy that failed or was canceled can be redone; this one is {operation.status}.")
        sent = same_again(operation)
        request, origin = CopyRequest.model_validate(sent.members), origin_of(operation)
        start = StartCopy(request, sent, operation.tenant, actor, key, replaces=operation.id, first_sent=first_sent, origin=origin)
        return await self.start(start)


def copy_lock(copy: str) -> str:
    """Return the lock of a copy, which its deletion holds."""
    return f"copy|{copy}"


def point_lock(point: ResourceId) -> str:
    """Return the lock of a restore point of a VM, which its deletion holds."""
    return f"point|{point.key}"


def owned_ids(request: CopyRequest) -> tuple[ResourceId, ...]:
    """Return the ids of what a copy touches, all of which must be one tenant's: its source and its target collection."""
    return (admission.source_id(request), admission.collections(request)[1])


def same_again(operation: Operation) -> SentBody:
    """Return the request of a redo: the same restore point, where the copy of a VM has finished creating one."""
    source = CopyDetail.of(operation.detail).source
    point = source.restore_point_id if source is not None and source.taken_at is not None else None
    sent = sent_of(operation)
    return SentBody({**sent.members, "source": {"restorePointId": point}}) if point else sent


def new_of_run(request: CopyRequest, origin: CopyOrigin, owner: str, actor: Actor, key: str) -> NewOperation:
    """Return the copy of a run that is to be accepted; the same key gives the same copy."""
    return NewOperation(
        kind=COPY.name,
        tenant=owner,
        key=key,
        body=_stored(SentBody(request.model_dump(mode="json", by_alias=True, exclude_none=True)), origin),
        actor=actor,
        first_step="preparing",
        filters=_filters(request, None, origin),
        compare_body=False,
    )


def _stored(sent: SentBody, origin: CopyOrigin | None) -> JsonObject:
    return {**sent.members, **({ORIGIN: origin.as_json()} if origin is not None else {})}


def _filters(request: CopyRequest, seen: admission.SourceSnapshot | None, origin: CopyOrigin | None) -> dict[str, str]:
    filters = {"region": request.target.region, "usable": "false"}
    if origin is not None:
        filters |= {"policy": origin.policy.lower(), "run": origin.run}
    vm = request.source.virtual_machine_id
    if seen is not None and seen.point is not None:
        vm = seen.point.virtual_machine_id
    if vm:
        filters["virtualMachineId"] = ResourceId.parse(vm).key
    return filters
