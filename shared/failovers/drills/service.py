"""Drills: policies as callers manage them, and the timer's round that starts what is due and sees to the cleanup.

A drill is a failover operation (`TestFailover`, then its cleanup) under the key of its policy, slot and scope: started twice, it is one
operation. Where it ended without a cleanup, each round reads the item and starts a cleanup until nothing is left to clean up.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from shared.access.ownership import owner_of
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, Problem, Refused
from shared.failovers.drills import rules
from shared.failovers.drills.models import (
    DrillPolicyBody,
    DrillPolicyRequest,
    DrillReport,
    DrillRunBody,
    DrillScope,
    KeptPolicy,
    KeptRun,
    Late,
    kept_at,
)
from shared.failovers.drills.store import DrillStore
from shared.failovers.failing_over import views
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.service import Failovers, StartFailover
from shared.failovers.policies import PolicyStore, require_visible, run_each, stored_name
from shared.failovers.set_up.reads import ListedReads
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts
from shared.failovers.vault.gateway import Json, SiteRecoveryGateway, is_plan
from shared.failovers.vault.inventory import asked
from shared.failovers.vault.listing import Vault
from shared.failovers.vault.names import Action, AllowedOperation
from shared.failovers.vault.owners import owner_of_plan
from shared.operations.model.models import Accepted, Actor, Operation, Status
from shared.operations.model.store import Store
from shared.schedules.catching_up import is_late
from shared.values.absence import not_shown
from shared.values.durations import duration_text
from shared.values.sent import SentBody

_log = logging.getLogger(__name__)
_NOUN = "drill policy"
_REPORTED = 500


@dataclass(frozen=True, slots=True)
class Drills:
    """Manages drill policies and starts their drills."""

    policies: PolicyStore[KeptPolicy]
    kept: DrillStore
    failovers: Failovers
    gateway: SiteRecoveryGateway
    operations: Store
    clock: Clock
    registry: Registry

    async def put(self, vault: Vault, name: str, request: DrillPolicyRequest) -> DrillPolicyBody:
        """Create or change a policy of the tenant that owns its items and plans.

        Raises `Refused` (InvalidRequest for an item or plan that the vault does not have, NotFound for another tenant's policy) and
        `CallFailure`.
        """
        tenant = await self._owner_of_scopes(vault, request)
        before = await self.policies.get(str(vault.id), name)
        first_at = before.first_at if before is not None and not before.deleted else kept_at(self.clock.now())
        policy = KeptPolicy(
            name=stored_name(before, name, tenant, _NOUN),
            tenant=tenant,
            vault_id=str(vault.id),
            request=request,
            first_at=request.first_at or first_at,
        )
        await self.policies.keep(policy)
        return await self._body(policy)

    async def get(self, vault: Vault, name: str) -> DrillPolicyBody:
        """Return a policy; raises `Refused` (NotFound)."""
        return await self._body(await self._find(vault, name))

    async def all(self, vault: Vault) -> list[DrillPolicyBody]:
        """Return the policies of a vault, by name."""
        own = [policy for policy in await self.policies.of_vault(vault.id) if not policy.deleted and vault.sees(policy.tenant)]
        return [await self._body(policy) for policy in own]

    async def delete(self, vault: Vault, name: str) -> None:
        """Delete a policy; its started drills are still cleaned up. Raises `Refused` (NotFound)."""
        policy = await self._find(vault, name)
        await self.policies.keep(policy.model_copy(update={"deleted": True}))

    async def report(self, vault: Vault, name: str) -> DrillReport:
        """Return the report on a policy's drills; raises `Refused` (NotFound)."""
        policy = await self._find(vault, name)
        runs = await self.kept.runs(policy, _REPORTED)
        return DrillReport(
            policy=policy.name,
            generated_at=self.clock.now(),
            succeeded=sum(run.status is Status.SUCCEEDED for run in runs),
            failed=sum(run.status is Status.FAILED for run in runs),
            scopes=self._states(policy, runs),
            value=tuple(_run_body(run) for run in runs),
        )

    async def drill_now(self, vault: Vault, name: str) -> list[DrillRunBody]:
        """Start a drill of every item and plan of a policy, beside its schedule; raises `Refused` (NotFound)."""
        policy = await self._find(vault, name)
        slot = kept_at(self.clock.now())
        runs = [await self._begin(policy, scope, slot) for scope in _rule(policy).scopes]
        return [_run_body(run) for run in runs if run is not None]

    async def run(self) -> None:
        """Run every policy; one that fails does not stop the others, and the next round retries it."""
        await run_each(self.policies, self._round, "drill policy")

    async def _round(self, policy: KeptPolicy) -> None:
        open_runs = await self.kept.open(policy)
        settled = [await self._settle(policy, run) for run in open_runs]
        if policy.deleted:
            if all(run.settled for run in settled):
                await self.policies.forget(policy)
            return
        if not policy.request.enabled:
            return
        rule, now = _rule(policy), self.clock.now()
        slot = rules.slot_at(rule, now)
        if slot is None:
            return
        for scope in rules.due(rule, [_drilled(run) for run in await self.kept.since(policy, slot)], now):
            if policy.request.late is Late.SKIP and is_late(slot, now):
                message = "It could not start within an hour of its slot, and the policy has late: Skip."
                skipped = KeptRun(scope=scope, slot=slot, status=Status.CANCELED, cleaned_up=True, settled=True)
                problem = Problem(ErrorCode.DRILL_SKIPPED, message)
                await self.kept.begin(policy, skipped.model_copy(update={"error": problem}))
            else:
                await self._begin(policy, scope, slot)

    async def _begin(self, policy: KeptPolicy, scope: str, slot: datetime) -> KeptRun | None:
        """Begin one drill and note it; a refusal is a result too. Busy scopes are left for the next round."""
        run = await self._try(policy, KeptRun(scope=scope, slot=slot, started_at=self.clock.now()))
        if run is not None:
            await self.kept.begin(policy, run)
        return run

    async def _try(self, policy: KeptPolicy, run: KeptRun) -> KeptRun | None:
        """Start the failover of a drill and return the run after that; None where its scope is busy.

        A scope that Azure does not show is tried again in later rounds; the drill fails once the scope was absent for long enough.
        """
        sent = SentBody(
            {
                "scope": _scope(run.scope),
                "action": Action.TEST_FAILOVER.value,
                "options": {"network": policy.request.network},
                "thenCleanup": {"after": duration_text(policy.request.keep_for)} if policy.request.keep_for else True,
            }
        )
        try:
            accepted = await self._start(policy, sent, rules.slot_key(_rule(policy), run.slot, run.scope))
        except Refused as refused:
            if refused.code in {ErrorCode.SCOPE_BUSY, ErrorCode.TOO_MANY_REQUESTS, ErrorCode.SERVICE_UNAVAILABLE}:
                return None
            if refused.code in {ErrorCode.NOT_FOUND, ErrorCode.SOURCE_NOT_FOUND}:
                absence = not_shown(run.absent, self.clock.now())
                if not absence.lasts_long_enough(self.clock.now()):
                    return run.model_copy(update={"absent": absence})
            ended = {"status": Status.FAILED, "cleaned_up": True, "settled": True, "completed_at": self.clock.now(), "absent": None}
            return run.model_copy(update={**ended, "error": refused.problem})
        return run.model_copy(update={"operation": accepted.operation.id, "absent": None})

    async def _start(self, policy: KeptPolicy, sent: SentBody, key: str) -> Accepted:
        actor = Actor("system", f"drill policy {policy.name}", policy.name)
        request = FailoverRequest.model_validate(sent.members)
        return await self.failovers.start(StartFailover(request, sent, policy.tenant, actor, key, compare_body=False))

    async def _settle(self, policy: KeptPolicy, run: KeptRun) -> KeptRun:
        """Note the state of a drill, and begin its cleanup where that is needed."""
        if run.operation is None:
            return await self._try_again(policy, run)
        found = await self.operations.get(run.cleanup or run.operation)
        if found is None or not found.status.ended:
            return run
        after = run if run.cleanup else _ended(run, found)
        if not after.cleaned_up:
            after = await self._clean_up(policy, after)
        if after.cleaned_up:
            after = after.model_copy(update={"settled": True})
        await self.kept.change(policy, after)
        return after

    async def _try_again(self, policy: KeptPolicy, run: KeptRun) -> KeptRun:
        """Start a drill whose scope was absent; of a deleted policy it is canceled."""
        if policy.deleted:
            after: KeptRun | None = run.model_copy(update={"status": Status.CANCELED, "cleaned_up": True, "settled": True, "absent": None})
        else:
            after = await self._try(policy, run)
        if after is None:
            return run
        await self.kept.change(policy, after)
        return after

    async def _clean_up(self, policy: KeptPolicy, run: KeptRun) -> KeptRun:
        """Begin the cleanup of a drill, or note that nothing is left; one look that shows nothing to clean up is not enough."""
        needed = await self._needs_cleanup(ResourceId.parse(run.scope))
        if needed is None:
            return run
        if not needed:
            absence = not_shown(run.absent, self.clock.now())
            if absence.lasts_long_enough(self.clock.now()):
                return run.model_copy(update={"cleaned_up": True, "absent": None})
            return run.model_copy(update={"absent": absence})
        run = run.model_copy(update={"absent": None})
        key = f"{rules.slot_key(_rule(policy), run.slot, run.scope)}@cleanup/{run.tries + 1}"
        try:
            accepted = await self._start(policy, SentBody({"scope": _scope(run.scope), "action": Action.TEST_FAILOVER_CLEANUP.value}), key)
        except Refused as refused:
            about = {"operation": run.operation or "", "tenant": policy.tenant}
            _log.warning("the cleanup of the drill of %s was refused: %s; the next round retries it", run.scope, refused, extra=about)
            return run
        return run.model_copy(update={"cleanup": accepted.operation.id, "tries": run.tries + 1})

    async def _needs_cleanup(self, scope: ResourceId) -> bool | None:
        """Return whether Azure offers the cleanup of a test failover; None where it is not known or the scope is busy."""
        try:
            body = await ListedReads(self.gateway).find(scope)
        except CallFailure:
            return None
        if body is None:
            return False
        facts = PlanFacts.from_arm(body) if is_plan(scope) else ProtectedItemFacts.from_arm(body)
        if facts.allowed_operations is None:
            return None
        if AllowedOperation.TEST_FAILOVER_CLEANUP in facts.allowed_operations:
            return True
        return None if facts.scenario is not None and facts.scenario.occupies(()) else False

    async def _find(self, vault: Vault, name: str) -> KeptPolicy:
        found = await self.policies.get(str(vault.id), name)
        return require_visible(None if found is not None and found.deleted else found, vault, name, _NOUN)

    async def _owner_of_scopes(self, vault: Vault, request: DrillPolicyRequest) -> str:
        """Return the owner of the items and plans of a policy; those that its author may not know count as absent."""
        owners: set[str | None] = set()
        named = (("protectedItemIds", request.protected_item_ids, "replicationProtectedItems", "protected item"),
                 ("recoveryPlanIds", request.recovery_plan_ids, "replicationRecoveryPlans", "recovery plan"))  # fmt: skip
        for field, ids, kind, what in named:
            known = {id_key(own_id(body)): body for body in await asked(self.gateway.children(vault.id, kind))} if ids else {}
            for number, one in enumerate(ids):
                body = known.get(id_key(one))
                owner = await self._owner(body) if body is not None else None
                owners.add(owner)
                if not vault.sees(owner):
                    at = f"{field}[{number}]"
                    problem = Problem(ErrorCode.INVALID_REQUEST, f"The vault has no {what} {one}.", at)
                    refusal = Refused(ErrorCode.INVALID_REQUEST, problem.message, target=at, details=(problem,))
                    refusal.may_pass = body is None  # a list may leave out for a while what exists
                    raise refusal
        if len(owners) > 1:
            raise Refused(ErrorCode.INVALID_REQUEST, "The items and plans belong to several tenants. Create a policy for each tenant.")
        return owners.pop() or vault.owner

    async def _owner(self, body: Json) -> str | None:
        scope = ResourceId.parse(own_id(body))
        return await (owner_of_plan(self.registry, PlanFacts.from_arm(body)) if is_plan(scope) else owner_of(self.registry, scope))

    async def _body(self, policy: KeptPolicy) -> DrillPolicyBody:
        rule, now = _rule(policy), self.clock.now()
        request = policy.request
        return DrillPolicyBody(
            name=policy.name,
            tenant=policy.tenant,
            vault_id=policy.vault_id,
            protected_item_ids=request.protected_item_ids,
            recovery_plan_ids=request.recovery_plan_ids,
            every=request.every,
            network=request.network,
            first_at=policy.first_at,
            keep_for=request.keep_for,
            late=request.late,
            enabled=request.enabled,
            next_slot=rules.next_slot(rule, now) if request.enabled else None,
            scopes=self._states(policy, await self.kept.runs(policy, _REPORTED)),
        )

    def _states(self, policy: KeptPolicy, runs: list[KeptRun]) -> tuple[DrillScope, ...]:
        found = rules.states(_rule(policy), [_drilled(run) for run in runs], self.clock.now())
        return tuple(
            DrillScope(
                scope=one.scope,
                last_success=one.last_success,
                last_status=one.last_status,
                never=one.never,
                overdue=one.overdue,
                to_clean_up=one.to_clean_up,
            )
            for one in found
        )


def _rule(policy: KeptPolicy) -> rules.DrillPolicy:
    request = policy.request
    return rules.DrillPolicy(policy.name, request.scopes, request.every, policy.first_at, request.network, request.keep_for)


def _drilled(run: KeptRun) -> rules.DrillRun:
    return rules.DrillRun(run.scope, run.slot, run.status, run.cleaned_up)


def _scope(scope: str) -> dict[str, str]:
    return {"recoveryPlanId" if is_plan(ResourceId.parse(scope)) else "protectedItemId": scope}


def _ended(run: KeptRun, operation: Operation) -> KeptRun:
    """Return a run with the end of its failover: the drill has the status of its test, whatever became of the cleanup."""
    failover = views.failover_of(operation)
    legs = {leg.action: leg.status for leg in failover.legs}
    tested = legs.get(Action.TEST_FAILOVER, operation.status)
    status = tested if tested.ended else Status.FAILED
    cleaned = legs.get(Action.TEST_FAILOVER_CLEANUP) is Status.SUCCEEDED
    return run.model_copy(
        update={
            "status": status,
            "cleaned_up": cleaned,
            "items": failover.protected_item_ids,
            "completed_at": operation.completed_at,
            "point_age": failover.recovery_point.age_seconds if failover.recovery_point is not None else None,
            "error": operation.error,
        }
    )


def _run_body(run: KeptRun) -> DrillRunBody:
    return DrillRunBody(
        scope=run.scope,
        slot=run.slot,
        status=run.status,
        failover_id=run.operation,
        items=run.items,
        cleaned_up=run.cleaned_up,
        started_at=run.started_at,
        completed_at=run.completed_at,
        recovery_point_age_seconds=run.point_age,
        error=run.error,
    )
