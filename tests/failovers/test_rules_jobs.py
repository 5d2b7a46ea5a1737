"""What a job's state means, how far it is, which one is ours, and when to look again."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failovers.failing_over.views import how_far, job_view, task_seconds, used_point
from shared.failovers.vault import jobs
from shared.failovers.vault.facts import ScenarioFacts
from shared.failovers.vault.jobs import JobEnd, JobQuery
from shared.failovers.vault.names import Action, JobState
from tests.failovers.samples import HOUR, ITEM, MINUTE, NOW, PLAN, job, task

OURS = "11111111-1111-4111-8111-111111111111"
THEIRS = "0bcc90bf-08b9-4f81-afe9-e3388bd47463"
SOUGHT = JobQuery(OURS, ITEM, Action.UNPLANNED_FAILOVER, NOW)


@pytest.mark.parametrize(
    ("state", "description", "end", "good"),
    [
        ("NotStarted", None, JobEnd.RUNNING, False),
        ("InProgress", "InProgress", JobEnd.RUNNING, False),
        ("Suspended", "WaitingForUserInput", JobEnd.SUSPENDED, False),
        ("Succeeded", "Completed", JobEnd.SUCCEEDED, True),
        ("Succeeded", None, JobEnd.SUCCEEDED, True),
        ("Succeeded", "CompletedWithInformation", JobEnd.INFORMED, True),
        ("Succeeded", "PartiallySucceeded", JobEnd.PARTIAL, False),
        ("Succeeded", "partially succeeded", JobEnd.PARTIAL, False),
        ("Succeeded", "Skipped", JobEnd.SKIPPED, False),
        ("Failed", "Failed", JobEnd.FAILED, False),
        ("Cancelled", "Cancelled", JobEnd.CANCELLED, False),
        ("Other", None, JobEnd.UNKNOWN, False),
        ("SomethingNew", None, JobEnd.UNKNOWN, False),
    ],
)
def test_what_a_state_means(state: str, description: str | None, end: JobEnd, good: bool) -> None:
    read = job(state, stateDescription=description)
    assert jobs.end_of(read) is end
    assert jobs.succeeded(read, Action.UNPLANNED_FAILOVER) is good
    assert (jobs.problem_of(read, Action.UNPLANNED_FAILOVER) is not None) is (end.is_over and not good)


def test_a_cleanup_that_found_nothing_has_done_its_work() -> None:
    assert jobs.succeeded(job("Succeeded", stateDescription="Skipped"), Action.TEST_FAILOVER_CLEANUP)


def test_a_failure_shows_where_why_and_what_is_recommended() -> None:
    error = {"serviceErrorDetails": {"code": "28031", "message": "No quota.", "recommendedAction": "Ask for more."}}
    read = job("Failed", tasks=[task("Prepare", "Succeeded", 5), task("StartVm", "Failed", 9, errors=[error])])
    problem = jobs.problem_of(read, Action.UNPLANNED_FAILOVER)
    assert problem is not None
    assert (problem.code, problem.target) == ("FailoverFailed", "job1")
    assert "StartVm" in problem.message
    assert [(detail.code, detail.message) for detail in problem.details] == [("28031", "No quota. Recommended: Ask for more.")]


@pytest.mark.parametrize(("state", "code"), [("PartiallySucceeded", "PartiallySucceeded"), ("Skipped", "FailoverFailed")])
def test_what_azure_calls_succeeded_and_is_not_has_a_code(state: str, code: str) -> None:
    problem = jobs.problem_of(job("Succeeded", stateDescription=state), Action.PLANNED_FAILOVER)
    assert problem is not None
    assert problem.code == code


@pytest.mark.parametrize(
    ("state", "tasks", "percent"),
    [
        ("InProgress", [], 0),
        ("InProgress", [task("a", "Succeeded", 1), task("b", "InProgress"), task("c", "NotStarted"), task("d", "NotStarted")], 37),
        ("InProgress", [task("a", "Succeeded", 1)], 99),
        ("Succeeded", [], 100),
        ("InProgress", [task("g", "InProgress", children=[task("a", "Succeeded", 1), task("b", "NotStarted")])], 50),
    ],
)
def test_the_percent_comes_from_the_tasks(state: str, tasks: list[Any], percent: int) -> None:
    assert jobs.percent(job(state, tasks=tasks)) == percent


@given(st.lists(st.sampled_from(JobState), max_size=6), st.sampled_from(JobState))
def test_only_what_is_over_is_at_a_hundred(states: list[JobState], state: JobState) -> None:
    shown = jobs.percent(job(state, tasks=[task(str(number), one) for number, one in enumerate(states)]))
    assert (shown == 100) is state.ended
    assert 0 <= shown <= 100


def test_of_two_looks_the_later_is_reported_by_what_is_done() -> None:
    looks = [
        job("NotStarted", tasks=[task("a", "NotStarted"), task("b", "NotStarted")]),
        job("InProgress", tasks=[task("a", "InProgress"), task("b", "NotStarted")]),
        job("InProgress", tasks=[task("a", "Succeeded", 1), task("b", "InProgress")]),
        job("InProgress", tasks=[task("a", "Succeeded", 1), task("b", "Succeeded", 1)]),
        job("Succeeded", tasks=[task("a", "Succeeded", 1), task("b", "Succeeded", 1)]),
    ]
    told = [how_far(job_view(look)) for look in looks]
    assert told == sorted(set(told))


def test_tasks_of_one_name_are_kept_apart() -> None:
    tasks = [
        task("Shutdown", "Succeeded", 7.5),
        task("Group 1", "Succeeded", 60, children=[task("Vm", "Succeeded", 20), task("Vm", "Succeeded", 30)]),
        task("Start", "InProgress"),
    ]
    shown = job_view(job("InProgress", tasks=tasks))
    assert [one.name for one in shown.tasks] == ["Shutdown", "Group 1/Vm", "Group 1/Vm (2)", "Start"]
    assert task_seconds(shown) == {"Shutdown": 7.5, "Group 1/Vm": 20, "Group 1/Vm (2)": 30}, "none of what still runs"


@pytest.mark.parametrize(
    ("description", "end"),
    [
        ("WaitingForStopTestFailover", JobEnd.AWAITS_CLEANUP),
        ("waiting for stop test failover", JobEnd.AWAITS_CLEANUP),
        ("WaitingForManualAction", JobEnd.SUSPENDED),
        (None, JobEnd.SUSPENDED),
    ],
)
def test_a_plans_test_failover_that_waits_for_its_cleanup_has_succeeded(description: str | None, end: JobEnd) -> None:
    read = job("Suspended", stateDescription=description, scenarioName="TestFailover")
    assert jobs.end_of(read) is end
    assert jobs.succeeded(read, Action.TEST_FAILOVER) is (end is JobEnd.AWAITS_CLEANUP)


def test_the_instructions_of_a_manual_action_are_shown() -> None:
    manual = {"instanceType": "ManualActionTaskDetails", "name": "dns", "instructions": "Point www to the recovery site."}
    shown = job_view(job("Suspended", tasks=[task("Unknown", "InProgress", friendlyName="Manual action: dns", customDetails=manual)]))
    assert [(one.name, one.instructions) for one in shown.tasks] == [("Manual action: dns", "Point www to the recovery site.")]


def test_the_point_that_was_used_and_its_age() -> None:
    def used(*times: str | None) -> Any:
        details = [{"name": "x", "recoveryPointId": f"p{number}", "recoveryPointTime": time} for number, time in enumerate(times)]
        return used_point(job(customDetails={"protectedItemDetails": details}), ())

    old, older = (NOW - MINUTE).isoformat(), (NOW - HOUR).isoformat()
    assert (used(old, older).id, used(old, older).age_seconds) == ("p1", 3600)
    assert used((NOW + MINUTE).isoformat()).age_seconds == 0, "made after the shutdown"
    assert (used("0001-01-01T00:00:00").id, used("0001-01-01T00:00:00").age_seconds) == ("p0", None)
    assert used() is None


def test_the_point_that_was_used_has_its_arm_id_where_its_item_is_known() -> None:
    def used(name: str, point: str, *items: str) -> Any:
        details = {"protectedItemDetails": [{"name": name, "recoveryPointId": point}]}
        found = used_point(job(customDetails=details), items)
        return found and found.id

    other = f"{ITEM}-other"
    name = ITEM.rpartition("/")[2]
    assert used(name.upper(), "p0", other, ITEM) == f"{ITEM}/recoveryPoints/p0"
    assert used("a name of Azure's own", "p0", ITEM) == f"{ITEM}/recoveryPoints/p0"
    assert used("a name of Azure's own", "p0", ITEM, other) == "p0", "of which of the two is not known"
    assert used(name, f"{ITEM}/recoveryPoints/p1", ITEM) == f"{ITEM}/recoveryPoints/p1"


def test_ours_is_found_by_its_activity_whatever_else_fits() -> None:
    other = job(name="theirs", activityId=f"{THEIRS}-P ActivityId: {OURS}")
    mine = job(name="mine", activityId=f"{OURS.upper()}-2026 ActivityId: x", scenarioName="Whatever", targetObjectId="?")
    found = jobs.find_job(SOUGHT, [other, mine])
    assert found is not None
    assert (found.name, found.how) == ("mine", "activityId")


@pytest.mark.parametrize(
    ("properties", "fits"),
    [
        ({}, True),
        ({"scenarioName": "RpUnplannedFailover"}, True),
        ({"targetObjectId": ITEM.upper()}, True),
        ({"startTime": (NOW - timedelta(seconds=4)).isoformat()}, True),
        ({"startTime": (NOW - MINUTE).isoformat()}, False),
        ({"startTime": "0001-01-01T00:00:00"}, False),
        ({"scenarioName": "PlannedFailover"}, False),
        ({"targetObjectId": "db"}, False),
        ({"targetObjectId": None}, False),
        ({"activityId": THEIRS}, False),
    ],
)
def test_without_an_activity_ours_is_found_by_target_scenario_and_start(properties: dict[str, Any], fits: bool) -> None:
    found = jobs.find_job(SOUGHT, [job(**{"activityId": None, **properties})])
    assert (found is not None and found.how == "target") is fits


@pytest.mark.parametrize(
    ("properties", "fits"),
    [
        ({"targetObjectName": "Shop", "targetInstanceType": "RecoveryPlan"}, True),
        ({"targetObjectName": "shop", "targetInstanceType": "ProtectionEntity"}, False),
        ({"targetObjectName": "other", "targetInstanceType": "RecoveryPlan"}, False),
    ],
)
def test_a_lost_start_of_a_plan_is_found_by_the_name_of_the_plan(properties: dict[str, Any], fits: bool) -> None:
    sought = JobQuery(OURS, PLAN, Action.UNPLANNED_FAILOVER, NOW, "shop")
    listed = job(activityId=None, targetObjectId="9b046cfb-69e2-474a-b62e-025c54e561a7", **properties)
    assert (jobs.find_job(sought, [listed]) is not None) is fits


def test_of_two_that_fit_the_first_one_is_ours() -> None:
    late, early = job(name="late", activityId=None, startTime=(NOW + MINUTE).isoformat()), job(name="early", activityId="")
    found = jobs.find_job(SOUGHT, [late, early])
    assert found is not None
    assert found.name == "early"


@pytest.mark.parametrize(
    ("scenario", "listed", "name"),
    [
        (ScenarioFacts("UnplannedFailover", "j7", NOW), [], "j7"),
        (ScenarioFacts("UnplannedFailover", "j7", NOW - MINUTE), [], None),
        (ScenarioFacts("Commit", "j7", NOW), [], None),
        (ScenarioFacts("UnplannedFailover", "j7", NOW), [job(name="J7", activityId=THEIRS)], None),
        (None, [], None),
    ],
)
def test_what_the_item_is_busy_with_is_ours_unless_it_is_anothers(
    scenario: ScenarioFacts | None, listed: list[Any], name: str | None
) -> None:
    found = jobs.find_job(SOUGHT, listed, scenario)
    assert (found.name if found else None) == name


@given(st.integers(min_value=0, max_value=10**6), st.booleans())
def test_the_next_look_is_soon_and_on_a_full_round(age: int, suspended: bool) -> None:
    now = NOW + timedelta(seconds=age, milliseconds=137)
    following = jobs.next_look(NOW, now, suspended=suspended)
    wait = (following - now).total_seconds()
    assert 15 <= wait <= 450
    assert round(following.timestamp(), 3) % 30 == 0, "so that a vault's jobs are looked at together"


def test_a_job_of_six_hours_is_looked_at_some_hundred_times() -> None:
    now, looks = NOW, 0
    while now < NOW + 6 * HOUR:
        now, looks = jobs.next_look(NOW, now), looks + 1
    assert looks < 250


def test_a_job_is_shown_with_its_tasks() -> None:
    shown = job_view(
        job(tasks=[task("a", "Succeeded", 1)], errors=[{"providerErrorDetails": {"errorCode": 7, "errorMessage": "no"}}])
    ).as_json()
    assert set(shown) == {"id", "state", "stateDescription", "startTime", "endTime", "tasks", "errors"}
    assert set(shown["tasks"][0]) == {"name", "state", "startTime", "endTime", "errors"}
    assert shown["errors"] == [{"code": "7", "message": "no", "possibleCauses": None, "recommendedAction": None, "source": "provider"}]
