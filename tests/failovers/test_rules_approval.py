"""Whose approval counts, of what, and until when."""

from dataclasses import replace

import pytest

from shared.errors import Problem
from shared.failovers.approvals import rules as approval
from shared.failovers.approvals.rules import ApprovalRecord, PlanChanged
from shared.failovers.failing_over.rules.context import GuardRails
from shared.failovers.failing_over.rules.plans import make_plan
from shared.failovers.vault.names import ApprovalState
from shared.operations.model.models import Actor
from tests.failovers.samples import HOUR, MINUTE, NOW, item, request, world

RAILS = GuardRails()
PLAN = make_plan(request(), world(rails=RAILS)).plan
CHANGED = make_plan(request(), world(item(replicationHealth="Warning"), rails=RAILS)).plan
ANNA, BERT = Actor("user", "AAAA-1", "anna"), Actor("user", "bbbb-2", "anna")
PENDING = approval.ask(PLAN, NOW, RAILS)


def test_a_plan_that_needs_it_waits_for_a_day() -> None:
    assert (PENDING.state, PENDING.plan_hash, PENDING.expires_at) == (ApprovalState.PENDING, PLAN.hash, NOW + 24 * HOUR)
    alone = make_plan(request(), world()).plan
    assert approval.ask(alone, NOW, RAILS).state is ApprovalState.NOT_REQUIRED


def test_a_second_person_approves_this_plan() -> None:
    done = approval.approve(PENDING, PLAN.hash, PLAN, ANNA, BERT, NOW + HOUR)
    assert done == PENDING.model_copy(update={"state": ApprovalState.APPROVED, "by": BERT, "at": NOW + HOUR})
    assert isinstance(done, ApprovalRecord)
    assert approval.may_start(done)
    assert not approval.may_start(PENDING)


@pytest.mark.parametrize(
    ("approver", "code"),
    [
        (ANNA, "OwnApproval"),
        (replace(ANNA, id="aaaa-1 ", name="somebody else"), "OwnApproval"),
        (Actor("app", "cccc-3"), "PersonRequired"),
        (Actor("queue", "failover-requests"), "PersonRequired"),
        (Actor("user", ""), "PersonRequired"),
    ],
)
def test_the_requesters_own_approval_or_a_programs_does_not_count(approver: Actor, code: str) -> None:
    refused = approval.approve(PENDING, PLAN.hash, PLAN, ANNA, approver, NOW)
    assert isinstance(refused, Problem)
    assert refused.code == code


def test_a_request_by_an_app_is_approved_by_any_person() -> None:
    assert isinstance(approval.approve(PENDING, PLAN.hash, PLAN, Actor("app", "x"), ANNA, NOW), ApprovalRecord)


@pytest.mark.parametrize(("given", "now_is"), [("0" * 64, PLAN), (PLAN.hash, CHANGED), (CHANGED.hash, CHANGED)])
def test_an_approval_of_another_plan_does_not_count_and_the_new_one_waits(given: str, now_is: object) -> None:
    moved = approval.approve(PENDING, given, now_is, ANNA, BERT, NOW)  # type: ignore[arg-type]  # a Plan
    assert isinstance(moved, PlanChanged)
    assert moved.problem.code == "PlanChanged"
    assert moved.record == PENDING.model_copy(update={"plan_hash": now_is.hash})  # type: ignore[attr-defined]  # a Plan


def test_the_new_plan_can_be_approved() -> None:
    moved = approval.approve(PENDING, PLAN.hash, CHANGED, ANNA, BERT, NOW)
    assert isinstance(moved, PlanChanged)
    assert isinstance(approval.approve(moved.record, CHANGED.hash, CHANGED, ANNA, BERT, NOW), ApprovalRecord)


def test_an_approval_without_a_hash_is_of_nothing() -> None:
    refused = approval.approve(PENDING, None, PLAN, ANNA, BERT, NOW)
    assert isinstance(refused, Problem)
    assert (refused.code, refused.target) == ("InvalidRequest", "planHash")


def test_after_its_time_it_has_lapsed() -> None:
    late = NOW + 24 * HOUR
    assert approval.at_time(PENDING, late - MINUTE).state is ApprovalState.PENDING
    assert approval.at_time(PENDING, late).state is ApprovalState.LAPSED
    refused = approval.approve(PENDING, PLAN.hash, PLAN, ANNA, BERT, late)
    assert isinstance(refused, Problem)
    assert refused.code == "ApprovalLapsed"


def test_an_approval_lapses_when_the_world_moves_or_the_time_is_over_before_the_start() -> None:
    done = approval.approve(PENDING, PLAN.hash, PLAN, ANNA, BERT, NOW)
    assert isinstance(done, ApprovalRecord)
    assert approval.before_start(done, PLAN, NOW + HOUR) == done
    assert approval.before_start(done, CHANGED, NOW + HOUR).state is ApprovalState.LAPSED
    assert approval.before_start(done, PLAN, NOW + 25 * HOUR).state is ApprovalState.LAPSED


def test_a_rejection_ends_it_and_comes_from_a_person_only() -> None:
    ended = approval.reject(PENDING, BERT, "not tonight", NOW)
    assert isinstance(ended, ApprovalRecord)
    assert (ended.state, ended.by, ended.reason) == (ApprovalState.REJECTED, BERT, "not tonight")
    for refused in (approval.reject(ended, BERT, "again", NOW), approval.approve(ended, PLAN.hash, PLAN, ANNA, BERT, NOW)):
        assert isinstance(refused, Problem)
        assert refused.code == "NotAwaitingApproval"
    assert isinstance(approval.reject(PENDING, Actor("app", "x"), "no", NOW), Problem)


def test_in_a_commit_window_the_rule_decides_whether_ones_own_approval_counts() -> None:
    assert approval.approver_problem(ANNA, ANNA, two_person=False) is None
    assert approval.approver_problem(ANNA, ANNA, two_person=True) is not None
