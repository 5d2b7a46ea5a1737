"""Scripts and manual actions of a recovery plan follow the members of their group."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failovers.set_up.plan_rules import plan_groups
from shared.failovers.set_up.requests import GroupRequest
from shared.failovers.vault.names import GroupType
from tests.failovers.samples import CONTAINER, PLAN, item


def member(name: str) -> str:
    return f"{CONTAINER}/replicationProtectedItems/{name}"


def group(names: list[str], start: tuple[str, ...] = (), end: tuple[str, ...] = (), kind: str = "Boot") -> dict[str, Any]:
    return {
        "groupType": kind,
        "replicationProtectedItems": [{"id": member(name).upper()} for name in names],
        "startGroupActions": [{"actionName": one} for one in start],
        "endGroupActions": [{"actionName": one} for one in end],
    }


def plan(*groups: dict[str, Any]) -> dict[str, Any]:
    return {"id": PLAN, "properties": {"groups": list(groups)}}


TIDE = plan(
    group([], kind="Shutdown", start=("warn",)),
    group([], kind="Failover"),
    group(["tide-db"], ("mount-ledger",), ("harbour-master-nods",)),
    group(["tide-app"], ("turn-names",)),
    group(["tide-web"], (), ("ring-bell",)),
)
ACTIONS = {"tide-db": ["mount-ledger", "harbour-master-nods"], "tide-app": ["turn-names"], "tide-web": ["ring-bell"]}


def arranged(groups: list[list[str]], existing: dict[str, Any] | None) -> tuple[list[tuple[list[str], list[str]]], list[str]]:
    """Return the Boot groups as pairs of member names and action names, and the names of lost actions."""
    members = {one.key: one for name in {name for names in groups for name in names} if (one := item(name))}
    requested = [GroupRequest(members=tuple(member(name) for name in names)) for names in groups]
    made, lost = plan_groups(requested, members, existing)
    assert [one["groupType"] for one in made[:2]] == ["Shutdown", "Failover"]
    found = [
        (
            [one["id"].rpartition("/")[2] for one in each["replicationProtectedItems"]],
            [one["actionName"] for one in (*each["startGroupActions"], *each["endGroupActions"])],
        )
        for each in made[2:]
    ]
    if existing is TIDE:
        assert [one["actionName"] for one in made[0]["startGroupActions"]] == ["warn"]
    return found, [one.name for one in lost]


@pytest.mark.parametrize("order", list(permutations(ACTIONS)))
def test_actions_follow_their_group_in_any_order(order: tuple[str, ...]) -> None:
    found, lost = arranged([[name] for name in order], TIDE)
    assert found == [([name], ACTIONS[name]) for name in order]
    assert lost == []


def test_groups_that_are_merged_have_the_actions_of_both() -> None:
    found, lost = arranged([["tide-app"], ["tide-web", "tide-db", "tide-new"]], TIDE)
    assert found[0] == (["tide-app"], ["turn-names"])
    assert found[1][1] == ["mount-ledger", "harbour-master-nods", "ring-bell"]
    assert lost == []


def test_a_group_that_vanishes_loses_its_actions_by_name() -> None:
    found, lost = arranged([["tide-app"], ["tide-web"]], TIDE)
    assert [actions for _, actions in found] == [["turn-names"], ["ring-bell"]]
    assert lost == ["mount-ledger", "harbour-master-nods"]


def test_a_group_whose_members_are_split_loses_its_actions() -> None:
    both = plan(group(["a", "b"], ("start",), ("end",)))
    assert arranged([["a"], ["b"]], both)[1] == ["start", "end"]
    assert arranged([["a", "c"], ["d"]], both)[0][0][1] == ["start", "end"], "b left the plan"


def test_groups_without_members_are_matched_among_each_other() -> None:
    there = plan(group([], ("call",)), group(["a"]), group([], ("write",)))
    found, lost = arranged([["a"], [], []], there)
    assert [actions for _, actions in found] == [[], ["call"], ["write"]]
    assert lost == []
    assert arranged([["a"], []], there)[1] == ["call", "write"]


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True, max_size=3), min_size=1, max_size=5), st.data())
def test_no_action_moves_to_other_machines_or_is_dropped_unnamed(groups: list[list[str]], data: st.DataObject) -> None:
    seen: set[str] = set()
    now = [[name for name in names if not (name in seen or seen.add(name))] for names in groups]  # type: ignore[func-returns-value]
    there = plan(*(group(names, (f"s{number}",), (f"e{number}",)) for number, names in enumerate(now)))
    shuffled = data.draw(st.permutations("abcdef"))
    cuts = sorted(data.draw(st.lists(st.integers(0, 6), max_size=3)))
    wanted = [list(shuffled[start:end]) for start, end in zip([0, *cuts], [*cuts, 6], strict=True)]
    found, lost = arranged(wanted, there)
    assert sorted([*lost, *(one for _, actions in found for one in actions)]) == sorted(
        f"{kind}{number}" for number in range(len(now)) for kind in "se"
    )
    for held, actions in found:
        for action in actions:
            assert set(now[int(action[1:])]) & {name for one in wanted for name in one} <= set(held)


def test_every_group_type_of_azure_is_kept_in_order() -> None:
    made, lost = plan_groups([GroupRequest(), GroupRequest(type=GroupType.FAILOVER), GroupRequest(type=GroupType.SHUTDOWN)], {}, None)
    assert [one["groupType"] for one in made] == ["Shutdown", "Failover", "Boot"]
    assert lost == []
