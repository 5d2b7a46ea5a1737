"""The schedule of a copy policy, as a document and as the rule that it means."""

import re
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from shared.clock import to_text
from shared.copies.policies.fields import DurationSchema, DurationText, Part, duration_between, refuse
from shared.schedules.catching_up import CatchUp
from shared.schedules.cron import Cron
from shared.schedules.errors import ScheduleError
from shared.schedules.every import Every
from shared.schedules.schedule import Schedule
from shared.schedules.windows import DAYS, Window
from shared.schedules.zones import find_zone

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_ANCHOR = datetime(2000, 1, 1)  # noqa: DTZ001  # in the policy's time zone
_MINUTE = timedelta(minutes=1)
_FIRST_YEAR, _LAST_YEAR = 1970, 2200


class Day(StrEnum):
    """A day of the week, in the order of `DAYS`."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


def _time(text: str) -> str:
    if _TIME.fullmatch(text) is None:
        raise refuse(f"'{text[:40]}' is not a time of day, for example 22:30.")
    return text


def _days(days: tuple[Day, ...]) -> tuple[Day, ...]:
    return tuple(day for day in Day if day in days)


def _cron(text: str) -> str:
    try:
        Cron(text)
    except ScheduleError as error:
        raise refuse(str(error)) from None
    return " ".join(text.upper().split())


def _zone(name: str) -> str:
    try:
        find_zone(name)
    except ScheduleError as error:
        raise refuse(str(error)) from None
    return name


def _anchor(value: object) -> object:
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise refuse("The anchor is an ISO 8601 time; without an offset it is local. For example 2026-01-01T00:00 or 2026-01-01T00:00:00Z.")
    return found.replace(microsecond=0)


def _anchor_text(anchor: datetime) -> str:
    return anchor.isoformat() if anchor.tzinfo is None else to_text(anchor)


def _whole_minutes(period: timedelta) -> timedelta:
    if period % _MINUTE:
        raise refuse("The period must be whole minutes.")
    return period


TimeOfDay = Annotated[str, AfterValidator(_time), WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"})]


class WindowDocument(Part):
    """A daily window of local time; without `days` it is of every day."""

    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")
    days: Annotated[tuple[Day, ...], AfterValidator(_days)] = ()

    def rule(self) -> Window:
        """Return the window; raises `ScheduleError` (window)."""
        numbers = frozenset(DAYS.index(day.value) for day in self.days) if self.days else frozenset(range(len(DAYS)))
        return Window(time.fromisoformat(self.start), time.fromisoformat(self.end), numbers)


class ScheduleDocument(Part):
    """When slots are due: exactly one of `cron` and `every`."""

    cron: Annotated[str, AfterValidator(_cron)] | None = None
    every: (
        Annotated[
            timedelta,
            AfterValidator(_whole_minutes),
            duration_between(timedelta(hours=1), timedelta(days=31)),
            DurationText,
            DurationSchema,
        ]
        | None
    ) = None
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    anchor: (
        Annotated[
            datetime,
            BeforeValidator(_anchor),
            PlainSerializer(_anchor_text, return_type=str, when_used="json"),
            WithJsonSchema({"type": "string", "format": "date-time"}),
        ]
        | None
    ) = None
    window: WindowDocument | None = None
    catch_up: CatchUp = CatchUp.RUN

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return find_zone(self.time_zone)

    def rule(self) -> Schedule:
        """Return the schedule; raises `ScheduleError`."""
        zone = self.zone
        window = self.window.rule() if self.window is not None else None
        if self.cron is not None:
            return Schedule(Cron(self.cron), zone, window)
        anchor = self.anchor or _ANCHOR
        return Schedule(Every(self.every or timedelta(), anchor if anchor.tzinfo else anchor.replace(tzinfo=zone)), zone, window)
