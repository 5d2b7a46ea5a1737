"""The `$filter` of Site Recovery's lists: conditions joined by `and`, as its own clients write them (spec, `JobQueryParameter`)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError
from local.simulation.ids import key, name
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.jobs.job import Job
from local.simulation.recovery_services.names import fabric_of
from local.simulation.recovery_services.plans.plan import Plan
from local.simulation.times import from_text

_CONDITION = re.compile(r"\s*(?:properties/)?(\w+)\s+(eq|ge|gt|le|lt|ne)\s+(?:datetime)?(?:'([^']*)'|([^\s']+))\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Condition:
    name: str
    operator: str
    value: str


def _conditions(call: Call) -> list[_Condition]:
    text = call.query.get("$filter", "").strip()
    if not text:
        return []
    found = []
    for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE):
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise _invalid(f"'{part}' is not a condition such as \"jobStatus eq 'InProgress'\".")
        found.append(
            _Condition(match.group(1).lower(), match.group(2).lower(), match.group(3) if match.group(3) is not None else match.group(4))
        )
    return found


def _invalid(reason: str) -> ArmError:
    return ArmError(400, "InvalidFilter", f"The filter of the request is not valid. {reason}", target="$filter")


def _moment(condition: _Condition) -> datetime:
    try:
        found = from_text(condition.value.replace(" ", "T"))
    except ValueError:
        raise _invalid(f"'{condition.value}' is no time.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def jobs(call: Call) -> Callable[[Job], bool]:
    """Return whether a job is one that was asked for: by `jobStatus`, `startTime`, `endTime`, `jobName`, `fabricId`, `targetObjectId` …

    `startTime eq` means begun then or later, and `endTime eq` begun then or earlier, as in the portal.
    """
    tests = [_job_test(each, call.now) for each in _conditions(call)]
    return lambda job: all(test(job) for test in tests)


def _job_test(condition: _Condition, now: datetime) -> Callable[[Job], bool]:
    wanted = [each.strip().lower() for each in condition.value.split(",")]
    members: dict[str, Callable[[Job], str]] = {
        "scenarioname": lambda job: "" if job.placeholder(now) else job.scenario,
        "jobname": lambda job: job.name,
        "targetobjectid": lambda job: "" if job.placeholder(now) else job.target_object_id,
        "targetobjectname": lambda job: "" if job.placeholder(now) else job.target_name,
        "fabricid": lambda job: fabric_of(job.target) if len(job.target.split("/")) > 10 else "",
        "affectedobjecttypes": lambda job: job.target_type,
        "affectedobjecttype": lambda job: job.target_type,
        **dict.fromkeys(("jobstatus", "status", "state"), lambda job: job.state(now)),
    }
    if condition.name in ("starttime", "endtime"):
        at = _moment(condition)
        operator = {"eq": "ge" if condition.name == "starttime" else "le"}.get(condition.operator, condition.operator)
        return lambda job: _compared(job.started_at, operator, at)
    read = members.get(condition.name)
    if read is None or condition.operator not in ("eq", "ne"):
        raise _invalid(f"'{condition.name} {condition.operator}' is not supported.")
    return lambda job: (read(job).lower() in wanted) is (condition.operator == "eq")


def _compared(left: datetime, operator: str, right: datetime) -> bool:
    return {"ge": left >= right, "gt": left > right, "le": left <= right, "lt": left < right, "eq": left == right, "ne": left != right}[
        operator
    ]


def items(call: Call, plans: list[Plan]) -> Callable[[Item], bool]:
    """Return whether a protected item is one that was asked for: by `instanceType`, `sourceFabricName`, `recoveryPlanName`."""
    tests = [_item_test(each, plans) for each in _conditions(call)]
    return lambda item: all(test(item) for test in tests)


def _item_test(condition: _Condition, plans: list[Plan]) -> Callable[[Item], bool]:
    wanted = condition.value.lower()
    if condition.name == "recoveryplanname":
        items_of_plans = {
            key(member) for plan in plans if wanted in (name(plan.id).lower(), plan.friendly_name.lower()) for member in plan.members
        }
        return lambda item: key(item.id) in items_of_plans
    members: dict[str, Callable[[Item], Any]] = {
        "instancetype": lambda item: item.provider.value,
        "sourcefabricname": lambda item: name(fabric_of(item.id)),
        "sourcefabriclocation": lambda item: item.source.get("location") or "",
    }
    read = members.get(condition.name)
    if read is None or condition.operator != "eq":
        raise _invalid(f"'{condition.name} {condition.operator}' is not supported.")
    return lambda item: str(read(item)).lower() == wanted
