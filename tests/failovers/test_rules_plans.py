"""Which recovery point is meant, what a plan contains, and what its hash covers."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failovers.failing_over.requests import RecoveryPointChoice
from shared.failovers.failing_over.rules.checks import verdict
from shared.failovers.failing_over.rules.context import FailoverContext, GuardRails, Member
from shared.failovers.failing_over.rules.plans import for_leg, make_plan
from shared.failovers.failing_over.rules.points import choose
from shared.failovers.vault.facts import RecoveryPointFacts
from shared.failovers.vault.names import Action
from tests.failovers.samples import HOUR, ITEM, MINUTE, NETWORK, NOW, PLAN, POINT, item, plan, point, request, world

POINTS = (point("new", MINUTE), point("app", HOUR, "ApplicationConsistent"), point("old", 3 * HOUR))


def choice(sent: Any) -> RecoveryPointChoice:
    return RecoveryPointChoice.model_validate(sent)


@pytest.mark.parametrize(
    ("sent", "name", "is_sent"),
    [
        ("Latest", "new", False),
        ("LatestProcessed", "new", True),
        ("LatestCrashConsistent", "new", True),
        ("LatestApplicationConsistent", "app", True),
        ({"id": f"{ITEM}/recoveryPoints/OLD"}, "old", True),
        ({"at": (NOW - 2 * HOUR).isoformat()}, "old", True),
        ({"at": (NOW - HOUR).isoformat()}, "app", True),
    ],
)
def test_the_point_that_is_meant(sent: Any, name: str, is_sent: bool) -> None:
    chosen = choose(choice(sent), POINTS)
    assert chosen.point is not None
    assert chosen.point.id.endswith(f"/{name}")
    assert (chosen.send_id is not None) is is_sent, "the latest is made by Azure"


@pytest.mark.parametrize("sent", ["LatestApplicationConsistent", {"at": (NOW - 9 * HOUR).isoformat()}, {"id": POINT}])
def test_one_that_is_not_there_is_reported_with_what_is(sent: Any) -> None:
    chosen = choose(choice(sent), (point("new", MINUTE),))
    assert chosen.missing is not None
    assert (chosen.point, chosen.send_id) == (None, None)


def test_points_that_could_not_be_read_are_not_missing() -> None:
    assert choose(choice("LatestProcessed"), None).missing is None
    assert choose(choice({"id": POINT}), None).send_id == POINT


AGES = st.lists(st.integers(min_value=0, max_value=5000), min_size=1, max_size=8)


@given(AGES, st.integers(min_value=0, max_value=5000), st.randoms())
def test_at_a_time_is_the_newest_at_or_before_it_in_any_order(ages: list[int], at: int, shuffle: random.Random) -> None:
    points = [RecoveryPointFacts(f"{ITEM}/recoveryPoints/p{age}", NOW - timedelta(seconds=age)) for age in ages]
    shuffle.shuffle(points)
    fitting = [age for age in ages if age >= at]
    chosen = choose(choice({"at": (NOW - timedelta(seconds=at)).isoformat()}), points)
    assert (chosen.point.time if chosen.point else None) == (NOW - timedelta(seconds=min(fitting)) if fitting else None)


def three_groups() -> FailoverContext:
    return world(item("web"), item("db"), item("mail"), plan=plan([["db"], ["mail"], ["web"]]))


def test_a_plan_lists_its_members_by_group_and_its_legs_with_the_action_first() -> None:
    made = make_plan(request(scope={"recoveryPlanId": PLAN}, thenCommit=True), three_groups()).plan
    assert [(member.protected_item_id.rpartition("/")[2], member.group) for member in made.members] == [("db", 1), ("mail", 2), ("web", 3)]
    assert made.legs == (Action.UNPLANNED_FAILOVER, Action.COMMIT)
    body = made.as_json()
    assert set(body) == {"hash", "action", "scope", "members", "checks", "legs", "approval"}
    assert set(body["members"][0]) == {"protectedItemId", "group", "recoveryPoint"}
    assert set(body["members"][0]["recoveryPoint"]) == {"id", "time", "type"}
    assert set(body["checks"][0]) == {"name", "target", "result", "message"}


@pytest.mark.parametrize(
    ("sent", "provider", "legs"),
    [
        ({"thenCommit": True, "thenReprotect": True}, "A2A", "UnplannedFailover Commit Reprotect"),
        ({"thenCommit": True, "thenReprotect": True}, "HyperVReplica2012R2", "UnplannedFailover Commit ReverseReplicate"),
        ({"action": "Failback", "thenCommit": True, "thenReprotect": True}, "HyperVReplicaAzure", "Failback Commit ReverseReplicate"),
        ({"action": "Commit", "thenReprotect": True}, "A2A", "Commit Reprotect"),
        ({"commitWindow": {"duration": "PT1H", "then": "Commit"}}, "A2A", "UnplannedFailover Commit"),
        ({"commitWindow": {"duration": "PT1H", "then": "Alert"}}, "A2A", "UnplannedFailover"),
        ({"action": "TestFailover", "thenCleanup": {"after": "PT5M"}}, "A2A", "TestFailover TestFailoverCleanup"),
    ],
)
def test_the_legs_that_a_request_asks_for(sent: dict[str, Any], provider: str, legs: str) -> None:
    assert make_plan(request(**sent), world(item(provider=provider))).plan.legs == tuple(legs.split())


@pytest.mark.parametrize(
    ("action", "two_person", "approval"), [("Commit", True, "required"), ("Commit", False, "none"), ("TestFailover", True, "none")]
)
def test_everything_but_tests_needs_a_second_person_where_that_is_the_rule(action: str, two_person: bool, approval: str) -> None:
    assert make_plan(request(action), world(rails=GuardRails(two_person=two_person))).plan.approval == approval


def hash_of(seen: FailoverContext | None = None, **sent: Any) -> str:
    return make_plan(request(**sent), seen or world()).plan.hash


@given(st.randoms())
def test_the_hash_does_not_depend_on_an_order(shuffle: random.Random) -> None:
    one = three_groups()
    members = list(one.members)
    shuffle.shuffle(members)
    assert hash_of(replace(one, members=tuple(members)), scope={"recoveryPlanId": PLAN}) == hash_of(one, scope={"recoveryPlanId": PLAN})


def test_the_hash_is_of_what_is_meant_not_of_how_it_is_written() -> None:
    assert hash_of(scope={"protectedItemId": ITEM.replace("replicationProtectedItems/web", "REPLICATIONPROTECTEDITEMS/WEB")}) == hash_of()
    assert hash_of(options={"sourceSiteOperations": "Required", "recoveryPoint": "Latest"}) == hash_of()
    assert hash_of(reason="another word for it") == hash_of()


def test_newer_points_and_ages_within_the_limits_do_not_change_it() -> None:
    older = replace(world(), now=NOW + HOUR)
    newer = world(members=(Member(item(), owned=True, points=(point("p9", MINUTE),)),))
    assert hash_of(older) == hash_of(newer) == hash_of()


@pytest.mark.parametrize(
    "sent",
    [
        {"action": "PlannedFailover"},
        {"scope": {"protectedItemId": ITEM.replace("web", "db")}},
        {"options": {"recoveryPoint": "LatestProcessed"}},
        {"options": {"recoveryPoint": {"id": POINT}}},
        {"options": {"recoveryPoint": {"id": POINT.replace("p1", "p2")}}},
        {"options": {"sourceSiteOperations": "NotRequired"}},
        {"options": {"targetVmName": "web2"}},
        {"thenCommit": True},
        {"commitWindow": {"duration": "PT1H", "then": "Alert"}},
        {"action": "TestFailover"},
        {"action": "TestFailover", "options": {"network": NETWORK}},
    ],
)
def test_another_wish_is_another_plan(sent: dict[str, Any]) -> None:
    assert hash_of(**sent) != hash_of()


def test_no_two_of_those_are_the_same() -> None:
    windows = [{"duration": "PT1H", "then": "Alert"}, {"duration": "PT2H", "then": "Alert"}, {"duration": "PT1H", "then": "Commit"}]
    assert len({hash_of(commitWindow=window) for window in windows}) == 3
    assert hash_of(options={"recoveryPoint": {"id": POINT}}) != hash_of(options={"recoveryPoint": {"id": POINT.replace("p1", "p2")}})


@pytest.mark.parametrize(
    "moved",
    [
        world(item(replicationHealth="Warning")),
        world(item(details={"rpoInSeconds": 99999})),
        world(item(lastSuccessfulTestFailoverTime=None)),
        world(item(allowed=["Commit"])),
        world(owned=False),
        world(recently_moved=None),
        world(rails=GuardRails(two_person=True)),
    ],
)
def test_a_world_that_moved_is_another_plan(moved: FailoverContext) -> None:
    assert hash_of(moved) != hash_of()


def test_another_member_or_another_group_is_another_plan() -> None:
    scope = {"recoveryPlanId": PLAN}
    fewer = world(item("web"), item("db"), plan=plan([["db"], ["web"]]))
    regrouped = world(item("web"), item("db"), item("mail"), plan=plan([["db", "mail"], [], ["web"]]))
    assert len({hash_of(seen, scope=scope) for seen in (three_groups(), fewer, regrouped)}) == 3


def test_a_later_leg_is_guarded_like_a_request_of_its_own() -> None:
    whole = request(
        thenCommit=True, thenReprotect=True, acceptUntested=True, acceptWarnings=True, options={"sourceSiteOperations": "NotRequired"}
    )
    alone = for_leg(whole, Action.COMMIT)
    assert alone == request("Commit", acceptWarnings=True)
    ready, not_yet = make_plan(alone, world(item(allowed=["Commit"]))), make_plan(alone, world())
    assert verdict(ready.plan, alone, ready.allowed) is None
    assert verdict(not_yet.plan, alone, not_yet.allowed) is not None
