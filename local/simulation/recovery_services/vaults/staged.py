"""What time makes of items and plans: rows that appear, pass through stages and are deleted at moments that are known ahead.

Each of the two takes these functions as its methods.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from local.simulation.arm.tables import Json
from local.simulation.recovery_services.vaults.models import Stage
from local.simulation.times import to_text

S = TypeVar("S", bound=Any)
"""An item or a plan: mypy cannot check a protocol against a class whose methods these functions are."""


def is_there(row: S, now: datetime) -> bool:
    """Return whether a row can be read."""
    return bool((row.appears_at is None or row.appears_at <= now) and (row.deleted_at is None or now < row.deleted_at))


def at(row: S, now: datetime) -> S:
    """Return what a row is by now."""
    due = [stage for stage in row.ahead if stage.at <= now]
    if not due:
        return row
    members: Json = {}
    for stage in due:
        members |= stage.members
    return becoming(row, **members, ahead=[stage.as_json() for stage in row.ahead if stage.at > now])


def becoming(row: S, **members: object) -> S:
    """Return a row with members in their JSON form changed."""
    changed: S = row.from_json(row.as_json() | members)
    return changed


def then(row: S, when: datetime, members: Mapping[str, Any]) -> S:
    """Return a row with one stage more ahead."""
    stages = sorted((*row.ahead, Stage(when, dict(members))), key=lambda stage: stage.at)
    return replace(row, ahead=tuple(stages))


def started(job: str, scenario: str, now: datetime) -> Json:
    """Return the members of a row on which a job begins to work."""
    return {"job": job, "scenario": scenario, "scenarioStart": to_text(now)}


#: The members of a row on which no job works.
IDLE: Json = {"job": None, "scenario": None, "scenarioStart": None}
