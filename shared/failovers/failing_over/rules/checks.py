"""The checks of a plan, and who refuses what (contracts/failovers.md, "A plan")."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from shared.arm.ids import ResourceId
from shared.errors import Problem
from shared.failovers.failing_over.answers import Check, Plan
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules.allowed import exists, is_allowed, operations_for, reprotecting, why_not
from shared.failovers.failing_over.rules.context import FailoverContext, Member, asked_of, out_of_primary
from shared.failovers.failing_over.rules.points import Chosen
from shared.failovers.vault.names import VMM_NETWORK_TYPE, Action, CheckName, CheckResult, Health, LatestPoint, Provider, Refusal
from shared.values.durations import in_words

MAX_MEMBERS = 100
"""facts/site-recovery.md, "Limits": protected instances per recovery plan."""
_HOUR = "in the last hour"
_PLAN_POINTS = {
    Provider.HYPER_V_REPLICA_AZURE: frozenset(
        {LatestPoint.LATEST, LatestPoint.LATEST_APPLICATION_CONSISTENT, LatestPoint.LATEST_PROCESSED}
    ),
    Provider.HYPER_V_REPLICA_2012_R2: frozenset({LatestPoint.LATEST}),
}
"""spec, HyperVReplicaAzureRpRecoveryPointType; of the other kinds all four. Between VMM clouds the specification has no choice at all."""
_WORSE = (CheckResult.PASS, CheckResult.WARNING, CheckResult.UNKNOWN, CheckResult.FAILURE)
_FIELDS = {CheckName.NETWORK: "options.network", CheckName.LAST_TEST_FAILOVER: "acceptUntested"}


def run_checks(request: FailoverRequest, world: FailoverContext, chosen: dict[str, Chosen]) -> tuple[Check, ...]:
    """Run every check that is asked of the request; `chosen` has the recovery point of each member by its key."""
    found = [
        *_action_allowed(request, world),
        *_no_running_job(request, world),
        *_ownership(world),
        *_limits(request, world, chosen),
        *_network(request, world),
        *_blast_radius(request, world),
    ]
    for member in world.members:
        if asked_of(request.action, member.item):
            found += [_health(member), _lag(member, world), _point_age(request, member, world, chosen[member.item.key])]
        if out_of_primary(request.action, member.item):
            found.append(_last_test(request, member, world))
    return tuple(found)


def verdict(plan: Plan, request: FailoverRequest, allowed: Sequence[Action]) -> Problem | None:
    """Say why a plan cannot go on, or None: ActionNotAllowed with each action that is allowed now, or ChecksFailed with each check.

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
            Refusal.CHECKS_FAILED, f"{_count(failed)} failed: nothing was started", None, tuple(_detail(check) for check in failed)
        )
    doubtful = [check for check in plan.checks if check.result in {CheckResult.WARNING, CheckResult.UNKNOWN}]
    if doubtful and not request.action.is_test and not request.accept_warnings:
        words = f"{_count(doubtful)} warned or could not be made: acceptWarnings lets it go all the same"
        return Problem(Refusal.CHECKS_FAILED, words, "acceptWarnings", tuple(_detail(check) for check in doubtful))
    return None


def worst_results(plan: Plan) -> dict[str, str]:
    """Return the worst result of each check of a plan by the name of the check, for the audit trail."""
    found: dict[str, str] = {}
    for check in sorted(plan.checks, key=lambda check: _WORSE.index(check.result)):
        found[str(check.name)] = str(check.result)
    return found


def _action_allowed(request: FailoverRequest, world: FailoverContext) -> Iterator[Check]:
    subject, action = world.subject, request.action
    allowed = is_allowed(action, subject)
    if allowed:
        yield _check(CheckName.ACTION_ALLOWED, world.scope_id, CheckResult.PASS, f"Azure allows {_azures_name(action)} now")
    else:
        result = CheckResult.UNKNOWN if allowed is None else CheckResult.FAILURE
        yield _check(CheckName.ACTION_ALLOWED, world.scope_id, result, why_not(action, subject))
    for member in world.unread:
        yield _check(CheckName.ACTION_ALLOWED, member, CheckResult.UNKNOWN, "this member of the plan could not be read")
    follows = reprotecting(action, subject.providers, is_plan=subject.is_plan)
    if request.then_reprotect and any(_stays_in_azure(action, member) for member in world.members):
        words = f"after a failover to Azure has been committed, Hyper-V comes back by Failback, not by {follows}: leave thenReprotect out"
        yield _check(CheckName.ACTION_ALLOWED, "thenReprotect", CheckResult.FAILURE, words)
    elif request.then_reprotect and not exists(follows, subject.providers, is_plan=subject.is_plan):
        yield _check(
            CheckName.ACTION_ALLOWED, "thenReprotect", CheckResult.FAILURE, f"{why_not(follows, subject)} Leave thenReprotect out."
        )


def _stays_in_azure(action: Action, member: Member) -> bool:
    """Whether a machine of Hyper-V runs in Azure once the action, and the commit after it, are done."""
    out = action.leaves_primary or (action is not Action.FAILBACK and (member.item.active_location or "").lower() == "recovery")
    return member.item.provider is Provider.HYPER_V_REPLICA_AZURE and out


def _no_running_job(request: FailoverRequest, world: FailoverContext) -> Iterator[Check]:
    busy = [words for words in (_busy(request.action, world, name, scenario) for name, scenario in _scenarios(world)) if words]
    if busy:
        yield _check(CheckName.NO_RUNNING_JOB, world.scope_id, CheckResult.FAILURE, "; ".join(dict.fromkeys(busy)))
    else:
        yield _check(CheckName.NO_RUNNING_JOB, world.scope_id, CheckResult.PASS, "no job is running")


def _scenarios(world: FailoverContext) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what is busy with which (scenario, job): by its own `currentScenario`, and by the vault's jobs."""
    things = [(member.item.friendly_name or member.item.name, member.item.name, member.item.scenario, False) for member in world.members]
    if world.plan is not None:
        things.append((world.plan.friendly_name or world.plan.name, world.plan.name, world.plan.scenario, True))
    for shown, name, scenario, is_plan in things:
        if scenario is not None and scenario.occupies(world.jobs):
            yield shown, (scenario.name, scenario.job)
        for job in world.jobs or ():
            if not job.state.ended and job.works_on(name, shown, is_plan=is_plan):
                yield shown, (job.scenario or "a job", job.name)


def _busy(action: Action, world: FailoverContext, shown: str, scenario: tuple[str, str]) -> str | None:
    name, job = scenario
    # a test failover that waits for its cleanup is what a cleanup is for
    if action is Action.TEST_FAILOVER_CLEANUP and name.lower().endswith("testfailover") and is_allowed(action, world.subject):
        return None
    return f"{shown} is busy with {name}" + (f" (job {job})" if job else "")


def _ownership(world: FailoverContext) -> Iterator[Check]:
    strangers = world.strangers + sum(not member.owned for member in world.members)
    if not world.owned or strangers:
        what = f"{strangers} of {len(world.members) + world.strangers} members belong" if world.owned else "it belongs"
        yield _check(CheckName.OWNERSHIP, world.scope_id, CheckResult.FAILURE, f"{what} to another tenant, or to nobody that is known")
    else:
        yield _check(CheckName.OWNERSHIP, world.scope_id, CheckResult.PASS, "everything in it is the tenant's own")


def _limits(request: FailoverRequest, world: FailoverContext, chosen: dict[str, Chosen]) -> Iterator[Check]:
    faults = [*_of_size(world), *_of_point_kinds(request, world), *_of_names(request, world)]
    for member in world.members:
        if (missing := chosen[member.item.key].missing or _untold(request, world, member)) is not None:
            faults.append(("options.recoveryPoint", f"{_shown(member)}: {missing}"))
    for target, words in faults:
        yield _check(CheckName.LIMITS, target, CheckResult.FAILURE, words)
    if not faults:
        yield _check(CheckName.LIMITS, world.scope_id, CheckResult.PASS, "it keeps within Azure's limits")


def _untold(request: FailoverRequest, world: FailoverContext, member: Member) -> str | None:
    """Say that nobody can tell which point is meant: an item's is sent by its id, and without one Azure would take the latest."""
    choice = request.options.effective_point
    if member.points is not None or world.plan is not None or choice.id is not None or choice.latest is LatestPoint.LATEST:
        return None
    return "Azure does not tell its recovery points now, so which one is meant is not known: name it by its id, or ask for Latest"


def _of_size(world: FailoverContext) -> Iterator[tuple[str, str]]:
    count = len(world.members) + len(world.unread)
    if count > MAX_MEMBERS:
        yield world.scope_id, f"the plan has {count} members, and Azure moves at most {MAX_MEMBERS} with one plan: split it"
    if count == 0:
        yield world.scope_id, "the plan has no members: there is nothing to move"


def _of_point_kinds(request: FailoverRequest, world: FailoverContext) -> Iterator[tuple[str, str]]:
    point = request.options.recovery_point
    for provider in dict.fromkeys(world.subject.providers):
        possible = _PLAN_POINTS.get(provider) if provider is not None else None
        # of a single Hyper-V item every kind is found by its id
        if point is None or possible is None or (world.plan is None and provider is Provider.HYPER_V_REPLICA_AZURE):
            continue
        if point.latest not in possible:
            names = ", ".join(one for one in LatestPoint if one in possible)
            yield "options.recoveryPoint", f"{provider} can use {names} only"


def _of_names(request: FailoverRequest, world: FailoverContext) -> Iterator[tuple[str, str]]:
    if Provider.HYPER_V_REPLICA_2012_R2 in world.subject.providers:
        for name in ("targetVmName", "targetVmSize"):
            if name in request.options.given:
                yield f"options.{name}", "between VMM clouds the machine keeps its name and size: only in Azure can they be chosen"


def _network(request: FailoverRequest, world: FailoverContext) -> Iterator[Check]:
    named = request.options.network
    if request.action is not Action.TEST_FAILOVER:
        yield _check(CheckName.NETWORK, world.scope_id, CheckResult.PASS, "the networks stay those that the items have")
    elif named is None:
        yield _check(CheckName.NETWORK, "options.network", CheckResult.PASS, "the test machines are attached to no network, as was asked")
    elif world.network is None or world.network.exists is None:
        yield _check(CheckName.NETWORK, named, CheckResult.UNKNOWN, "the network could not be read")
    else:
        fault = _network_fault(named, world)
        words = fault or "the network is there, and in the right region"
        yield _check(CheckName.NETWORK, named, CheckResult.PASS if fault is None else CheckResult.FAILURE, words)


def _network_fault(named: str, world: FailoverContext) -> str | None:
    network = world.network
    if network is None or not network.exists or network.owned is False:
        # another tenant's network is as unknown as one that is not there
        return "there is no such network"
    of_vmm = ResourceId.parse(named).type.lower() == VMM_NETWORK_TYPE.lower()
    between_clouds = Provider.HYPER_V_REPLICA_2012_R2 in world.subject.providers
    if of_vmm != between_clouds:
        return "a test between VMM clouds needs a network of VMM, all others a virtual network in Azure"
    regions = {member.item.target.region if member.item.provider is Provider.A2A else world.vault_region for member in world.members} - {
        None
    }
    if network.region is not None and regions and regions != {network.region}:
        return f"the network is in {network.region}, but the machines are made in {', '.join(sorted(str(region) for region in regions))}"
    return None


def _blast_radius(request: FailoverRequest, world: FailoverContext) -> Iterator[Check]:
    limit, count = world.rails.blast_radius, len(world.members) + len(world.unread)
    if not request.action.moves_production:
        result, words = CheckResult.PASS, f"{request.action} moves no machine"
    elif world.moved_lately is None:
        result, words = CheckResult.UNKNOWN, f"how many machines were moved {_HOUR} is not known"
    elif world.moved_lately + count > limit:
        result = CheckResult.FAILURE
        words = f"{world.moved_lately} machines were moved {_HOUR}; with these {count} it would be more than the {limit} that are allowed"
    else:
        result, words = CheckResult.PASS, f"{world.moved_lately} machines were moved {_HOUR}, and these are {count}; {limit} are allowed"
    yield _check(CheckName.BLAST_RADIUS, world.scope_id, result, words)


def _health(member: Member) -> Check:
    health = member.item.health
    if health is Health.NORMAL:
        return _check(CheckName.HEALTH, member.item.id, CheckResult.PASS, "its replication is healthy")
    if health in {Health.WARNING, Health.CRITICAL}:
        errors = "; ".join(f"{error.message} ({error.code})" for error in member.item.health_errors)
        words = f"its replication health is {health}" + (f": {errors}" if errors else "")
        return _check(CheckName.HEALTH, member.item.id, CheckResult.WARNING, words)
    return _check(CheckName.HEALTH, member.item.id, CheckResult.UNKNOWN, "Azure does not tell the health of its replication")


def _lag(member: Member, world: FailoverContext) -> Check:
    lag = replication_lag(member, world)
    if lag is None:
        return _check(
            CheckName.REPLICATION_LAG, member.item.id, CheckResult.UNKNOWN, "Azure does not tell how far its replication is behind"
        )
    warns = lag > world.rails.lag_warning
    words = f"its replication is {in_words(lag)} behind"
    if warns:
        words += f", more than {in_words(world.rails.lag_warning)}: what was written since would be lost"
    return _check(CheckName.REPLICATION_LAG, member.item.id, CheckResult.WARNING if warns else CheckResult.PASS, words)


def replication_lag(member: Member, world: FailoverContext) -> timedelta | None:
    """Return how far an item's replication is behind: the lag as measured and the time since, else the time since data last arrived."""
    item = member.item
    if item.rpo_seconds is not None:
        since = max(world.now - item.rpo_at, timedelta()) if item.rpo_at is not None else timedelta()
        return timedelta(seconds=max(item.rpo_seconds, 0)) + since
    return max(world.now - item.last_synced_at, timedelta()) if item.last_synced_at is not None else None


def _point_age(request: FailoverRequest, member: Member, world: FailoverContext, chosen: Chosen) -> Check:
    target = member.item.id
    latest = request.options.effective_point.latest is LatestPoint.LATEST
    if latest and request.action is Action.PLANNED_FAILOVER:
        words = "a planned failover shuts the machine down and then makes its recovery point: nothing is lost"
        return _check(CheckName.RECOVERY_POINT_AGE, target, CheckResult.PASS, words)
    at = chosen.point.time if chosen.point is not None else None
    if at is None and latest:
        at = member.item.last_synced_at
    if at is None:
        return _check(
            CheckName.RECOVERY_POINT_AGE, target, CheckResult.UNKNOWN, chosen.missing or "Azure does not tell its recovery points"
        )
    age = max(world.now - at, timedelta())
    warns = age > world.rails.point_age_warning
    words = f"the recovery point is {in_words(age)} old" + (f", more than {in_words(world.rails.point_age_warning)}" if warns else "")
    return _check(CheckName.RECOVERY_POINT_AGE, target, CheckResult.WARNING if warns else CheckResult.PASS, words)


def _last_test(request: FailoverRequest, member: Member, world: FailoverContext) -> Check:
    at, limit = member.item.last_test_failover_at, world.rails.untested_after
    if at is not None and world.now - at <= limit:
        words = f"its last successful test failover was {in_words(world.now - at)} ago"
        return _check(CheckName.LAST_TEST_FAILOVER, member.item.id, CheckResult.PASS, words)
    found = "it was never tested" if at is None else f"its last successful test failover was {in_words(world.now - at)} ago"
    if request.accept_untested and (request.reason or "").strip():
        return _check(CheckName.LAST_TEST_FAILOVER, member.item.id, CheckResult.PASS, f"{found}; acceptUntested accepts that")
    words = f"{found}, and {in_words(limit)} are the limit: test it first, or set acceptUntested and give the reason"
    return _check(CheckName.LAST_TEST_FAILOVER, member.item.id, CheckResult.FAILURE, words)


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
