"""Bodies that Azure answered (recordings of 2021 to 2023), as they are and damaged: no exception, and the right meaning."""

import copy
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from shared.errors import Refused
from shared.failovers.failing_over import views as failover_views
from shared.failovers.set_up import policy_rules, rules
from shared.failovers.set_up.requests import PolicyRequest, ProtectRequest
from shared.failovers.set_up.snapshot import cloud_of, fabric_of, policy_of
from shared.failovers.vault import gateway, jobs, views
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts, ProviderFacts, RecoveryPointFacts
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.limits import machine_of
from shared.failovers.vault.names import Action, JobState
from shared.values.reading import an_object, objects
from tests.failovers.samples import CONTAINER, NOW, VAULT

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
pytestmark = pytest.mark.skipif("FARSHORE_SHARED" not in os.environ, reason="the recordings lie in the shared folder: set FARSHORE_SHARED")


def _recorded() -> dict[str, Any]:
    if "FARSHORE_SHARED" not in os.environ:
        return {}
    text = (Path(os.environ["FARSHORE_SHARED"]) / "spec/recordings_asr_2021_2023.json").read_text()
    found: dict[str, Any] = json.loads(text.replace("{subscription-id}", SUBSCRIPTION))
    return found


RECORDED = _recorded()
JOBS = ("test_failover_job", "job_just_begun", "cleanup_job", "plan_job")


def _of_job(body: Any) -> Any:
    job = JobFacts.from_arm(body)
    shown, row = failover_views.job_view(job), views.job_row(job)
    ends = [jobs.end_of(job), *(jobs.succeeded(job, action) for action in Action), jobs.problem_of(job, Action.TEST_FAILOVER)]
    point = failover_views.used_point(job, ())
    tasks = [(name, task.state, task.started_at, task.ended_at) for name, task in job.leaves]
    return ends, jobs.percent(job), tasks, (row.target or "").lower(), shown.start_time, point and point.id, jobs.next_look(NOW, NOW)


def _of_list(body: Any) -> Any:
    return [views.protectable_view(one) for one in objects(body, "value")]


READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(JOBS, _of_job),
    "container": lambda body: views.cloud_view(body, [RECORDED["container_mapping"], body]).protected_item_count,
    "container_mapping": lambda body: views.cloud_view(RECORDED["container"], [body]).policies,
    "protectable_items": lambda body: [(one.id, one.name, one.disks[0].size_mb if one.disks else None) for one in _of_list(body)],
    "protectable_items_last_page": _of_list,
    "network_mapping": lambda body: views.network_mapping_view(body).recovery_network,
    "fabric": lambda body: (views.fabric_view(body).name, (views.fabric_view(body).type or "").lower()),
    "policy": lambda body: views.policy_view(body, [RECORDED["container_mapping"], body]).copy_frequency_seconds,
}


def _of_policy(body: Any) -> Any:
    provider = policy_rules.provider_of(PolicyRequest(), body)
    return policy_rules.put_policy("p", PolicyRequest.model_validate({"recoveryPointHours": 2}), provider, body) if provider else None


def _of_machines(body: Any) -> Any:
    asked = ProtectRequest.model_validate(
        {"protectableItemId": f"{CONTAINER}/replicationProtectableItems/one", "policy": "p", "osType": "Linux"}
    )
    found = objects(body, "value")
    return [rules.protect_hyper_v("item", asked, one, "policy").body for one in found], [machine_of(one) for one in found]


def _of_fabric(body: Any) -> Any:
    with suppress(Refused):
        return fabric_of([body], "primaryNetwork", "n", {"location": "westeurope"})


SET_UP: dict[str, Callable[[Any], Any]] = {
    "policy": _of_policy,
    "protectable_items": _of_machines,
    "protectable_items_last_page": _of_machines,
    "container_mapping": lambda body: (rules.dissociate(body, "scope", 0), cloud_of(body), policy_of(body)),
    "network_mapping": lambda body: rules.put_network_mapping("m", f"{VAULT}/virtualNetworks/n", "fabric", body),
    "fabric": _of_fabric,
    "cleanup_accepted": lambda body: gateway.job_name(
        CIMultiDict({str(k): str(v) for k, v in an_object(an_object(body, "response"), "headers").items()})
    ),
}
"""What changes of the set-up read."""
WORDS = frozenset({"state", "stateDescription", "targetInstanceType", "instanceType", "taskType", "rpGroupType", "scenarioName"})
"""Members whose values are words of Azure's, which it may write in any case."""


def _paths(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(body, dict | list):
        for key, value in body.items() if isinstance(body, dict) else enumerate(body):
            yield (*path, key)
            yield from _paths(value, (*path, key))


def _changed(body: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    after = copy.deepcopy(body)
    holder = after
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return after


def _mapped(body: Any, member: Callable[[str, Any], tuple[str, Any]]) -> Any:
    if isinstance(body, dict):
        return dict(member(key, _mapped(value, member)) for key, value in body.items())
    return [_mapped(one, member) for one in body] if isinstance(body, list) else body


def _other_case(key: str, value: Any) -> tuple[str, Any]:
    return key, value.upper() if key in WORDS and isinstance(value, str) else value


def _numbers_as_text(key: str, value: Any) -> tuple[str, Any]:
    return key, str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _with_unknown(body: Any) -> Any:
    if isinstance(body, dict):
        return {"somethingNew": {"nested": [None]}, **{key: _with_unknown(value) for key, value in body.items()}}
    return [_with_unknown(one) for one in body] if isinstance(body, list) else body


def test_every_recorded_body_has_a_reader() -> None:
    assert set(READERS) | set(SET_UP) == set(RECORDED) - {"source", "note", "what_they_show"}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "change",
    [
        lambda body: _mapped(body, lambda key, value: (key.upper(), value)),
        lambda body: _mapped(body, _other_case),
        lambda body: _mapped(body, _numbers_as_text),
        _with_unknown,
    ],
    ids=["names of members in another case", "words in another case", "numbers as text", "unknown members"],
)
def test_what_azure_may_write_otherwise_means_the_same(name: str, change: Callable[[Any], Any]) -> None:
    assert READERS[name](change(RECORDED[name])) == READERS[name](RECORDED[name])


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("value", ["left out", None, "something new", 5, [], {}, [None], "0001-01-01T00:00:00"])
def test_a_damaged_member_is_never_an_error(name: str, value: Any) -> None:
    def damage(holder: Any, key: Any) -> None:
        if value == "left out":
            del holder[key]
        else:
            holder[key] = value

    for path in _paths(RECORDED[name]):
        READERS[name](_changed(RECORDED[name], path, damage))


@pytest.mark.parametrize("name", SET_UP)
@pytest.mark.parametrize("value", ["left out", None, "something new", 5, [], {}, [None]])
def test_a_damaged_member_is_never_an_error_of_the_set_up(name: str, value: Any) -> None:
    def damage(holder: Any, key: Any) -> None:
        if value == "left out":
            del holder[key]
        else:
            holder[key] = value

    SET_UP[name](RECORDED[name])
    for path in _paths(RECORDED[name]):
        SET_UP[name](_changed(RECORDED[name], path, damage))


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_several_damaged_members_are_never_an_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(READERS)))
    body = RECORDED[name]
    for _ in range(data.draw(st.integers(2, 5))):
        paths = list(_paths(body))
        if not paths:
            break
        path = data.draw(st.sampled_from(paths))
        value: Any = data.draw(st.sampled_from([None, "x", 7, True, [], {}, [[]], {"state": 7}]))

        def put(holder: Any, key: Any, value: Any = value) -> None:
            holder[key] = value

        body = _changed(body, path, put)
    READERS[name](body)
    for read in (ProtectedItemFacts, PlanFacts, ProviderFacts, RecoveryPointFacts, JobFacts):
        read.from_arm(body)


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("state", [None, "", "Paused", 7])
def test_a_job_of_unknown_state_is_neither_over_nor_done(name: str, state: object) -> None:
    job = JobFacts.from_arm(_changed(RECORDED[name], ("properties", "state"), lambda holder, key: holder.__setitem__(key, state)))
    assert job.state is JobState.OTHER
    assert not jobs.end_of(job).is_over
    assert not any(jobs.succeeded(job, action) for action in Action)


def test_a_job_that_has_just_begun_runs_and_is_found_by_its_request() -> None:
    job = JobFacts.from_arm(RECORDED["job_just_begun"])
    assert (job.state, job.started_at, job.leaves, jobs.percent(job)) == (JobState.NOT_STARTED, None, (), 0)
    sought = jobs.JobQuery("30df84e6-8809-4c4e-b31b-9ea358690e6e", f"/x/{job.name}", Action.TEST_FAILOVER_CLEANUP, NOW)
    found = jobs.find_job(sought, [job])
    assert found is not None
    assert found.how == "activityId"


def test_the_tasks_of_a_plan_have_the_names_that_azure_shows_and_a_time_each() -> None:
    job = JobFacts.from_arm(RECORDED["plan_job"])
    names = [name for name, _ in job.leaves]
    assert names == [
        "RpSrsPrerequisitesCheck",
        "All groups shutdown (1)/Shutdown: Group 1 (1)/a2avm918",
        "Recovery plan failover/a2avm918",
        "Group 1: Start (1)/a2avm918",
        "EndRecoveryPlanTask",
    ]
    assert set(failover_views.task_seconds(failover_views.job_view(job))) == set(names)


def test_the_job_of_an_accepted_clean_up_is_named_by_either_header() -> None:
    headers = dict(RECORDED["cleanup_accepted"]["response"]["headers"])
    for left_out in (None, "Location", "Azure-AsyncOperation"):
        known = {name: value for name, value in headers.items() if name != left_out}
        assert gateway.job_name(known) == "f21f8bf1-384c-410d-aea9-28a1311e50b3"


def test_a_plans_job_works_on_the_plan_that_its_name_names() -> None:
    job = JobFacts.from_arm(RECORDED["plan_job"])
    assert job.works_on("a2arp918", "A2ARP918", is_plan=True)
    assert not job.works_on("a2arp918", "A2ARP918", is_plan=False)
    assert not job.works_on("other", is_plan=True)
    of_item = JobFacts.from_arm(RECORDED["test_failover_job"])
    assert of_item.works_on("b07c9911-5777-474f-a6db-ab0cfa841dd3", "PowershellVm1", is_plan=False)
    assert of_item.works_on("protected-vm1", "PowershellVm1", is_plan=False), "an A2A item has a name of its own"
    assert not of_item.works_on("11111111-1111-1111-1111-111111111111", "PowershellVm1", is_plan=False), "another machine of the same name"
