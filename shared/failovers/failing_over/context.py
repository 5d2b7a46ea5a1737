"""Reads what a plan is made of: the items, their recovery points, the vault's running jobs, the network, and the guard rails.

In a disaster much cannot be read: it stays unknown, and the checks show that. Only the scope itself must be read.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from shared.access.ownership import owner_of
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, region_of
from shared.clock import Clock
from shared.errors import CallFailure, FailureKind
from shared.failovers.failing_over.blast_radius import BlastRadius
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules.context import FailoverContext, GuardRails, Member
from shared.failovers.failing_over.rules.plans import USES_POINT
from shared.failovers.vault.facts import NetworkFacts, PlanFacts, ProtectedItemFacts, RecoveryPointFacts
from shared.failovers.vault.gateway import Json, SiteRecoveryGateway, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.names import Action
from shared.failovers.vault.owners import owner_of_plan
from shared.values.reading import same_text

T = TypeVar("T")
_DEFAULTS = GuardRails()


@dataclass(frozen=True, slots=True)
class ContextReader:
    """Reads worlds."""

    gateway: SiteRecoveryGateway
    registry: Registry
    moves: BlastRadius
    clock: Clock

    async def read(self, request: FailoverRequest, tenant: str, operation: str) -> FailoverContext:
        """Read the world of a request of a tenant. Raises `CallFailure` where the item or plan itself cannot be read."""
        scope = ResourceId.parse(request.scope.id)
        plan = PlanFacts.from_arm(await self._read_scope(scope)) if request.scope.is_plan else None
        owner = await owner_of_plan(self.registry, plan) if plan is not None else await owner_of(self.registry, scope)
        ids: Sequence[tuple[str, int | None]] = ((request.scope.id, None),)
        if plan is not None:
            ids = [member for member in plan.members if await owner_of(self.registry, member[0]) == tenant]
        members, jobs, moved, network, region, rails = await asyncio.gather(
            asyncio.gather(*(self._member(request, ResourceId.parse(item), group, tenant) for item, group in ids)),
            _unless_unread(self._jobs(vault_of(scope))),
            self.moves.recent(tenant, operation),
            self._network(request, tenant),
            self._region(vault_of(scope)),
            self.rails(tenant),
        )
        if plan is None and members[0] is None:
            raise CallFailure(FailureKind.IN_DOUBT, code="NotRead", message=f"{scope} could not be read")
        if await self.registry.is_shared(str(scope)):
            members = [_without_anothers_job(member, plan, jobs or ()) if member is not None else None for member in members]
        return FailoverContext(
            now=self.clock.now(),
            scope_id=request.scope.id,
            owned=owner == tenant,
            members=tuple(member for member in members if member is not None),
            plan=plan,
            strangers=len(plan.members) - len(ids) if plan is not None else 0,
            unread=tuple(item for (item, _), member in zip(ids, members, strict=True) if member is None),
            jobs=_concerning(jobs, plan, members),
            recently_moved=moved,
            network=network,
            vault_region=region,
            rails=rails,
        )

    async def _read_scope(self, scope: ResourceId) -> Json:
        """Read an item or a plan; NOT_FOUND only where the list of the vault does not show it either."""
        try:
            return await self.gateway.read(scope)
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND or await self._listed(scope) is None:
                raise
            message = f"{scope} was not found by its id, but the vault lists it. The read is retried."
            raise CallFailure(FailureKind.IN_DOUBT, code="NotRead", message=message) from failure

    async def _read_member(self, item: ResourceId) -> Json | None:
        """Read a member of a plan by its id, else from the list of the vault; None where neither shows it."""
        try:
            return await self.gateway.read(item)
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise
            return await self._listed(item)

    async def _listed(self, scope: ResourceId) -> Json | None:
        try:
            found = await self.gateway.children(vault_of(scope), scope.types[-1])
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise
        return next((body for body in found if id_key(own_id(body)) == scope.key), None)

    async def _jobs(self, vault: ResourceId) -> tuple[JobFacts, ...]:
        return tuple([JobFacts.from_arm(job) for job in await self.gateway.children(vault, "replicationJobs")])

    async def rails(self, tenant: str) -> GuardRails:
        """Return a tenant's guard rails: its settings in the registry, else the defaults."""
        known = await self.registry.by_name(tenant)
        if known is None:
            return _DEFAULTS
        settings = known.settings
        return GuardRails(
            untested_after=timedelta(days=settings.test_failover_max_age_days),
            blast_radius=settings.blast_radius,
            two_person=settings.two_person_rule,
        )

    async def _member(self, request: FailoverRequest, item: ResourceId, group: int | None, tenant: str) -> Member | None:
        if request.scope.is_plan:
            body = await _unless_unread(self._read_member(item))
        else:
            body = await self._read_scope(item)
        if body is None:
            return None
        owned = await owner_of(self.registry, item) == tenant
        points = await _unless_unread(self._points(item)) if request.action in USES_POINT else None
        return Member(ProtectedItemFacts.from_arm(body), owned, group, points)

    async def _points(self, item: ResourceId) -> tuple[RecoveryPointFacts, ...]:
        return tuple(RecoveryPointFacts.from_arm(point) for point in await self.gateway.children(item, "recoveryPoints"))

    async def _network(self, request: FailoverRequest, tenant: str) -> NetworkFacts | None:
        if request.action is not Action.TEST_FAILOVER or request.options.network is None:
            return None
        network = ResourceId.parse(request.options.network)
        try:
            found: Json | None = await self.gateway.network(network)
        except CallFailure:
            return NetworkFacts(str(network), exists=None)
        region = region_of(found or {})
        owner = await owner_of(self.registry, network)
        return NetworkFacts(str(network), exists=found is not None, region=region or None, owned=None if owner is None else owner == tenant)

    async def _region(self, vault: ResourceId) -> str | None:
        body = await _unless_unread(self.gateway.vault(vault))
        return region_of(body or {}) or None


def _concerning(jobs: Sequence[JobFacts] | None, plan: PlanFacts | None, members: Sequence[Member | None]) -> tuple[JobFacts, ...] | None:
    """Return the jobs that have not ended, and those that the scenario of the plan or of a member names; None where they were not read."""
    if jobs is None:
        return None
    scenarios = [plan.scenario if plan is not None else None, *(member.item.scenario for member in members if member is not None)]
    named = {scenario.job.lower() for scenario in scenarios if scenario is not None}
    return tuple(job for job in jobs if not job.state.ended or job.name.lower() in named)


def _without_anothers_job(member: Member, plan: PlanFacts | None, jobs: Sequence[JobFacts]) -> Member:
    """Leave out which job keeps an item busy where it works on something else, which may be another's: a plan that the item is in too."""
    item, busy = member.item, member.item.scenario
    if busy is None:
        return member
    for job in jobs:
        of_plan = plan is not None and job.works_on(plan.name, plan.friendly_name, is_plan=True)
        if same_text(job.name, busy.job) and (of_plan or job.works_on(item.name, item.friendly_name, is_plan=False)):
            return member
    return replace(member, item=replace(member.item, scenario=replace(busy, job="")))


async def _unless_unread(read: Awaitable[T]) -> T | None:
    try:
        return await read
    except CallFailure:
        return None
