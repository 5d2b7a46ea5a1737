"""Timer schedules and what is refused of them."""

from datetime import UTC, datetime

import pytest

from local.host.schedule import Schedule

NOW = datetime(2026, 3, 14, 10, 20, 30, 500000, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("*/30 * * * * *", datetime(2026, 3, 14, 10, 21, tzinfo=UTC)),
        ("15 */5 * * * *", datetime(2026, 3, 14, 10, 25, 15, tzinfo=UTC)),
        ("0 0 9-17/4 * * *", datetime(2026, 3, 14, 13, tzinfo=UTC)),
        ("0 30 9 * JAN,jul MON-FRI", datetime(2026, 7, 1, 9, 30, tzinfo=UTC)),
        ("0 0 0 13 * 5", datetime(2026, 11, 13, tzinfo=UTC)),  # the 13th AND a Friday
        ("0 0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_next_slot(text: str, slot: datetime) -> None:
    assert Schedule(text).after(NOW) == slot


def test_a_slot_is_later_than_the_moment_itself() -> None:
    slot = datetime(2026, 3, 14, 10, 21, tzinfo=UTC)
    assert Schedule("*/30 * * * * *").after(slot) == datetime(2026, 3, 14, 10, 21, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*/5 * * * *", "six are needed"),
        ("* * * * * * *", "six are needed"),
        ("60 * * * * *", "second"),
        ("0 0 24 * * *", "hour"),
        ("0 0 0 0 * *", "day of the month"),
        ("0 0 0 * 13 *", "month"),
        ("0 0 0 * * 7", "day of the week"),
        ("0 0 0 L * *", "day of the month"),
        ("0 0 0 15W * *", "day of the month"),
        ("0 0 0 * * 1#2", "day of the week"),
        ("0 0 0 ? * *", "day of the month"),
        ("*/0 * * * * *", "second"),
        ("30-10 * * * * *", "second"),
        ("0 0 0 30 2 *", "matches no time"),
    ],
)
def test_what_the_real_host_does_not_understand_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Schedule(text)
