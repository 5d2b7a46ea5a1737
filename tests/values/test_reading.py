"""Readers of foreign JSON: what counts as absent, and that nothing raises."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.values import reading
from shared.values.absence import BETWEEN_LOOKS, LASTS, LOOKS, Absence, not_shown

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(st.dictionaries(st.sampled_from(["a", "A", "b"]), ANYTHING))
def test_no_reader_raises(holder: dict[str, Any]) -> None:
    for name in ("an_object", "objects", "text", "texts", "whole", "flag", "moment", "code"):
        getattr(reading, name)(holder, "a")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("5", 5),
        (" -5 ", -5),
        (5.0, 5),
        (5.5, None),
        (True, None),
        ("five", None),
        ("5.5", None),
        ("\u0665", None),
        ("9" * 5000, None),
        (None, None),
        ([5], None),
    ],
)
def test_a_whole_number_may_be_written_as_text(value: object, number: int | None) -> None:
    assert reading.whole({"n": value}, "n") == number


@pytest.mark.parametrize(("value", "truth"), [(True, True), ("False", False), ("yes", None), (1, None), (None, None)])
def test_a_truth_value_may_be_written_as_text(value: object, truth: bool | None) -> None:
    assert reading.flag({"n": value}, "n") is truth


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-01T12:00:00.0000000Z", NOW),
        ("2026-03-01T13:00:00+01:00", NOW),
        ("2026-03-01T12:00:00", NOW),
        ("0001-01-01T00:00:00", None),
        ("1753-01-01T01:01:01Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        (5, None),
    ],
)
def test_a_time_before_1970_is_none(value: object, moment: datetime | None) -> None:
    assert reading.moment({"t": value}, "t") == moment


def test_a_member_is_found_in_any_case_its_own_first() -> None:
    assert reading.text({"OSDetails": "x", "osDetails": "y"}, "osDetails") == "y"
    assert reading.text({"oSDetails": "x"}, "osDetails") == "x"
    assert reading.text({"a": None, "b": "x"}, "a", "b") == "x"
    assert reading.code({"errorCode": 28031}, "errorCode") == "28031"
    assert reading.one_of("partially succeeded", ["PartiallySucceeded"]) == "PartiallySucceeded"
    assert reading.one_of(None, ["x"]) is None


def test_a_thing_counts_as_gone_after_several_looks_over_ten_minutes() -> None:
    absence = None
    for look in range(LOOKS):
        now = NOW + look * BETWEEN_LOOKS
        absence = not_shown(absence, now)
        assert not absence.lasts_long_enough(now), "a few looks within a short time prove nothing"
    assert absence is not None
    assert not not_shown(None, NOW).lasts_long_enough(NOW + LASTS), "nor does one look"
    assert absence.lasts_long_enough(NOW + LASTS)
    assert Absence.from_json(json.loads(json.dumps(absence.as_json()))) == absence
    assert Absence.from_json({"since": 5}) is None
    assert BETWEEN_LOOKS * (LOOKS - 1) < LASTS
