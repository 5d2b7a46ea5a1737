"""Moments and durations as Azure and the control surface write them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from shared.clock import from_text, to_text

__all__ = ["duration", "from_text", "http_date", "moment", "text_or_none", "to_text"]

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def duration(text: str) -> timedelta:
    """Read an ISO 8601 duration of weeks, days, hours, minutes and seconds; raises `ValueError` for anything else."""
    match = _DURATION.fullmatch(text)
    parts = {name: float(value) for name, value in match.groupdict().items() if value is not None} if match else {}
    if not parts:
        raise ValueError(f"'{text}' is not an ISO 8601 duration of weeks, days, hours, minutes or seconds")
    return timedelta(**parts)


def moment(body: Mapping[str, Any], name: str) -> datetime | None:
    """Read the member `name` as a moment; None where it is missing or null; raises `ValueError` where it is no moment."""
    value = body.get(name)
    return None if value is None else from_text(str(value))


def text_or_none(value: datetime | None) -> str | None:
    """Write a moment, or nothing."""
    return None if value is None else to_text(value)


def http_date(value: datetime) -> str:
    """Write a moment as the `Date` header does: whole seconds, GMT."""
    return format_datetime(value.astimezone(UTC).replace(microsecond=0), usegmt=True)
