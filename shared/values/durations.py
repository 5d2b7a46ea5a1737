"""ISO 8601 durations: weeks, days, hours, minutes, seconds. Years and months are refused: their length varies."""

import re
from datetime import timedelta

_FORM = re.compile(
    r"P(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,4})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,8}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)


def parse_duration(text: str) -> timedelta:
    """Read `PT4H`, `P1DT30M`, `PT90S`; raises `ValueError` with a message for the caller."""
    found = _FORM.fullmatch(text)
    if found is None or text == "P":
        raise ValueError(f"'{text[:40]}' is not a valid duration. Use ISO 8601 without years and months, for example PT30M, PT4H or P1D")
    return timedelta(**{unit: float(value) for unit, value in found.groupdict().items() if value is not None})


def duration_text(span: timedelta) -> str:
    """Write a duration that is not negative as ISO 8601: days, hours, minutes, seconds, those that are not zero."""
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f"{seconds + span.microseconds / 1_000_000:.6f}".rstrip("0").rstrip(".")
    date = f"{span.days}D" if span.days else ""
    time = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M")) if value) + (
        f"{fraction}S" if fraction != "0" else ""
    )
    return f"P{date}{f'T{time}' if time else ''}" if date or time else "PT0S"


def readable_duration(span: timedelta) -> str:
    """Return a duration for people: in the largest unit of which there are at least two, else the next smaller one."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds" if seconds != 1 else "1 second"
