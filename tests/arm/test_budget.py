"""Reading call budgets from headers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from shared.arm.budget import BudgetKey, Observation, OperationType, merge, observe, operation_type, parse_resources

KEY = BudgetKey("system", "11111111-1111-1111-1111-111111111111", OperationType.READ)
TEN = datetime(2026, 3, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "counted_as"),
    [("GET", "read"), ("HEAD", "read"), ("DELETE", "delete"), ("PUT", "write"), ("POST", "write"), ("PATCH", "write")],
)
def test_what_arm_counts_a_method_as(method: str, counted_as: str) -> None:
    assert operation_type(method) == counted_as


def test_the_tightest_bucket_counts() -> None:
    headers = {
        "X-Ms-Ratelimit-Remaining-Subscription-Reads": "249",
        "x-ms-ratelimit-remaining-subscription-global-reads": "17",
        "x-ms-ratelimit-remaining-subscription-writes": "3",
    }
    observation = observe(KEY, 200, CIMultiDict(headers))
    assert observation is not None
    assert (observation.remaining, observation.retry_after, observation.date) == (17, None, None)


def test_a_refusal_means_that_nothing_is_left() -> None:
    observation = observe(KEY, 429, CIMultiDict({"Retry-After": "12", "Date": "Tue, 03 Mar 2026 10:00:00 GMT"}))
    assert observation == Observation(KEY, remaining=0, retry_after=12, date=TEN)


def test_an_answer_may_be_empty() -> None:
    assert observe(KEY, 200, CIMultiDict({"Retry-After": "12"})) is None


def test_the_providers_own_buckets() -> None:
    text = "Microsoft.Compute/LowCostGet3Min;3997,Microsoft.Compute/LowCostGet30Min;31997"
    assert parse_resources(text) == (("Microsoft.Compute/LowCostGet3Min", 3997), ("Microsoft.Compute/LowCostGet30Min", 31997))
    observation = observe(KEY, 200, CIMultiDict({"x-ms-ratelimit-remaining-resource": text}))
    assert observation is not None
    assert observation.resources[1] == ("Microsoft.Compute/LowCostGet30Min", 31997)


@given(st.text(max_size=60))
def test_no_header_breaks_it(text: str) -> None:
    observe(KEY, 429, CIMultiDict({"x-ms-ratelimit-remaining-resource": text, "x-ms-ratelimit-remaining-subscription-reads": text}))


def test_a_later_success_does_not_hide_a_wait_that_still_runs() -> None:
    refused = Observation(KEY, 0, 60.0, TEN)
    success = Observation(KEY, 5, None, TEN + timedelta(seconds=20))
    assert merge(refused, success) == replace(success, retry_after=40.0)
    assert merge(refused, replace(success, date=TEN + timedelta(seconds=61))).retry_after is None
    assert merge(refused, replace(success, retry_after=5.0)).retry_after == 5.0
    assert merge(None, success) == success
