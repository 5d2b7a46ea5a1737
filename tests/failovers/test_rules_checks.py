"""What each check finds, and who refuses what."""

from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Problem
from shared.failovers.failing_over.requests import FailoverRequest
from shared.failovers.failing_over.rules import checks
from shared.failovers.failing_over.rules.checks import verdict
from shared.failovers.failing_over.rules.context import FailoverContext, GuardRails, Member
from shared.failovers.failing_over.rules.plans import make_plan
from shared.failovers.vault.facts import NetworkFacts
from shared.failovers.vault.names import Action, CheckName
from shared.values.checks import CheckResult
from tests.failovers.samples import DAY, HOUR, ITEM, MINUTE, NETWORK, NOW, PLAN, POINT, VAULT, item, job, plan, point, request, world

FIVE = {"actionAllowed", "noRunningJob", "ownership", "limits", "network", "blastRadius"}
OUT = FIVE | {"health", "replicationLag", "recoveryPointAge", "lastTestFailover"}


def found(asked: FailoverRequest, seen: FailoverContext, name: CheckName) -> list[tuple[CheckResult, str]]:
    return [(check.result, check.message) for check in make_plan(asked, seen).plan.checks if check.name is name]


def refusal(asked: FailoverRequest, seen: FailoverContext) -> Problem | None:
    planned = make_plan(asked, seen)
    return verdict(planned.plan, asked, planned.allowed)


def drill(network: str | None = NETWORK, **more: Any) -> FailoverRequest:
    return request("TestFailover", options={"network": network, **more})


@pytest.mark.parametrize(
    ("action", "allowed", "names"),
    [
        ("UnplannedFailover", "UnplannedFailover", OUT),
        ("PlannedFailover", "PlannedFailover", OUT),
        ("TestFailover", "TestFailover", OUT - {"lastTestFailover"}),
        ("TestFailoverCleanup", "TestFailoverCleanup", FIVE),
        ("Commit", "Commit", FIVE),
        ("Failback", "Failback", FIVE),
        ("ReverseReplicate", "ReverseReplicate", FIVE),
    ],
)
def test_what_is_asked_of_which_action_and_a_healthy_item_passes_it(action: str, allowed: str, names: set[str]) -> None:
    checks = make_plan(request(action), world(item(allowed=[allowed]))).plan.checks
    assert {check.name for check in checks} == names
    assert {check.result for check in checks} == {CheckResult.PASS}
    assert refusal(request(action), world(item(allowed=[allowed]))) is None


def test_what_is_not_allowed_is_refused_with_what_is() -> None:
    refused = refusal(request("Commit"), world())
    assert refused is not None
    assert (refused.code, refused.target) == ("ActionNotAllowed", "action")
    assert [detail.code for detail in refused.details] == ["TestFailover", "PlannedFailover", "UnplannedFailover"]


def test_a_planned_failover_of_an_a2a_item_is_refused_with_the_field_and_the_reason() -> None:
    refused = refusal(request("PlannedFailover"), world(item(provider="A2A")))
    assert refused is not None
    assert (refused.code, refused.target) == ("ActionNotAllowed", "action")
    assert "no planned failover" in refused.message


def test_then_reprotect_after_hyper_v_went_to_azure_is_refused_before_anything_moves() -> None:
    refused = refusal(request(thenCommit=True, thenReprotect=True), world())
    assert refused is not None
    assert (refused.code, refused.target) == ("ActionNotAllowed", "thenReprotect")
    assert refusal(request(thenCommit=True, thenReprotect=True), world(item(provider="A2A"))) is None
    shop = plan([["web", "db"]])
    refused = refusal(request(scope={"recoveryPlanId": shop.id}, thenCommit=True, thenReprotect=True), world(item(), item("db"), plan=shop))
    assert refused is not None
    assert (refused.code, refused.target) == ("ActionNotAllowed", "thenReprotect"), "of a plan no less"


@pytest.mark.parametrize(("location", "refused"), [("Recovery", True), ("Primary", False)])
def test_a_commit_in_azure_is_followed_by_no_reprotection_and_one_after_a_failback_is(location: str, refused: bool) -> None:
    moved = item(allowed=["Commit"], activeLocation=location)
    assert (refusal(request("Commit", thenReprotect=True), world(moved)) is not None) is refused


@pytest.mark.parametrize(
    ("choice", "refused"),
    [
        ("Latest", False),
        ({"id": POINT}, False),
        ("LatestProcessed", True),
        ("LatestApplicationConsistent", True),
        ({"at": "2026-01-01"}, True),
    ],
)
def test_a_point_that_cannot_be_identified_is_never_the_latest_instead(choice: object, refused: bool) -> None:
    unread = world(members=(Member(item(), owned=True, points=None),))
    asked = request(options={"recoveryPoint": choice}, acceptWarnings=True)
    found = refusal(asked, unread)
    assert (found is not None) is refused
    assert found is None or (found.code, found.details[0].target) == ("ChecksFailed", "options.recoveryPoint")


def test_the_worst_result_of_each_check_is_reported() -> None:
    shop = plan([["web", "db"]])
    worlds = world(item(), item("db", replicationHealth="Critical"), plan=shop)
    told = checks.worst_results(make_plan(request(scope={"recoveryPlanId": shop.id}), worlds).plan)
    assert (told["health"], told["lastTestFailover"], set(told)) == ("warning", "pass", OUT)


def test_a_running_job_is_named() -> None:
    busy = item(allowed=[], currentScenario={"scenarioName": "Commit", "jobId": "/x/replicationJobs/j1"})
    assert found(request(), world(busy), CheckName.NO_RUNNING_JOB)[0][0] is CheckResult.FAILURE
    refused = refusal(request(), world(busy))
    assert refused is not None
    assert "Commit (job j1)" in refused.message
    listed = world(jobs=(job(targetObjectId="WEB", scenarioName="PlannedFailover"), job("Succeeded")))
    assert found(request(), listed, CheckName.NO_RUNNING_JOB) == [(CheckResult.FAILURE, "web-vm is busy with PlannedFailover (job job1)")]


PLANS_JOB = "9b046cfb-69e2-474a-b62e-025c54e561a7"


@pytest.mark.parametrize(
    ("status", "listed", "busy"),
    [
        ("Succeeded", None, False),
        ("succeeded", "Succeeded", False),
        ("Failed", None, False),
        ("Canceled", None, False),
        ("InProgress", "InProgress", True),
        ("InProgress", None, True),
        ("Suspended", "Suspended", True),
        ("SomethingNew", None, True),
        ("Succeeded", "InProgress", True),
        (None, "Succeeded", False),
        (None, "InProgress", True),
        (None, None, True),
    ],
)
@pytest.mark.parametrize("of_plan", [True, False])
def test_a_scenario_occupies_its_plan_or_item_until_it_has_ended(status: str | None, listed: str | None, busy: bool, of_plan: bool) -> None:
    names: dict[str, Any] = {
        "currentScenario": {"scenarioName": "PlannedFailover", "jobId": f"{VAULT}/replicationJobs/j1", "startTime": NOW.isoformat()},
        "currentScenarioStatus": status,
    }
    jobs = (job(listed, "J1", targetObjectId=PLANS_JOB, targetObjectName="?"),) if listed else ()
    seen = world(plan=plan([["web"]], **names), jobs=jobs) if of_plan else world(item(**names), jobs=jobs)
    assert (found(request(), seen, CheckName.NO_RUNNING_JOB)[0][0] is CheckResult.FAILURE) is busy


@pytest.mark.parametrize("state", ["InProgress", "NotStarted", "Suspended"])
def test_a_job_on_the_plan_is_found_by_the_name_of_the_plan(state: str) -> None:
    running = job(state, targetObjectId=PLANS_JOB, targetObjectName="shop", targetInstanceType="RecoveryPlan", scenarioName="Commit")
    assert found(request(), world(plan=plan([["web"]]), jobs=(running,)), CheckName.NO_RUNNING_JOB)[0][0] is CheckResult.FAILURE
    other = job(state, targetObjectId=PLANS_JOB, targetObjectName="mail", targetInstanceType="RecoveryPlan")
    assert found(request(), world(plan=plan([["web"]]), jobs=(other,)), CheckName.NO_RUNNING_JOB)[0][0] is CheckResult.PASS


def test_the_cleanup_of_a_plan_is_not_stopped_by_the_test_that_waits_for_it() -> None:
    waits = {
        "currentScenario": {"scenarioName": "TestFailover", "jobId": f"{VAULT}/replicationJobs/j1", "startTime": NOW.isoformat()},
        "currentScenarioStatus": "Suspended",
    }
    listed = job("Suspended", "j1", targetObjectId=PLANS_JOB, targetObjectName="shop", scenarioName="TestFailover")
    shop = plan([["web"]], allowed=["TestFailoverCleanup"], **waits)
    seen = world(item(allowed=["TestFailoverCleanup"]), plan=shop, jobs=(listed,))
    assert refusal(request("TestFailoverCleanup", scope={"recoveryPlanId": shop.id}), seen) is None


def test_a_vmware_machine_is_not_failed_over_with_a_reprotection_that_cannot_follow() -> None:
    refused = refusal(request(thenCommit=True, thenReprotect=True), world(item(provider="InMageRcm")))
    assert refused is not None
    assert (refused.code, refused.target) == ("ActionNotAllowed", "thenReprotect")


def test_a_test_that_waits_for_its_cleanup_does_not_stand_in_its_way() -> None:
    waiting = item(allowed=["TestFailoverCleanup"], currentScenario={"scenarioName": "TestFailover", "jobId": "/x/replicationJobs/j1"})
    assert refusal(request("TestFailoverCleanup"), world(waiting)) is None


def test_what_is_anothers_is_never_touched() -> None:
    mine, theirs = Member(item("web"), owned=True), Member(item("db"), owned=False)
    seen = world(plan=plan([["web", "db"]]), members=(mine, theirs))
    assert found(request(), seen, CheckName.OWNERSHIP) == [(CheckResult.FAILURE, "1 of 2 members belong to another or an unknown tenant")]
    assert refusal(request(acceptWarnings=True, acceptUntested=True), seen) is not None
    assert found(request(), world(owned=False), CheckName.OWNERSHIP)[0][0] is CheckResult.FAILURE
    unseen = world(plan=plan([["web"]]), members=(mine,), strangers=2)
    assert found(request(), unseen, CheckName.OWNERSHIP) == [(CheckResult.FAILURE, "2 of 3 members belong to another or an unknown tenant")]


@pytest.mark.parametrize(("count", "passes"), [(1, True), (100, True), (101, False)])
def test_a_plan_moves_at_most_a_hundred(count: int, passes: bool) -> None:
    names = [f"vm{number}" for number in range(count)]
    checks = found(request(scope={"recoveryPlanId": PLAN}), world(*(item(name) for name in names), plan=plan([names])), CheckName.LIMITS)
    assert (checks[0][0] is CheckResult.PASS) is passes


def test_a_recovery_point_that_is_not_there_is_refused_with_its_field() -> None:
    for chosen in ({"id": POINT.replace("p1", "gone")}, {"at": "2020-01-01T00:00:00Z"}):
        refused = refusal(request(options={"recoveryPoint": chosen}), world())
        assert refused is not None
        assert (refused.code, refused.details[0].target) == ("ChecksFailed", "options.recoveryPoint")


def test_a_kind_of_point_that_the_plan_cannot_use_is_refused() -> None:
    asked = request(scope={"recoveryPlanId": PLAN}, options={"recoveryPoint": "LatestCrashConsistent"})
    refused = refusal(asked, world(plan=plan([["web"]])))
    assert refused is not None
    assert "LatestProcessed" in refused.details[0].message
    assert refusal(asked, world(item(provider="A2A"), plan=plan([["web"]]))) is None


@pytest.mark.parametrize(
    ("network", "result", "word"),
    [
        (NetworkFacts(NETWORK, True, "westeurope", True), "pass", "right region"),
        (NetworkFacts(NETWORK, False), "failure", "network was not found"),
        (NetworkFacts(NETWORK, True, "westeurope", False), "failure", "network was not found"),
        (NetworkFacts(NETWORK, True, "northeurope", True), "failure", "northeurope"),
        (NetworkFacts(NETWORK, None), "unknown", "could not be read"),
        (None, "unknown", "could not be read"),
    ],
)
def test_the_network_of_a_test(network: NetworkFacts | None, result: str, word: str) -> None:
    ((seen, words),) = found(drill(), world(network=network), CheckName.NETWORK)
    assert seen == result
    assert word in words


def test_an_unknown_network_is_refused_with_its_field_and_an_unread_one_is_reported() -> None:
    refused = refusal(drill(), world(network=NetworkFacts(NETWORK, False)))
    assert refused is not None
    assert (refused.code, refused.details[0].target) == ("ChecksFailed", "options.network")
    assert refusal(drill(), world()) is None, "an unknown does not refuse a test"
    assert refusal(drill(None), world()) is None


def test_the_network_of_an_a2a_test_is_where_its_machines_are_made() -> None:
    west = NetworkFacts(NETWORK, True, "westeurope", True)
    assert (
        refusal(drill(), world(item(provider="A2A", details={"recoveryFabricLocation": "West Europe"}), network=west, vault_region="x"))
        is None
    )


@pytest.mark.parametrize(("lately", "result"), [(0, "pass"), (9, "pass"), (10, "failure"), (None, "unknown")])
def test_the_blast_radius_counts_the_last_hour_and_this(lately: int | None, result: str) -> None:
    seen = world(recently_moved=lately, rails=GuardRails(blast_radius=10, two_person=False))
    assert found(request(), seen, CheckName.BLAST_RADIUS)[0][0] == result
    assert found(drill(None), seen, CheckName.BLAST_RADIUS)[0][0] == "pass", "a test moves nothing"


@pytest.mark.parametrize(
    ("health", "result"), [("Normal", "pass"), ("Warning", "warning"), ("Critical", "warning"), ("None", "unknown"), (None, "unknown")]
)
def test_a_sick_primary_warns_and_never_fails(health: str | None, result: str) -> None:
    assert found(request(), world(item(replicationHealth=health)), CheckName.HEALTH)[0][0] == result


@pytest.mark.parametrize(
    ("details", "result"),
    [
        ({"rpoInSeconds": 1800}, "pass"),
        ({"rpoInSeconds": 1801}, "warning"),
        ({"rpoInSeconds": 60, "lastRpoCalculatedTime": (NOW - 2 * HOUR).isoformat()}, "warning"),
        ({"rpoInSeconds": 60, "lastRpoCalculatedTime": "0001-01-01T00:00:00"}, "pass"),
        ({"rpoInSeconds": None, "lastReplicatedTime": (NOW - MINUTE).isoformat()}, "pass"),
        ({"rpoInSeconds": None}, "unknown"),
    ],
)
def test_the_lag_is_as_measured_and_what_passed_since(details: dict[str, Any], result: str) -> None:
    assert found(request(), world(item(details=details)), CheckName.REPLICATION_LAG)[0][0] == result


def test_the_age_of_the_point_that_would_be_used() -> None:
    one = item()

    def at(age: timedelta) -> FailoverContext:
        return world(members=(Member(one, owned=True, points=(point("p1", age),)),))

    assert found(request(), at(DAY), CheckName.RECOVERY_POINT_AGE)[0][0] == "pass"
    assert found(request(), at(DAY + MINUTE), CheckName.RECOVERY_POINT_AGE) == [
        (CheckResult.WARNING, "the recovery point is 24 hours old, more than 24 hours")
    ]
    assert found(request(), world(members=(Member(one, owned=True),)), CheckName.RECOVERY_POINT_AGE)[0][0] == "unknown"
    assert found(request("PlannedFailover"), at(9 * DAY), CheckName.RECOVERY_POINT_AGE)[0][0] == "pass", "it makes its own"


@pytest.mark.parametrize(("age", "passes"), [(90 * DAY, True), (90 * DAY + MINUTE, False), (None, False)])
def test_an_untested_item_leaves_the_primary_only_with_a_flag(age: timedelta | None, passes: bool) -> None:
    tested = item(lastSuccessfulTestFailoverTime=(NOW - age).isoformat() if age else None)
    refused = refusal(request(acceptWarnings=True), world(tested))
    assert (refused is None) is passes
    if refused is not None:
        assert (refused.code, refused.details[0].target) == ("ChecksFailed", "acceptUntested")
        assert "acceptUntested" in refused.details[0].message
    assert refusal(request(acceptUntested=True), world(tested)) is None
    assert refusal(drill(None), world(tested)) is None, "a test asks for no test"


def test_one_that_lives_at_the_recovery_side_needs_no_test_to_come_home() -> None:
    home = item(provider="HyperVReplica2012R2", activeLocation="Recovery", lastSuccessfulTestFailoverTime=None)
    assert {check.name for check in make_plan(request("PlannedFailover"), world(home)).plan.checks} == FIVE


def test_warnings_refuse_what_is_real_and_are_reported_tests() -> None:
    sick = world(item(replicationHealth="Critical"))
    refused = refusal(request(), sick)
    assert refused is not None
    assert (refused.code, refused.target) == ("ChecksFailed", "acceptWarnings")
    assert [detail.code for detail in refused.details] == ["health"]
    assert refusal(request(acceptWarnings=True), sick) is None
    assert refusal(drill(None), sick) is None


def test_a_failure_is_never_overridden() -> None:
    seen = world(rails=GuardRails(blast_radius=0, two_person=False))
    assert refusal(request(acceptWarnings=True, acceptUntested=True), seen) is not None


def test_a_member_that_could_not_be_read_is_unknown_and_counts() -> None:
    seen = world(plan=plan([["web", "db"]]), unread=(ITEM.replace("web", "db"),), rails=GuardRails(blast_radius=1, two_person=False))
    assert [result for result, _ in found(request(), seen, CheckName.ACTION_ALLOWED)] == ["pass", "unknown"]
    assert found(request(), seen, CheckName.BLAST_RADIUS)[0][0] == "failure"


def test_azure_being_silent_is_unknown_and_refuses_what_is_real() -> None:
    silent = world(item(allowed=None))
    assert found(request(), silent, CheckName.ACTION_ALLOWED)[0][0] == "unknown"
    assert refusal(request(), silent) is not None
    assert refusal(request(acceptWarnings=True), silent) is None


def test_each_member_of_a_plan_is_checked() -> None:
    seen = world(item("web"), item("db", replicationHealth="Warning"), plan=plan([["web"], ["db"]]))
    checks = [check for check in make_plan(request(), seen).plan.checks if check.name is CheckName.HEALTH]
    assert [(check.target.rpartition("/")[2], check.result) for check in checks] == [("web", "pass"), ("db", "warning")]
    assert Action.TEST_FAILOVER in make_plan(request(), seen).allowed
