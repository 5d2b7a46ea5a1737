"""Making a plan, and its hash: what a person approves (docs/design/failovers.md, "Plan")."""

import hashlib
from dataclasses import dataclass
from typing import Any

from shared.arm.reading import id_key
from shared.failovers.failing_over.answers import Plan, PlanMember
from shared.failovers.failing_over.requests import FailoverOptions, FailoverRequest, FailoverScope
from shared.failovers.failing_over.rules.allowed import allowed_actions, reprotecting
from shared.failovers.failing_over.rules.checks import run_checks
from shared.failovers.failing_over.rules.context import FailoverContext, Member
from shared.failovers.failing_over.rules.points import Chosen, choose
from shared.failovers.vault.answers import RecoveryPoint
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.names import Action, Approval, WindowEnd
from shared.values.canonical import canonical

USES_POINT = frozenset({Action.TEST_FAILOVER, Action.PLANNED_FAILOVER, Action.UNPLANNED_FAILOVER, Action.APPLY_RECOVERY_POINT})


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what does not show in it: the recovery point of each member by its key, and what is allowed now."""

    plan: Plan
    chosen: dict[str, Chosen]
    allowed: tuple[Action, ...]


def make_plan(request: FailoverRequest, context: FailoverContext) -> Planned:
    """Plan a request in the context as it was read."""
    chosen = {member.item.key: _chosen(request, member) for member in context.members}
    checks = run_checks(request, context, chosen)
    members = tuple(_member(member, chosen[member.item.key]) for member in sorted(context.members, key=_order))
    legs = legs_of(request, tuple(member.item for member in context.members))
    approval = approval_for(request.action, two_person=context.rails.two_person)
    plan = Plan(hash="", action=request.action, scope=request.scope.as_json(), members=members, checks=checks, legs=legs, approval=approval)
    return Planned(plan.model_copy(update={"hash": plan_hash(plan, request)}), chosen, allowed_actions(context.subject))


def legs_of(request: FailoverRequest, items: tuple[ProtectedItemFacts, ...]) -> tuple[Action, ...]:
    """Return what a request does, one after another: the action itself, then what it asked to go on with.

    A commit window that ends with an alert has no commit of its own: a person's approval adds it.
    """
    legs = [request.action]
    if request.then_cleanup is not None:
        legs.append(Action.TEST_FAILOVER_CLEANUP)
    if request.then_commit or (request.commit_window is not None and request.commit_window.then is WindowEnd.COMMIT):
        legs.append(Action.COMMIT)
    if request.then_reprotect:
        providers = {item.provider for item in items}
        legs.append(reprotecting(request.action, providers, is_plan=request.scope.is_plan))
    return tuple(legs)


def for_leg(request: FailoverRequest, action: Action, scope: FailoverScope | None = None) -> FailoverRequest:
    """Return the request of which a later leg is guarded, as if it had been asked alone: the same reason and what it accepts, no options.

    `scope` is where the item lives by then, if its ARM id has changed. The first leg is the request itself.
    """
    alone = {"options": FailoverOptions(), "commit_window": None, "then_commit": False, "then_reprotect": False, "then_cleanup": None}
    return request.model_copy(update={**alone, "action": action, "accept_untested": False, "scope": scope or request.scope})


def approval_for(action: Action, *, two_person: bool) -> Approval:
    """Return whether a second person must approve: everything but tests, where the tenant requires it."""
    return Approval.REQUIRED if two_person and not action.is_test else Approval.NONE


def plan_hash(plan: Plan, request: FailoverRequest) -> str:
    """Return the SHA-256, in hexadecimal, of all that a person would want to know had changed.

    That is the scope, the members with their groups, the action, what follows it, the options in effect (a recovery point by its id only
    where it is given so), and the result of each check without its message, which names ages. The order of members and checks is ignored.
    """
    body = {
        "scope": {name: _key(value) for name, value in plan.scope.items()},
        "action": plan.action,
        "legs": list(plan.legs),
        "approval": plan.approval,
        "options": _effective_options(request.action, request.options),
        "follows": _follows(request),
        "members": sorted([_key(member.protected_item_id), member.group] for member in plan.members),
        "checks": sorted([check.name, _key(check.target), check.result] for check in plan.checks),
    }
    return hashlib.sha256(canonical(body)).hexdigest()


def _effective_options(action: Action, options: FailoverOptions) -> dict[str, Any]:
    """Return the options in effect for an action, defaults included, ids in the form that they are compared by."""
    found: dict[str, Any] = {}
    if action in USES_POINT:
        point = options.effective_point
        found["recoveryPoint"] = {"id": _key(point.id)} if point.id is not None else point.model_dump(mode="json")
    if action is Action.TEST_FAILOVER:
        found["network"] = _key(options.network) if options.network is not None else None
    if action is Action.UNPLANNED_FAILOVER:
        found["sourceSiteOperations"] = options.source_site_operations or "Required"
    if action is Action.FAILBACK:
        found["dataSync"] = options.data_sync or "ForSynchronization"
        found["createVmIfMissing"] = options.create_vm_if_missing is not False
    named = {"targetVmName": options.target_vm_name, "targetVmSize": options.target_vm_size}
    return found | {name: value for name, value in named.items() if value is not None}


def _follows(request: FailoverRequest) -> dict[str, Any]:
    whole = request.model_dump(mode="json", by_alias=True)
    return {name: whole[name] for name in ("commitWindow", "thenCleanup")}


def _chosen(request: FailoverRequest, member: Member) -> Chosen:
    if request.action not in USES_POINT:
        return Chosen()
    return choose(request.options.effective_point, member.points)


def _member(member: Member, chosen: Chosen) -> PlanMember:
    point = chosen.point
    return PlanMember(
        protected_item_id=member.item.id,
        group=member.group,
        recovery_point=RecoveryPoint(id=point.id, time=point.time, type=point.type) if point is not None else None,
    )


def _order(member: Member) -> tuple[int, str]:
    return member.group or 0, member.item.key


def _key(id_or_field: str | None) -> str:
    return id_key(id_or_field) or (id_or_field or "")
