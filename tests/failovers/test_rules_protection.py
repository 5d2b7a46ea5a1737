"""Which machines a protection policy protects, which it skips and why, and how often a failure is tried again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.failovers.protection import rules
from shared.failovers.protection.rules import Candidate, Choice, Note
from shared.failovers.vault.names import ProtectionReason as Reason
from shared.failovers.vault.names import ProtectionState as State
from tests.failovers.samples import CONTAINER, DAY, HOUR, MINUTE, NOW

MACHINE = Candidate(f"{CONTAINER}/replicationProtectableItems/11", "web01")
ALL = Choice(("*",), (), NOW - DAY)

names = st.text("abcXYZ01-_ ", min_size=1, max_size=20)
patterns = st.text("abX0*?-", min_size=1, max_size=12)
candidates = st.builds(Candidate, st.just(MACHINE.id), names, st.booleans(), *[st.lists(st.just("a fault"), max_size=1).map(tuple)] * 2)
notes = st.none() | st.builds(
    Note,
    st.sampled_from(State),
    st.integers(0, 100).map(lambda hours: NOW - hours * HOUR),
    st.integers(0, 40),
    st.none() | st.integers(-48, 48).map(lambda hours: NOW + hours * HOUR),
)
choices = st.builds(
    Choice,
    st.lists(patterns, min_size=1, max_size=3).map(tuple),
    st.lists(patterns, max_size=3).map(tuple),
    st.integers(0, 100).map(lambda hours: NOW - hours * HOUR),
)


def protectable(**properties: Any) -> dict[str, Any]:
    details = {
        "instanceType": "VmmVirtualMachine",
        "generation": "1",
        "diskDetails": [{"vhdId": "os", "vhdType": "OperatingSystem", "maxSizeMB": 65536}],
        **properties.pop("details", {}),
    }
    given_ = {"friendlyName": "web01", "protectionStatus": "Unprotected", "supportedReplicationProviders": ["HyperVReplicaAzure"]}
    return {"id": MACHINE.id, "name": "11", "properties": {**given_, "customDetails": details, **properties}}


@given(candidates, choices, notes)
def test_only_a_fit_machine_that_was_not_protected_or_let_go_is_protected(machine: Candidate, choice: Choice, note: Note | None) -> None:
    decision = rules.decide(machine, choice, note, NOW)
    if decision.protects:
        assert rules.chosen(choice, machine.name)
        assert not machine.protected
        assert not machine.errors
        assert not machine.faults
        assert note is None or note.state is State.FAILED
    assert decision.message.endswith(".")
    # whatever changes with time, what was let go stays so
    if note is not None and note.state in {State.PROTECTED, State.CANCELED, State.RUNNING}:
        later = rules.decide(replace(machine, errors=(), faults=()), replace(choice, since=NOW + DAY), note, NOW + 400 * DAY)
        assert not later.protects


@given(candidates, choices)
def test_a_new_machine_is_protected_or_there_is_a_reason(machine: Candidate, choice: Choice) -> None:
    decision = rules.decide(machine, choice, None, NOW)
    expected = (
        Reason.NOT_CHOSEN
        if not rules.chosen(choice, machine.name)
        else Reason.PROTECTED
        if machine.protected
        else Reason.NOT_READY
        if machine.errors
        else Reason.BEYOND_LIMITS
        if machine.faults
        else Reason.NEW
    )
    assert decision.reason is expected


@given(st.integers(1, 10**6))
def test_a_failure_is_tried_again_ever_more_rarely_but_always(attempts: int) -> None:
    wait = rules.wait_after(attempts)
    assert rules.FIRST_WAIT <= wait <= rules.LONGEST_WAIT
    assert rules.wait_after(attempts + 1) == min(2 * wait, rules.LONGEST_WAIT)
    note = Note(State.FAILED, NOW, attempts, NOW + wait)
    assert rules.decide(MACHINE, ALL, note, NOW + wait - timedelta(seconds=1)).reason is Reason.FAILED_LATELY
    assert rules.decide(MACHINE, ALL, note, NOW + wait).reason is Reason.RETRY


def test_a_day_of_failures_is_no_more_than_seven_attempts() -> None:
    at, attempts = NOW, 0
    while at < NOW + DAY:
        attempts += 1
        at += rules.wait_after(attempts)
    assert attempts <= 7


def test_a_policy_that_was_changed_is_tried_at_once() -> None:
    note = Note(State.FAILED, NOW - MINUTE, 3, NOW + HOUR)
    assert rules.decide(MACHINE, ALL, note, NOW).reason is Reason.FAILED_LATELY
    assert rules.decide(MACHINE, replace(ALL, since=NOW), note, NOW).reason is Reason.RETRY


@given(names, st.integers(1, 5), st.integers(1, 5))
def test_an_attempt_has_one_key_whatever_the_case(policy: str, attempt: int, other: int) -> None:
    key = rules.attempt_key(policy, f"{CONTAINER}/replicationProtectableItems/aB", attempt)
    assert key == rules.attempt_key(policy, f"{CONTAINER}/replicationProtectableItems/ab", attempt)
    assert (key == rules.attempt_key(policy, f"{CONTAINER}/replicationProtectableItems/ab", other)) == (attempt == other)
    assert key != rules.attempt_key(policy, f"{CONTAINER}/replicationProtectableItems/abc", attempt)


@pytest.mark.parametrize(
    ("include", "exclude", "name", "taken"),
    [
        (("*",), (), "anything at all", True),
        (("web*",), (), "WEB01", True),
        (("web*",), (), "my-web01", False),
        (("web0?",), (), "web01", True),
        (("web0?",), (), "web011", False),
        (("*",), ("*-test",), "web-TEST", False),
        (("a.b",), (), "aXb", False),
        (("db*", "web*"), ("web02",), "web01", True),
    ],
)
def test_names_are_chosen_by_patterns(include: tuple[str, ...], exclude: tuple[str, ...], name: str, *, taken: bool) -> None:
    assert rules.chosen(Choice(include, exclude, NOW), name) is taken


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        ({}, Reason.NEW, "new"),
        ({"protectionStatus": "Protected"}, Reason.PROTECTED, "protected"),
        ({"replicationProtectedItemId": f"{CONTAINER}/replicationProtectedItems/x"}, Reason.PROTECTED, "protected"),
        ({"protectionReadinessErrors": ["It has a shared disk"]}, Reason.NOT_READY, "shared disk"),
        ({"supportedReplicationProviders": ["HyperVReplica2012R2"]}, Reason.NOT_READY, "HyperVReplica2012R2"),
        ({"friendlyName": "under_score"}, Reason.BEYOND_LIMITS, "letters, digits and hyphens"),
        ({"friendlyName": "x" * 64}, Reason.BEYOND_LIMITS, "63"),
        ({"details": {"hasFibreChannelAdapter": "Present"}}, Reason.BEYOND_LIMITS, "Fibre Channel"),
        ({"details": {"generation": "2", "diskDetails": [{"vhdId": "os", "vhdType": "OperatingSystem", "maxSizeMB": 301 * 1024}]}},
         Reason.BEYOND_LIMITS, "301 GB"),
    ],
)  # fmt: skip
def test_what_azure_shows_of_a_machine_decides(change: dict[str, Any], reason: Reason, words: str) -> None:
    decision = rules.decide(rules.candidate(protectable(**change)), ALL, None, NOW)
    assert decision.reason is reason
    assert words in decision.message


@given(notes)
def test_a_machine_that_is_protected_is_noted_once(note: Note | None) -> None:
    protected = replace(MACHINE, protected=True)
    assert not rules.seen_protected(MACHINE, note)
    noted = Note(State.PROTECTED, NOW)
    assert not rules.seen_protected(protected, noted)
    if rules.seen_protected(protected, note):
        assert rules.decide(MACHINE, ALL, noted, NOW).reason is Reason.LET_GO


@pytest.mark.parametrize("name", ["Kontor Süd 01", "scale_house_02", "web.example"])
def test_a_machine_whose_name_azure_refuses_is_not_protected(name: str) -> None:
    decision = rules.decide(rules.candidate(protectable(friendlyName=name)), ALL, None, NOW)
    assert (decision.protects, decision.reason) == (False, Reason.BEYOND_LIMITS)
    assert name in decision.message
