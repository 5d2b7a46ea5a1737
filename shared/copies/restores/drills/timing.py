"""When drills of a policy are due: every so often from the policy's making on."""

from datetime import datetime, timedelta


def due_instant(created_at: datetime, every: timedelta, counted_after: datetime, now: datetime) -> datetime | None:
    """Return the newest instant up to `now`, None where none is later than `counted_after`: several missed ones are one."""
    periods = (now - created_at) // every
    instant = created_at + periods * every
    return instant if periods >= 1 and instant > counted_after else None


def next_instant(created_at: datetime, every: timedelta, counted_after: datetime, now: datetime) -> datetime:
    """Return the first instant later than `now` and `counted_after`."""
    after = max(now, counted_after, created_at)
    return created_at + ((after - created_at) // every + 1) * every


def drill_key(policy_id: str, instant: str, region: str | None = None) -> str:
    """Return the key of a drill; that of the first region is of the policy and the instant alone."""
    return f"{policy_id}@drill@{instant}" + (f"/{region}" if region is not None else "")
