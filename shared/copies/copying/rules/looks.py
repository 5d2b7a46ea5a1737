"""When the progress of a copy is read, and when its end is expected (docs/design/copies.md, "Checks"). Pure.

The percent of a copy that shows it gives its earliest end; the next read shows the first refresh that can show it. One that shows only 0
and 100 is read at every refresh while its end is likely by the durations of earlier copies of its chain. Without any, its end is as likely
at one refresh as at the next: it is read at every refresh from a quarter of the time that its size suggests until half of it, at least two
hours, and every quarter of an hour from then on.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

REFRESH = timedelta(minutes=10)
"""The interval at which Azure refreshes the percent; more frequent reads return the same value."""
REFRESH_SHOWS = timedelta(seconds=30)
"""The delay after a refresh at which its figures are visible."""
TOGETHER = timedelta(minutes=7.5)
"""The reads of a tenant's copies come at moments this far apart, so that many of them are one message and one write."""
SPARSE = 2 * TOGETHER
"""The moments at which copies are read whose end may come at any time: some of these reads show two refreshes."""
LONGEST = timedelta(minutes=240)
"""The longest interval between two reads."""
LONGEST_BLIND = timedelta(minutes=60)
"""The same for a copy that shows no percent, past the time at which its end is likely."""

USUAL = timedelta(hours=3)
"""The median duration of a copy; the estimate where nothing else is known."""
ASSUMED_GB_PER_HOUR = 100
MOST_EARLIER = 5
"""Of how many earlier copies the durations count."""

_LEAST_CLOSELY = timedelta(hours=2)
_LIKELY_UNTIL = timedelta(hours=48)
"""One in a hundred copies of the durations of docs/azure/restore-points.md takes longer."""
_EARLIEST_BY_SIZE, _CLOSELY_BY_SIZE = 1 / 4, 1 / 2
_AROUND_FEW, _AROUND_SEVERAL = (0.5, 2.0), (0.8, 1.5)
"""By which factors a copy may be faster or slower than one or two, and than more, earlier copies."""
_SEVERAL = 3
_BEYOND = 1 / 3
_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Expected:
    """How long a copy is expected to take: by its size, and by earlier copies of its chain and sort (full or not), the newest first."""

    by_size: timedelta = USUAL
    earlier: tuple[timedelta, ...] = ()

    @classmethod
    def of(cls, size_gb: int | None, earlier: tuple[timedelta, ...] = ()) -> "Expected":
        """Return what is expected of a copy of this size; `earlier` has its chain's last durations."""
        if size_gb is None:
            return cls(USUAL, earlier)
        by_size = timedelta(hours=size_gb / ASSUMED_GB_PER_HOUR)
        return cls(max(timedelta(minutes=30), min(timedelta(hours=24), by_size)), earlier)

    @property
    def duration(self) -> timedelta:
        """The median of the earlier durations, else that by size."""
        seconds = [one.total_seconds() for one in self.earlier[:MOST_EARLIER]]
        return max(REFRESH, timedelta(seconds=median(seconds))) if seconds else self.by_size

    @property
    def closely_until(self) -> timedelta:
        """The age until which a copy that shows no percent is read at every refresh."""
        return self.likely[1] if self.earlier else max(_LEAST_CLOSELY, self.by_size * _CLOSELY_BY_SIZE)

    @property
    def likely(self) -> tuple[timedelta, timedelta]:
        """The ages between which the end of a copy that shows no percent is likely."""
        known = self.earlier[:MOST_EARLIER]
        if not known:
            return self.by_size * _EARLIEST_BY_SIZE, _LIKELY_UNTIL
        faster, slower = _AROUND_SEVERAL if len(known) >= _SEVERAL else _AROUND_FEW
        return min(known) * faster, max(known) * slower + REFRESH


def expected_end(started_at: datetime, now: datetime, percent: int, expected: Expected) -> datetime:
    """Return when a copy is expected to end, by the latest read; of one that shows no percent a moment that may have passed."""
    age = max(now - started_at, timedelta())
    if percent > 0:
        return now + age * (100 - percent) / (percent + 0.5)  # what is shown is rounded down
    return started_at + expected.duration


def next_check(started_at: datetime, now: datetime, percent: int, expected: Expected, *, phase: float = 0.0) -> datetime:
    """Return when to read a copy next; `percent` is that of the latest read.

    The first read comes just after the first refresh: before it Azure shows nothing. Each read comes after another refresh, 4 hours and
    18 minutes later at most. `phase` is a number from 0 to 1: reads with the same one are at the same moments, `TOGETHER` apart.
    """
    shown = max((now - started_at - REFRESH_SHOWS) // REFRESH, 0) * REFRESH
    wait = max(REFRESH, min(_wait(shown, percent, expected), LONGEST))
    # the first refresh that can show the end
    at = started_at + shown - (-wait // REFRESH) * REFRESH + REFRESH_SHOWS
    any_time = percent == 0 and shown >= expected.closely_until
    return _together(at, phase, SPARSE if any_time else TOGETHER)


def _wait(age: timedelta, percent: int, expected: Expected) -> timedelta:
    """Return for how long after a refresh, at this age of the copy, a later one is likely to show no end."""
    if percent > 0:
        # what is shown is rounded down: the end may be nearer by one percent
        return age * (99 - percent) / (percent + 1)
    first, last = expected.likely
    if age < first:
        return first - age if age else REFRESH
    return REFRESH if age < last else min((age - last) * _BEYOND, LONGEST_BLIND)


def _together(at: datetime, phase: float, apart: timedelta) -> datetime:
    """Return the first of the moments of a phase, so far apart, that is not before a time."""
    offset = _ORIGIN + phase * TOGETHER
    return offset - ((offset - at) // apart) * apart
