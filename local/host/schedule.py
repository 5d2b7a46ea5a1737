"""Timer schedules: NCRONTAB with six fields, as the real host reads them (docs/azure/functions-host.md)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from croniter import CroniterBadDateError, croniter  # type: ignore[import-untyped]  # ships no types

_MONTHS = {"JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6}
_MONTHS |= {"JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12}
_DAYS: Final = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}
_FIELDS: Final[tuple[tuple[str, int, int, dict[str, int]], ...]] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART: Final = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The slots of a timer, in UTC: six fields, seconds first; day of month and day of week must both match.

    Raises `ValueError` that names the wrong field, or that no time ever matches.
    """

    text: str

    def __post_init__(self) -> None:
        fields = self.text.split()
        if len(fields) != len(_FIELDS):
            raise ValueError(f"the schedule {self.text!r} has {len(fields)} fields; six are needed, seconds first")
        for field, (name, least, most, names) in zip(fields, _FIELDS, strict=True):
            for part in field.split(","):
                if not _allowed(part, least, most, names):
                    raise ValueError(f"the {name} {field!r} of the schedule {self.text!r} is not understood ({least}-{most})")
        try:
            self.after(datetime(2024, 1, 1, tzinfo=UTC))
        except CroniterBadDateError as error:
            raise ValueError(f"the schedule {self.text!r} matches no time") from error

    def after(self, moment: datetime) -> datetime:
        """Return the first slot later than `moment` (aware), in UTC."""
        slots = croniter(self.text, moment.astimezone(UTC), second_at_beginning=True, day_or=False)
        slot: datetime = slots.get_next(datetime)
        return slot


def _allowed(part: str, least: int, most: int, names: dict[str, int]) -> bool:
    match = _PART.fullmatch(part)
    if match is None or (match["step"] is not None and int(match["step"]) == 0):
        return False
    if match["first"] is None:
        return True
    bounds = [_number(text, names) for text in (match["first"], match["last"] or match["first"])]
    first, last = bounds
    return first is not None and last is not None and least <= first <= last <= most


def _number(text: str, names: dict[str, int]) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else names.get(text.upper())
