"""The checks of a plan, and which of them refuse a start (docs/design/failovers.md)."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.errors import Problem
from shared.failovers.failing_over.answers import Check, Plan
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules.allowed import exists, is_allowed, operations_for, reprotecting, why_not
from shared.failovers.failing_over.rules.context import FailoverContext, Member, asked_of, out_of_primary
from shared.failovers.failing_over.rules.points import Chosen
from shared.failovers.vault.names import VMM_NETWORK_TYPE, Action, CheckName, Health, LatestPoint, Provider, Refusal
from shared.values.checks import CheckResult
from shared.values.durations import readable_duration

MAX_MEMBERS = 100
"""Azure's limit of protected instances per recovery plan (docs/azure/site-recovery.md)."""
_HOUR = "in the last hour"
_PLAN_POINTS = {
    Provider.HYPER_V_REPLICA_AZURE: frozenset(
        {LatestPoint.LATEST, LatestPoint.LATEST_APPLICATION_CONSISTENT, LatestPoint.LATEST_PROCESSED}
    ),
    Provider.HYPER_V_REPLICA_2012_R2: frozenset({LatestPoint.LATEST}),
}
"""HyperVReplicaAzureRpRecoveryPointType of the specification; other kinds have all four, between VMM clouds there is no choice."""
_WORSE = (CheckResult.PASS, CheckResult.WARNING, CheckResult.UNKNOWN, CheckResult.FAILURE)
_FIELDS = {CheckName.NETWORK: "options.network", CheckName.LAST_TEST_FAILOVER: "acceptUntested"}


def run_checks(request: FailoverRequest, context: FailoverContext, chosen: dict[str, Chosen]) -> tuple[Check, ...]:
    """Run every check that is asked of the request; `chosen` has the recovery point of each member by its key."""
    found = [
        *_action_allowed(request, context),
        *_no_running_job(request, context),
        *_ownership(context),
        *_limits(request, context, chosen),
        *_network(request, context),
        *_blast_radius(request, context),
    ]
    for member in context.members:
        if asked_of(request.action, member.item):
            found += [_health(member), _lag(member, context), _point_age(request, member, context, chosen[member.item.key])]
        if out_of_primary(request.action, member.item):
            found.append(_last_test(request, member, context))
    return tuple(found)


def verdict(plan: Plan, request: FailoverRequest, allowed: Sequence[Action]) -> Problem | None:
    """Return why a plan cannot start, or None: ActionNotAllowed with each action that is allowed now, or ChecksFailed with each check.

    A failure refuses every action. A warning or an unknown refuses all but tests, unless the request accepts warnings.
    """
    failed = [check for check in plan.checks if check.result is CheckResult.FAILURE]
    forbidden = [check for check in failed if check.name is CheckName.ACTION_ALLOWED]
    if forbidden:
        details = tuple(Problem(action, f"{action} is allowed now", "action") for action in allowed)
        target = forbidden[0].target if forbidden[0].target == "thenReprotect" else "action"
        return Problem(Refusal.ACTION_NOT_ALLOWED, "; ".join(check.message for check in forbidden), target, details)
    if failed:
        return Problem(
            Refusal.CHECKS_FAILED, f"{_count(failed)} failed. Nothing was started", None, tuple(_detail(check) for check in failed)
        )
    doubtful = [check for check in plan.checks if check.result in {CheckResult.WARNING, CheckResult.UNKNOWN}]
    if doubtful and not request.action.is_test and not request.accept_warnings:
        message = f"{_count(doubtful)} warned or could not be made. Set acceptWarnings to start all the same"
        return Problem(Refusal.CHECKS_FAILED, message, "acceptWarnings", tuple(_detail(check) for check in doubtful))
    return None


def refusing(plan: Plan) -> list[str]:
    """Return the names of the checks that failed or, where none did, could not be made or warned; each with what it is about."""
    failed = [check for check in plan.checks if check.result is CheckResult.FAILURE]
    doubtful = [check for check in plan.checks if check.result is not CheckResult.PASS]
    return [f"{check.name} {check.target}" for check in failed or doubtful]


def worst_results(plan: Plan) -> dict[str, str]:
    """Return the worst result of each check of a plan by the name of the check, for the audit trail."""
    found: dict[str, str] = {}
    for check in sorted(plan.checks, key=lambda check: _WORSE.index(check.result)):
        found[str(check.name)] = str(check.result)
    return found


def _action_allowed(request: FailoverRequest, context: FailoverContext) -> Iterator[Check]:
    subject, action = context.subject, request.action
    allowed = is_allowed(action, subject)
    if allowed:
        yield _check(CheckName.ACTION_ALLOWED, context.scope_id, CheckResult.PASS, f"Azure allows {_azures_name(action)} now")
    else:
        result = CheckResult.UNKNOWN if allowed is None else CheckResult.FAILURE
        yield _check(CheckName.ACTION_ALLOWED, context.scope_id, result, why_not(action, subject))
    for member in context.unread:
        yield _check(CheckName.ACTION_ALLOWED, member, CheckResult.UNKNOWN, "this member of the plan could not be read")
    follows = reprotecting(action, subject.providers, is_plan=subject.is_plan)
    if request.then_reprotect and any(_stays_in_azure(action, member) for member in context.members):
        message = f"after a failover to Azure has been committed, Hyper-V comes back by Failback, not by {follows}: leave thenReprotect out"
        yield _check(CheckName.ACTION_ALLOWED, "thenReprotect", CheckResult.FAILURE, message)
    elif request.then_reprotect and not exists(follows, subject.providers, is_plan=subject.is_plan):
        yield _check(
            CheckName.ACTION_ALLOWED, "thenReprotect", CheckResult.FAILURE, f"{why_not(follows, subject)} Leave thenReprotect out."
        )


def _stays_in_azure(action: Action, member: Member) -> bool:
    """Whether a machine of Hyper-V runs in Azure once the action, and the commit after it, are done."""
    out = action.leaves_primary or (action is not Action.FAILBACK and (member.item.active_location or "").lower() == "recovery")
    return member.item.provider is Provider.HYPER_V_REPLICA_AZURE and out


def _no_running_job(request: FailoverRequest, context: FailoverContext) -> Iterator[Check]:
    busy = [message for message in (_busy(request.action, context, name, scenario) for name, scenario in _scenarios(context)) if message]
    if busy:
        yield _check(CheckName.NO_RUNNING_JOB, context.scope_id, CheckResult.FAILURE, "; ".join(dict.fromkeys(busy)))
    else:
        yield _check(CheckName.NO_RUNNING_JOB, context.scope_id, CheckResult.PASS, "no job is running")


def _scenarios(context: FailoverContext) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what is busy with which (scenario, job): by its own `currentScenario`, and by the vault's jobs."""
    things = [(member.item.friendly_name or member.item.name, member.item.name, member.item.scenario, False) for member in context.members]
    if context.plan is not None:
        things.append((context.plan.friendly_name or context.plan.name, context.plan.name, context.plan.scenario, True))
    for shown, name, scenario, is_plan in things:
        if scenario is not None and scenario.occupies(context.jobs):
            yield shown, (scenario.name, scenario.job)
        for job in context.jobs or ():
            if not job.state.ended and job.works_on(name, shown, is_plan=is_plan):
                yield shown, (job.scenario or "a job", job.name)


def _busy(action: Action, context: FailoverContext, shown: str, scenario: tuple[str, str]) -> str | None:
    name, job = scenario
    # a test failover that waits for its cleanup is what a cleanup is for
    if action is Action.TEST_FAILOVER_CLEANUP and name.lower().endswith("testfailover") and is_allowed(action, context.subject):
        return None
    return f"{shown} is busy with {name}" + (f" (job {job})" if job else "")


def _ownership(context: FailoverContext) -> Iterator[Check]:
    strangers = context.strangers + sum(not member.owned for member in context.members)
    if not context.owned or strangers:
        what = f"{strangers} of {len(context.members) + context.strangers} members belong" if context.owned else "it belongs"
        yield _check(CheckName.OWNERSHIP, context.scope_id, CheckResult.FAILURE, f"{what} to another or an unknown tenant")
    else:
        yield _check(CheckName.OWNERSHIP, context.scope_id, CheckResult.PASS, "everything in it is the tenant's own")


def _limits(request: FailoverRequest, context: FailoverContext, chosen: dict[str, Chosen]) -> Iterator[Check]:
    faults = [*_of_size(context), *_of_point_kinds(request, context), *_of_names(request, context)]
    faults += [
        ("options.recoveryPoint", f"{_shown(member)}: {missing}")
        for member in context.members
        if (missing := chosen[member.item.key].missing or _unknown_point(request, context, member)) is not None
    ]
    for target, message in faults:
        yield _check(CheckName.LIMITS, target, CheckResult.FAILURE, message)
    if not faults:
        yield _check(CheckName.LIMITS, context.scope_id, CheckResult.PASS, "it keeps within Azure's limits")


def _unknown_point(request: FailoverRequest, context: FailoverContext, member: Member) -> str | None:
    """Return the message where the chosen recovery point is unknown: it is sent by its id, and without an id Azure takes the latest."""
    choice = request.options.effective_point
    if member.points is not None or context.plan is not None or choice.id is not None or choice.latest is LatestPoint.LATEST:
        return None
    return "its recovery points cannot be read now, so which one to use is unknown: name it by its id, or use Latest"


def _of_size(context: FailoverContext) -> Iterator[tuple[str, str]]:
    count = len(context.members) + len(context.unread)
    if count > MAX_MEMBERS:
        yield context.scope_id, f"the plan has {count} members, and Azure moves at most {MAX_MEMBERS} with one plan: split it"
    if count == 0:
        yield context.scope_id, "the plan has no members: there is nothing to move"


def _of_point_kinds(request: FailoverRequest, context: FailoverContext) -> Iterator[tuple[str, str]]:
    point = request.options.recovery_point
    for provider in dict.fromkeys(context.subject.providers):
        possible = _PLAN_POINTS.get(provider) if provider is not None else None
        # of a single Hyper-V item every kind is found by its id
        if point is None or possible is None or (context.plan is None and provider is Provider.HYPER_V_REPLICA_AZURE):
            continue
        if point.latest not in possible:
            names = ", ".join(one for one in LatestPoint if one in possible)
            yield "options.recoveryPoint", f"{provider} can use {names} only"


def _of_names(request: FailoverRequest, context: FailoverContext) -> Iterator[tuple[str, str]]:
    if Provider.HYPER_V_REPLICA_2012_R2 in context.subject.providers:
        for name in ("targetVmName", "targetVmSize"):
            if name in request.options.given:
                yield f"options.{name}", "between VMM clouds the machine keeps its name and size: only in Azure can they be chosen"


def _network(request: FailoverRequest, context: FailoverContext) -> Iterator[Check]:
    named = request.options.network
    if request.action is not Action.TEST_FAILOVER:
        yield _check(CheckName.NETWORK, context.scope_id, CheckResult.PASS, "the networks stay those that the items have")
    elif named is None:
        yield _check(CheckName.NETWORK, "options.network", CheckResult.PASS, "the test machines are attached to no network, as was asked")
    elif context.network is None or context.network.exists is None:
        yield _check(CheckName.NETWORK, named, CheckResult.UNKNOWN, "the network could not be read")
    else:
        fault = _network_fault(named, context)
        message = fault or "the network exists and is in the right region"
        yield _check(CheckName.NETWORK, named, CheckResult.PASS if fault is None else CheckResult.FAILURE, message)


def _network_fault(named: str, context: FailoverContext) -> str | None:
    network = context.network
    if network is None or not network.exists or network.owned is False:
        # another tenant's network is as unknown as one that is not there
        return "the network was not found"
    of_vmm = ResourceId.parse(named).type.lower() == VMM_NETWORK_TYPE.lower()
    between_clouds = Provider.HYPER_V_REPLICA_2012_R2 in context.subject.providers
    if of_vmm != between_clouds:
        return "a test between VMM clouds needs a network of VMM, all others a virtual network in Azure"
    regions = {
        member.item.target.region if member.item.provider is Provider.A2A else context.vault_region for member in context.members
    } - {None}
    if network.region is not None and regions and regions != {network.region}:
        return f"the network is in {network.region}, but the machines are made in {', '.join(sorted(str(region) for region in regions))}"
    return None


def _blast_radius(request: FailoverRequest, context: FailoverContext) -> Iterator[Check]:
    limit, count = context.rails.blast_radius, len(context.members) + len(context.unread)
    if not request.action.moves_production:
        result, message = CheckResult.PASS, f"{request.action} moves no machine"
    elif context.recently_moved is None:
        result, message = CheckResult.UNKNOWN, f"how many machines were moved {_HOUR} is not known"
    elif context.recently_moved + count > limit:
        result = CheckResult.FAILURE
        message = (
            f"{context.recently_moved} machines were moved {_HOUR}; with these {count} it would be more than the {limit} that are allowed"
        )
    else:
        result, message = (
            CheckResult.PASS,
            f"{context.recently_moved} machines were moved {_HOUR}, and these are {count}; {limit} are allowed",
        )
    yield _check(CheckName.BLAST_RADIUS, context.scope_id, result, message)


def _health(member: Member) -> Check:
    health = member.item.health
    if health is Health.NORMAL:
        return _check(CheckName.HEALTH, member.item.id, CheckResult.PASS, "its replication is healthy")
    if health in {Health.WARNING, Health.CRITICAL}:
        errors = "; ".join(f"{error.message} ({error.code})" for error in member.item.health_errors)
        message = f"its replication health is {health}" + (f": {errors}" if errors else "")
        return _check(CheckName.HEALTH, member.item.id, CheckResult.WARNING, message)
    return _check(CheckName.HEALTH, member.item.id, CheckResult.UNKNOWN, "the health of its replication is unknown")


def _lag(member: Member, context: FailoverContext) -> Check:
    lag = replication_lag(member, context)
    if lag is None:
        return _check(CheckName.REPLICATION_LAG, member.item.id, CheckResult.UNKNOWN, "the lag of its replication is unknown")
    warns = lag > context.rails.lag_warning
    message = f"its replication is {readable_duration(lag)} behind"
    if warns:
        message += f", more than {readable_duration(context.rails.lag_warning)}: what was written since would be lost"
    return _check(CheckName.REPLICATION_LAG, member.item.id, CheckResult.WARNING if warns else CheckResult.PASS, message)


def replication_lag(member: Member, context: FailoverContext) -> timedelta | None:
    """Return how far an item's replication is behind: the lag as measured and the time since, else the time since data last arrived."""
    item = member.item
    if item.rpo_seconds is not None:
        since = max(context.now - item.rpo_at, timedelta()) if item.rpo_at is not None else timedelta()
        return timedelta(seconds=max(item.rpo_seconds, 0)) + since
    return max(context.now - item.last_synced_at, timedelta()) if item.last_synced_at is not None else None


def _point_age(request: FailoverRequest, member: Member, context: FailoverContext, chosen: Chosen) -> Check:
    target = member.item.id
    latest = request.options.effective_point.latest is LatestPoint.LATEST
    if latest and request.action is Action.PLANNED_FAILOVER:
        message = "a planned failover shuts the machine down and then makes its recovery point: nothing is lost"
        return _check(CheckName.RECOVERY_POINT_AGE, target, CheckResult.PASS, message)
    at = chosen.point.time if chosen.point is not None else None
    if at is None and latest:
        at = member.item.last_synced_at
    if at is None:
        return _check(CheckName.RECOVERY_POINT_AGE, target, CheckResult.UNKNOWN, chosen.missing or "its recovery points are unknown")
    age = max(context.now - at, timedelta())
    warns = age > context.rails.point_age_warning
    message = f"the recovery point is {readable_duration(age)} old" + (
        f", more than {readable_duration(context.rails.point_age_warning)}" if warns else ""
    )
    return _check(CheckName.RECOVERY_POINT_AGE, target, CheckResult.WARNING if warns else CheckResult.PASS, message)


def _last_test(request: FailoverRequest, member: Member, context: FailoverContext) -> Check:
    at, limit = member.item.last_test_failover_at, context.rails.untested_after
    if at is not None and context.now - at <= limit:
        message = f"its last successful test failover was {readable_duration(context.now - at)} ago"
        return _check(CheckName.LAST_TEST_FAILOVER, member.item.id, CheckResult.PASS, message)
    found = "it was never tested" if at is None else f"its last successful test failover was {readable_duration(context.now - at)} ago"
    if request.accept_untested and (request.reason or "").strip():
        return _check(CheckName.LAST_TEST_FAILOVER, member.item.id, CheckResult.PASS, f"{found}; acceptUntested accepts that")
    message = f"{found}, and {readable_duration(limit)} are the limit: test it first, or set acceptUntested and give the reason"
    return _check(CheckName.LAST_TEST_FAILOVER, member.item.id, CheckResult.FAILURE, message)


def _azures_name(action: Action) -> str:
    names = " or ".join(operations_for(action))
    return action if names == action else f"{action} ({names})"


def _detail(check: Check) -> Problem:
    about = _FIELDS.get(check.name)
    where = f"{check.target}: " if about is not None and check.target.startswith("/") else ""
    return Problem(check.name, f"{where}{check.message}", about or check.target)


def _count(checks: Sequence[Check]) -> str:
    return "1 check" if len(checks) == 1 else f"{len(checks)} checks"


def _shown(member: Member) -> str:
    return member.item.friendly_name or member.item.name


def _check(name: CheckName, target: str, result: CheckResult, message: str) -> Check:
    return Check(name=name, target=target, result=result, message=message)
