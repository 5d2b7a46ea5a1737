"""When the progress of a copy is read: what following a fleet costs, and how late an end is noticed."""

import math
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.copies.copying.rules.looks import REFRESH, SPARSE, TOGETHER, Expected, expected_end, next_check

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BY_SIZE = Expected.of(64)
MINUTES = st.floats(10, 3 * 1440).map(lambda minutes: minutes * MINUTE)


@given(
    age=st.floats(0, 14 * 1440),
    percent=st.integers(0, 99),
    size=st.integers(0, 40_000) | st.none(),
    earlier=st.lists(MINUTES, max_size=6).map(tuple),
    phase=st.floats(0, 1, exclude_max=True),
)
def test_each_look_comes_after_another_refresh_and_at_most_four_hours_later(
    age: float, percent: int, size: int | None, earlier: tuple[timedelta, ...], phase: float
) -> None:
    now = START + age * MINUTE
    at = next_check(START, now, percent, Expected.of(size, earlier), phase=phase)
    assert now < at <= now + 258 * MINUTE
    shown_before, shown_then = max(now - START - MINUTE / 2, timedelta()) // REFRESH, (at - START - MINUTE / 2) // REFRESH
    assert shown_then > shown_before, "it would show what the last one showed"
    closely = percent > 0 or max(now - START - REFRESH, timedelta()) < Expected.of(size, earlier).closely_until
    assert (at - START - MINUTE / 2) % REFRESH < TOGETHER or not closely, "soon after the refresh"


@given(age=st.floats(3 * 60, 47 * 60), phase=st.floats(0, 1, exclude_max=True))
def test_a_copy_whose_end_may_come_at_any_time_is_read_every_quarter_of_an_hour_with_the_others(age: float, phase: float) -> None:
    at = next_check(START, START + age * MINUTE, 0, BY_SIZE, phase=phase)
    assert next_check(START, at, 0, BY_SIZE, phase=phase) == at + SPARSE == at + 15 * MINUTE
    other = next_check(START - 7 * MINUTE, at, 0, BY_SIZE, phase=phase)
    assert other in {at + SPARSE, at + 2 * SPARSE}


@given(ages=st.lists(st.floats(0, 1440), min_size=2, max_size=5), phase=st.integers(0, 15).map(lambda one: one / 16))
def test_the_looks_of_one_phase_are_at_moments_apart_and_those_of_another_between_them(ages: list[float], phase: float) -> None:
    looks = [next_check(START - age * MINUTE, START, 0, BY_SIZE, phase=phase) for age in ages]
    assert all((one - looks[0]) % TOGETHER == timedelta() for one in looks)
    other = next_check(START, START, 0, BY_SIZE, phase=(phase + 0.5) % 1)
    assert (other - looks[0]) % TOGETHER == TOGETHER / 2


def test_the_first_look_is_after_the_first_refresh() -> None:
    first = next_check(START, START, 0, Expected())
    assert 10 * MINUTE < first - START <= 18 * MINUTE


def test_what_to_expect() -> None:
    assert Expected.of(None).duration == 3 * HOUR
    assert Expected.of(500, (40 * MINUTE,)).duration == 40 * MINUTE
    assert Expected.of(500, (HOUR, 9 * HOUR, 2 * HOUR)).duration == 2 * HOUR, "the median"
    assert Expected.of(500, (HOUR,) * 5 + (9 * HOUR,) * 9).duration == HOUR, "the last five"
    assert Expected.of(10).duration < Expected.of(400).duration <= Expected.of(40_000).duration <= DAY


def test_the_end_is_expected_by_percent_else_by_what_earlier_copies_took() -> None:
    now = START + HOUR
    assert abs(expected_end(START, now, 50, Expected()) - (START + 2 * HOUR)) < 2 * MINUTE
    assert expected_end(START, now, 0, Expected.of(10, (2 * HOUR,))) == START + 2 * HOUR
    assert expected_end(START, now, 0, Expected.of(10)) == START + 30 * MINUTE, "it may have passed"


def test_a_copy_without_a_percent_is_left_alone_until_its_end_is_likely() -> None:
    usual = Expected.of(10, (10 * HOUR, 11 * HOUR, 9 * HOUR))
    ages, at = [], START
    while at - START < 20 * HOUR:
        at = next_check(START, at, 0, usual)
        ages.append((at - START) / HOUR)
    assert [age for age in ages if 0.5 < age < 7] == [age for age in ages if 4 < age < 5], "one look in four hours"
    assert len([age for age in ages if 7.5 < age < 16]) >= 50, "each refresh"


@dataclass(frozen=True)
class Followed:
    """What following some copies costs: reads, and minutes from when Azure shows the end until it is read."""

    reads: float
    median: float
    p99: float


def follow(
    duration: timedelta, chance: random.Random, *, shown: Callable[[float], float], expected: Expected, phase: float
) -> tuple[int, float]:
    """Follow one copy by the rules; the number of reads, and how many minutes Azure had shown it as finished by the last."""
    visible = START + REFRESH * math.ceil(duration / REFRESH)
    at, calls = next_check(START, START, 0, expected, phase=phase), 0
    while True:
        now = at + timedelta(seconds=chance.uniform(0, 45))  # the tick, the queue, the call
        calls += 1
        refreshed = REFRESH * ((now - START) // REFRESH)
        if refreshed >= duration:
            return calls, (now - visible) / MINUTE
        at = next_check(START, now, int(99.9 * shown(refreshed / duration)), expected, phase=phase)


def fleet(shown: Callable[[float], float], *, earlier: int = 0, sigma: float = 1.09) -> Followed:
    """800 copies of a median of 3 hours, each with so many earlier ones, whose durations differ from its own by a fifth."""
    chance = random.Random(7)  # noqa: S311  # the same copies in each run
    runs = []
    for number in range(800):
        minutes = min(max(3.0, chance.lognormvariate(math.log(180), sigma)), 2400)
        history = tuple(minutes * MINUTE * math.exp(chance.gauss(0, 0.2)) for _ in range(earlier))
        runs.append(follow(minutes * MINUTE, chance, shown=shown, expected=Expected.of(64, history), phase=number % 16 / 16))
    delays = sorted(delay for _, delay in runs)
    return Followed(statistics.mean(calls for calls, _ in runs), statistics.median(delays), delays[int(0.99 * len(delays))])


def steady(done: float) -> float:
    """Show progress as it is."""
    return done


def nothing(_done: float) -> float:
    """Show only 0 and 100."""
    return 0.0


def test_copies_that_show_their_percent_take_four_reads_and_are_noticed_within_ten_minutes() -> None:
    found = fleet(steady)
    assert found.reads <= 3.5
    assert found.p99 <= 9
    slowing = fleet(lambda done: done**0.5)
    assert slowing.reads <= 11
    assert slowing.p99 <= 9


def test_copies_without_a_percent_and_without_earlier_ones_are_noticed_within_sixteen_minutes() -> None:
    chance = random.Random(7)  # noqa: S311  # the same copies in each run
    durations = [min(chance.lognormvariate(math.log(180), 1.09), 2400) * MINUTE for _ in range(1000)]
    found = [follow(one, chance, shown=nothing, expected=BY_SIZE, phase=0.3) for one in durations]
    delays = sorted(delay for _, delay in found)
    assert delays[int(0.75 * len(delays))] <= 10
    assert delays[-1] <= 16.5
    every_minute = statistics.mean(REFRESH * math.ceil(one / REFRESH) / MINUTE for one in durations)
    reads = 0.8 * fleet(steady).reads + 0.2 * statistics.mean(calls for calls, _ in found)
    assert reads <= every_minute / 40, "a fleet of which a fifth shows no percent"


def test_earlier_copies_of_the_chain_halve_the_reads_of_copies_without_a_percent() -> None:
    """docs/azure/restore-points.md: once a minute is 326 reads a copy; a fleet of which a fifth shows no percent takes 40 times fewer."""
    without, known = fleet(nothing), fleet(nothing, earlier=5)
    assert known.reads <= 0.6 * without.reads
    assert known.p99 <= 10
    assert 0.8 * fleet(steady, earlier=5).reads + 0.2 * known.reads <= 315 / 40


def test_few_earlier_copies_narrow_the_time_less() -> None:
    one, three = Expected.of(64, (3 * HOUR,)), Expected.of(64, (3 * HOUR,) * 3)
    assert one.likely[0] < three.likely[0]
    assert one.likely[1] > three.likely[1]
