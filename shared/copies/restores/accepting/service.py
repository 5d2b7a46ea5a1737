"""Accepts restores, drills and clean-ups, for HTTP and queue alike."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.access.ownership import owner_of, require_still_owned
from shared.access.principal import not_found
from shared.access.registry import Registry
from shared.arm.failures import problem_of_call
from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.copying.service import copy_lock
from shared.copies.kinds import RESTORE
from shared.copies.restores.accepting.looking import Looked, Looking
from shared.copies.restores.accepting.sources import Sources, named_sources
from shared.copies.restores.request import RESOLVED, ResolvedSource, RestoreKind, RestoreRequest, StoredRestore, request_of, stored_of
from shared.copies.restores.rules.fields import problems_of
from shared.copies.restores.rules.groups import may_be_deleted
from shared.copies.restores.rules.names import SHOWN
from shared.copies.restores.rules.planning import machine_lock, place_of
from shared.copies.restores.state import CLEAN_UP, CLEANING, ResourceState, detail_of
from shared.copies.restores.trail import RestoreTrail
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused, as_seen_in_azure, refusal_of
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.model.models import Accepted, Actor, NewOperation, Operation
from shared.operations.model.rows import Active
from shared.values.sent import SentBody
from shared.web.documents import invalid

_READS_SECONDS = 4.5
"""Within the five seconds of an acceptance, as for copies."""


@dataclass(frozen=True, slots=True)
class StartRestore:
    """A request for a restore: `tenant` owns all that it names, `policy` and `policy_id` are of a drill by timer."""

    request: RestoreRequest
    sent: SentBody
    tenant: str
    actor: Actor
    key: str | None
    trace: str | None = None
    first_sent: str | None = None
    policy: str | None = None
    policy_id: str | None = None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a request would do now: its sources, and what Azure shows (None: it did not answer in time)."""

    sources: tuple[ResolvedSource, ...]
    looked: Looked | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Restores:
    """Accepts restores."""

    acceptance: Acceptance
    commands: Commands
    sources: Sources
    looking: Looking
    registry: Registry
    trail: RestoreTrail
    clock: Clock

    async def owner(self, request: RestoreRequest, reaches: Callable[[str], bool]) -> str:
        """Return the tenant that owns everything a request names; refuses with `InvalidRequest`, and `NotFound` for what is another's."""
        problems = problems_of(request)
        if problems:
            raise invalid(problems)
        tenant = await self.sources.tenant_of(request, reaches)
        for path, id_ in subjects_of(request):
            if await owner_of(self.registry, id_) != tenant:
                raise not_found(f"'{id_}'", target=path)
        return tenant

    async def start(self, start: StartRestore) -> Accepted:
        """Accept a restore, or find the one that this request became earlier.

        Raises `Refused` for what cannot be restored; what Azure does not answer within five seconds is left to the first step.
        """
        new = _new(start, ())
        known = await self.acceptance.known(new)
        if known is not None:
            return Accepted(known, created=False)
        sources = await self._sources(start)
        with as_seen_in_azure():
            await self._refuse(start, sources)
        new = _new(start, sources)
        accepted = await self.acceptance.accept(new)
        await self._record(accepted.operation, start)
        return accepted

    async def accept_drill(self, start: StartRestore) -> Accepted:
        """Accept a drill of a policy; the first step makes the checks, so that one which cannot be made is a result. Raises `Refused`."""
        known = await self.acceptance.known(_new(start, ()))
        if known is not None:
            return Accepted(known, created=False)
        accepted = await self.acceptance.accept(_new(start, await self._sources(start)))
        await self._record(accepted.operation, start)
        return accepted

    async def record_refused(self, start: StartRestore, refused: Refused) -> Accepted:
        """Accept a drill of a policy that cannot begin, as the record of it: its first step ends it as `Failed` with the refusal."""
        accepted = await self.acceptance.accept(_new(start, (), refused.problem))
        await self._record(accepted.operation, start)
        return accepted

    async def _record(self, operation: Operation, start: StartRestore) -> None:
        await self.trail.requested(operation, start.actor, start.sent, reason=start.request.reason, policy=start.policy)

    async def dry_run(self, start: StartRestore) -> DryRun:
        """Return what a request would do, by reads only."""
        sources = await self._sources(start)
        return DryRun(sources, await self._look(start, sources), self.clock.now())

    async def clean_up(self, restore: Operation, by: Actor) -> Operation:
        """Clean up a drill now, whichever step it is at, or what a failed restore has left; refuses with `NotADrill` and `AlreadyEnded`."""
        if not request_of(restore).drill:
            if restore.status.ended and remains_of(restore):
                await self.trail.clean_up(restore, by)
                return (await self.acceptance.accept(_clean_up_of(restore, by))).operation
            message = "The machines of a real restore are never deleted by Farshore. Only a drill is cleaned up."
            raise Refused(ErrorCode.NOT_A_DRILL, message, target=restore.id)
        await self.trail.clean_up(restore, by)
        return await self.commands.submit_input(restore, {CLEAN_UP: True}, _accepts_clean_up)

    async def _sources(self, start: StartRestore) -> tuple[ResolvedSource, ...]:
        sources = await self.sources.resolve(start.tenant, start.request)
        await require_still_owned(self.registry, start.tenant, named_sources(sources))
        return sources

    async def _refuse(self, start: StartRestore, sources: tuple[ResolvedSource, ...]) -> None:
        looked = await self._look(start, sources)
        if looked is not None and looked.problem is not None:
            raise refusal_of(looked.problem)

    async def _look(self, start: StartRestore, sources: tuple[ResolvedSource, ...]) -> Looked | None:
        try:
            async with asyncio.timeout(_READS_SECONDS):
                return await self.looking.look(start.tenant, start.request, sources, SHOWN)
        except TimeoutError:
            return None
        except CallFailure as failure:
            if failure.kind is FailureKind.REFUSED:
                raise refusal_of(problem_of_call(failure)) from failure
            return None


def remains_of(restore: Operation) -> bool:
    """Return whether a restore has left disks or interfaces of machines that it could not make."""
    return any(
        resource.state is ResourceState.MADE and may_be_deleted(machine, resource, drill=False)
        for machine in detail_of(restore).machines
        for resource in machine.resources
    )


def _clean_up_of(restore: Operation, by: Actor) -> NewOperation:
    """Return the operation that deletes what a restore has left; the same restore gives the same one."""
    stored = stored_of(restore).model_copy(update={"clean_up_of": restore.id})
    sent = {name: value for name, value in restore.body.items() if name not in {"id", "tenant"}}
    return NewOperation(
        kind=RESTORE.name,
        tenant=restore.tenant,
        key=f"{restore.id}/cleanUp",
        body={**sent, RESOLVED: stored.as_json()},
        actor=by,
        first_step=CLEANING,
        filters={"drill": "false"},
        compare_body=False,
    )


def subjects_of(request: RestoreRequest) -> Iterator[tuple[str, str]]:
    """Yield what a request names beside its sources: the path, and the ARM id."""
    if request.subscription_id is not None:
        yield "subscriptionId", f"/subscriptions/{request.subscription_id}"
    if request.network is not None:
        yield "network.subnetId", request.network.subnet_id
        if request.network.network_security_group_id is not None:
            yield "network.networkSecurityGroupId", request.network.network_security_group_id
    for number, machine in enumerate(request.machines):
        named = {
            "availabilitySetId": machine.availability_set_id,
            "subnetId": machine.subnet_id,
            "networkSecurityGroupId": machine.network_security_group_id,
            "disks.diskEncryptionSetId": machine.disks.disk_encryption_set_id,
        }
        for field, id_ in named.items():
            if id_ is not None:
                yield f"machines[{number}].{field}", id_


def _accepts_clean_up(row: Active) -> None:
    if row.step == "planning" and not row.started:
        raise Refused(ErrorCode.NOT_FINISHED, "Nothing has been made yet. Cancel the operation instead.", target=row.id)


def _new(start: StartRestore, sources: tuple[ResolvedSource, ...], refused: Problem | None = None) -> NewOperation:
    stored = StoredRestore(sources=sources, policy=start.policy, policy_id=start.policy_id, refused=refused)
    return NewOperation(
        kind=RESTORE.name,
        tenant=start.tenant,
        key=start.key,
        body={**start.sent.members, RESOLVED: stored.as_json()},
        compared=dict(start.sent.members),
        actor=start.actor,
        first_step="planning",
        filters=_filters(start, sources),
        locks=_locks(start.request, sources) if sources else (),
        trace=start.trace,
        first_sent=start.first_sent,
        compare_body=start.policy is None,
    )


def _locks(request: RestoreRequest, sources: tuple[ResolvedSource, ...]) -> tuple[str, ...]:
    """Return the locks of a restore: its copies until their disks are made, and the VMs whose names are given."""
    copies = {copy_lock(source.copy_id) for source in sources if source.copy_id is not None}
    named: set[str] = set()
    if request.kind is RestoreKind.VIRTUAL_MACHINE:
        place = place_of(request, sources[0].restore_point_id, "")
        vms = [place.resource("Microsoft.Compute", "virtualMachines", one.name) for one in request.machines if one.name is not None]
        named = {machine_lock(vm) for vm in vms}
    return tuple(sorted(copies | named))


def _filters(start: StartRestore, sources: tuple[ResolvedSource, ...]) -> dict[str, str]:
    filters = {"drill": "true" if start.request.drill else "false"}
    machines = {ResourceId.parse(one.virtual_machine_id).key for one in sources if one.virtual_machine_id is not None}
    if len(machines) == 1:
        filters["virtualMachineId"] = machines.pop()
    if start.policy is not None:
        filters["policy"] = start.policy.lower()
    return filters
