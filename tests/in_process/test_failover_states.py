"""Each action in each state: what docs/azure/site-recovery.md allows works, all else is refused before any write, with what is allowed."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime

import pytest

from tests.support.api import Caller
from tests.support.running import Running, new_key
from tests.support.sites import Json, Maker, Sites, of_item

ACTIONS = (
    *("TestFailover", "TestFailoverCleanup", "PlannedFailover", "UnplannedFailover", "Failback"),
    *("Commit", "Cancel", "Reprotect", "ReverseReplicate", "ApplyRecoveryPoint"),
)
OUT = {"phase": "failedOver", "activeLocation": "Recovery"}
COMMITTED = {"phase": "committed", "activeLocation": "Recovery"}
TESTED = {"testFailoverState": "WaitingForCompletion"}
RUNNING = {"job": "00000000-0000-4000-8000-000000000001", "scenario": "RepairReplication", "scenarioStart": "2020-01-01T00:00:00Z"}

#: What a tenant may ask for, by the provider and the state (members of the estate's item).
TABLE: dict[str, dict[str, tuple[Json, set[str]]]] = {
    "HyperVReplicaAzure": {
        "protected": ({}, {"TestFailover", "PlannedFailover", "UnplannedFailover"}),
        "tested and cleaned up": ({"testFailoverState": "MarkedForDeletion"}, {"TestFailover", "PlannedFailover", "UnplannedFailover"}),
        "critical": ({"replicationHealth": "Critical"}, {"TestFailover", "PlannedFailover", "UnplannedFailover"}),
        "under test": (TESTED, {"TestFailoverCleanup"}),
        "failed over": (OUT, {"Commit", "ApplyRecoveryPoint"}),
        "failed over, unplanned": (OUT | {"unplanned": True}, {"Commit", "ApplyRecoveryPoint"}),
        "committed": (COMMITTED, {"Failback"}),
        "failing back": ({"phase": "failingBack", "activeLocation": "Recovery"}, set()),
        "failed back": ({"phase": "failedBack"}, {"Commit"}),
        "failback committed": ({"phase": "failbackCommitted"}, {"ReverseReplicate"}),
        "busy": (RUNNING, set()),
    },
    "A2A": {
        "protected": ({}, {"TestFailover", "UnplannedFailover"}),
        "under test": (TESTED, {"TestFailoverCleanup"}),
        "failed over": (OUT, {"Commit", "ApplyRecoveryPoint", "Cancel"}),
        "committed": (COMMITTED, {"Reprotect"}),
        "busy": (RUNNING, set()),
    },
    "HyperVReplica2012R2": {
        "protected": ({}, {"TestFailover", "PlannedFailover", "UnplannedFailover"}),
        "under test": (TESTED, {"TestFailoverCleanup"}),
        "failed over": (OUT, {"Commit", "Cancel"}),
        "committed": (COMMITTED, {"ReverseReplicate"}),
        "busy": (RUNNING, set()),
    },
    "InMageRcm": {
        "protected": ({}, {"TestFailover", "UnplannedFailover"}),
        "under test": (TESTED, {"TestFailoverCleanup"}),
        "failed over": (OUT, {"Commit", "ApplyRecoveryPoint"}),
        "committed": (COMMITTED, set()),
        "busy": (RUNNING, set()),
    },
    "InMageAzureV2": {
        "protected": ({}, {"TestFailover", "UnplannedFailover"}),
        "under test": (TESTED, {"TestFailoverCleanup"}),
        "failed over": (OUT, {"Commit", "ApplyRecoveryPoint"}),
        "committed": (COMMITTED, {"ReverseReplicate"}),
        "busy": (RUNNING, set()),
    },
}
_SIDE_BY_SIDE = 6
CASES = [(provider, state) for provider, states in TABLE.items() for state in states]


@pytest.fixture(scope="module")
def items(sites_stack: Sites) -> dict[tuple[str, str, str], str]:
    """Put an item into each state: one for all refusals, and one for each action that is allowed there."""
    stack = sites_stack.stack
    stack.control("DELETE", "faults")
    estate, now = stack.control("GET", "estate"), _now(stack)
    maker = Maker(estate, now)
    made: dict[tuple[str, str, str], str] = {}
    for number, (provider, state) in enumerate(CASES):
        members, allowed = TABLE[provider][state]
        tenant = "contoso" if provider == "A2A" else "provider"
        for action in ("", *sorted(allowed)):
            made[provider, state, action] = maker.item(f"state{number}{action}", provider, tenant=tenant, **members)
    stack.control("PUT", "estate", estate)
    return made


def _now(stack: Running) -> datetime:
    return datetime.fromisoformat(stack.control("GET", "clock")["now"])


def _body(item: str, action: str) -> Json:
    options: Json = {"options": {"network": None}} if action == "TestFailover" else {}
    if action == "ApplyRecoveryPoint":
        options = {"options": {"recoveryPoint": "LatestProcessed"}}
    accepts = {"acceptUntested": True} if action in {"PlannedFailover", "UnplannedFailover"} else {}
    accepts |= {} if action.startswith("Test") else {"acceptWarnings": True}
    return of_item(item, action, **options, **accepts)


def _caller(sites: Sites, provider: str) -> Caller:
    return sites.caller("contoso" if provider == "A2A" else "provider")


@contextmanager
def _reads_to_spend(sites: Sites) -> Iterator[None]:
    """Let Azure's clock run: what it lets one read would be used up otherwise, and what cannot be read is accepted and found later."""
    sites.stack.control("POST", "clock", {"speed": 60})
    yield
    sites.stack.control("POST", "clock", {"speed": 0})


@pytest.mark.parametrize("provider", TABLE)
def test_what_is_not_allowed_is_refused_before_any_write(sites: Sites, items: dict[tuple[str, str, str], str], provider: str) -> None:
    caller = _caller(sites, provider)
    before = len(sites.stack.control("GET", "effects")["value"])
    refused = {state: [action for action in ACTIONS if action not in allowed] for state, (_, allowed) in TABLE[provider].items()}
    pairs = [(state, action) for state, actions in refused.items() for action in actions]
    # a dry run makes the same check: one action of each state is tried by it too
    tried = {(state, actions[number % len(actions)]) for number, (state, actions) in enumerate(refused.items())}

    def ask(pair: tuple[str, str]) -> None:
        state, action = pair
        item = items[provider, state, ""]
        for query in ("", "?dryRun=true") if pair in tried else ("",):
            reply = caller.post(f"/failovers{query}", _body(item, action), key=None if query else new_key())
            if query:
                failed = {check["name"] for check in reply.body["checks"] if check["result"] == "failure"}
                assert (reply.status, "actionAllowed" in failed) == (200, True), (state, action, reply)
                continue
            assert reply.status == 409, (state, action, reply)
            assert reply.code == "ActionNotAllowed", (state, action, reply)
            allowed = {detail["code"] for detail in reply.error.get("details", [])}
            assert allowed == TABLE[provider][state][1], (state, action, reply.error)
            assert all(name in reply.error["message"] for name in allowed), (state, action, reply.error)

    with _reads_to_spend(sites), ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, pairs))
    assert len(sites.stack.control("GET", "effects")["value"]) == before
    assert len(pairs) >= 38


def test_what_is_allowed_works(sites: Sites, items: dict[tuple[str, str, str], str]) -> None:
    asked = [(provider, state, action) for provider, state in CASES for action in sorted(TABLE[provider][state][1])]

    def ask(case: tuple[str, str, str]) -> str:
        provider, _, action = case
        reply = _caller(sites, provider).post("/failovers", _body(items[case], action), key=new_key())
        assert reply.status == 202, (case, reply)
        return str(reply.body["id"])

    failovers = []
    for case in asked:
        failovers.append(ask(case))
        if len(failovers) % _SIDE_BY_SIDE == 0:
            sites.stack.advance("PT1M")  # what Azure lets one read fills again
    seen: dict[tuple[str, str, str], Json] = {}
    for _ in range(40):
        sites.stack.advance("PT10M")
        for case, failover in zip(asked, failovers, strict=True):
            if case in seen and seen[case]["completedAt"]:
                continue
            seen[case] = _caller(sites, case[0]).get(f"/failovers/{failover}").body
            if seen[case]["step"] == "suspended":
                sites.caller().post(f"/failovers/{failover}/resume")
        if all(one["completedAt"] for one in seen.values()):
            break
    ended = {case: (one["status"], json.dumps(one["error"])) for case, one in seen.items()}
    assert {case: how for case, how in ended.items() if how[0] != "Succeeded"} == {}
