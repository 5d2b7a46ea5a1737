"""Small draws of the campaigns with many data centers (`python3 -m tests.data_centers.at_large`)."""

from datetime import timedelta

import pytest

from shared.operations.running.budgets import Budgets
from tests.data_centers.at_large import IN_FLIGHT, busiest_minute, many_orders, many_waiting
from tests.data_centers.bench import START, bench
from tests.data_centers.documents import installation


async def test_thirty_orders_at_once_meet_lost_answers_errors_and_kills_and_all_end_as_the_model_has_it() -> None:
    outcome = await many_orders(30, per_minute=60)
    assert len(outcome.events) == 30
    assert outcome.killed > 10, "a campaign without kills shows nothing"
    assert outcome.most_in_flight == IN_FLIGHT, "a campaign that never fills the limit shows nothing of it"


async def test_the_checks_of_any_minute_are_within_the_installations_calls() -> None:
    outcome = await many_waiting(40, 15, per_minute=10)
    assert 0 < outcome.most_checks <= 10


def test_the_busiest_minute_is_that_with_most_moments() -> None:
    moments = [START + timedelta(seconds=each) for each in (0, 30, 59, 60, 61, 200)]
    assert busiest_minute(moments) == 4


async def test_calls_of_steps_count_into_the_calls_of_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []

    async def note(_self: Budgets, key: str, made: int) -> None:
        assert key == "azurePack/pack:60"
        noted.append(made)

    monkeypatch.setattr(Budgets, "note", note)
    async with bench(document=installation(calls={"perMinute": 60})) as app:
        await app.until_ended(await app.place())
        released = len(app.checked)
        assert 0 <= len(app.sent) - released - sum(noted) < 10, "the calls of less than ten are noted with the next ones"
